"""Where the rows of a registered table come from.

A source is one line: ``abalone/abalone.csv`` is a file of the public data sets, ``sklearn:iris``
and ``statsmodels:fair`` are data that ship inside those libraries, and ``joined:berka_loan`` is a
table made of several files of one data set (bench/joins.py). None of them needs a network.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd

from bench import joins
from bench.report import data_directory
from synthtab.files import read_frame


def frame(source: str | Path) -> pd.DataFrame:
    """Return all rows and columns of a source; a Path is a file anywhere.

    SystemExit says what is missing where the public data sets, or one of their files, are not.
    """
    if isinstance(source, Path):
        return read_frame(source)
    found = _found(source)
    digits = DIGITS.get(source)
    if digits is None:
        return found
    long = [c for c in found.columns if not pd.api.types.is_integer_dtype(found[c])]
    long = [c for c in long if pd.api.types.is_numeric_dtype(found[c])]
    return found.assign(**{c: found[c].astype(float).round(digits) for c in long})


def _found(source: str) -> pd.DataFrame:
    kind, _, name = source.rpartition(":")
    if kind == "sklearn":
        return _sklearn(name)
    if kind == "statsmodels":
        return _statsmodels(name)
    if kind == "joined":
        return joins.JOINS[name](_shared)
    return _shared(name)


def _shared(name: str) -> pd.DataFrame:
    path = data_directory() / name
    for found in (path, path.with_name(path.name + ".gz")):
        if found.exists():
            return read_frame(found)
    raise SystemExit(f"bench: there is no {name} in {data_directory()}")


def _sklearn(name: str) -> pd.DataFrame:
    """Return a data set of scikit-learn in natural units, a class by its name."""
    module = importlib.import_module("sklearn.datasets")
    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(module, f"load_{name}")(as_frame=True, **options)
    table: pd.DataFrame = bunch.frame
    if hasattr(bunch, "target_names") and name != "digits":
        table["target"] = [str(bunch.target_names[code]) for code in table["target"]]
    table.columns = pd.Index([_plain(str(c)) for c in table.columns])
    return _whole(table)


def _plain(name: str) -> str:
    """Return a column's name without its unit, blanks and slashes as underscores."""
    return name.partition(" (")[0].replace(" ", "_").replace("/", "_")


DIGITS = {
    "insurance/insurance.csv": 2,
    "loan_prediction/loan_prediction.csv": 2,
    "nyc_flights/airports.csv": 4,
    "nyc_flights/weather.csv": 2,
    "online_shoppers/online_shoppers.csv": 4,
    "pbc_followup/pbc_followup.csv": 2,
    "sklearn:wine": 3,
    "statsmodels:engel": 2,
    "statsmodels:fair": 4,
    "statsmodels:interest_inflation": 5,
    "statsmodels:star98": 2,
    "url_phishing/url_phishing.csv": 9,
    "wine_quality/wine_quality.csv": 5,
}
"""Digits after the point that are kept of a source which shows more than its numbers mean."""


def _statsmodels(name: str) -> pd.DataFrame:
    """Return a data set of statsmodels; its index says nothing."""
    module = importlib.import_module(f"statsmodels.datasets.{name}")
    table: pd.DataFrame = module.load_pandas().data
    return _whole(table)


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with floats that are all whole as integers: 3.0 visits are 3."""
    return table.assign(
        **{
            str(c): table[c].astype("Int64")
            for c in table.columns
            if pd.api.types.is_float_dtype(table[c]) and (table[c].dropna() % 1 == 0).all()
        }
    )
