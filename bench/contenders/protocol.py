"""What every driver does alike: read its task, keep to the time, write rows, say what it took.

``python DRIVER.py FOLDER`` reads FOLDER/task.json and FOLDER/train.csv, and writes
FOLDER/synthetic.csv. Its last line of output is a JSON object: ``fit_s``, ``sample_s``,
``versions``, ``notes``. Runs under the peer's own Python: needs pandas, at least 1.5, and no more.
"""

import importlib.metadata
import json
import random
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

NUMBERS = ("integer", "decimal")
MOMENTS = ("date", "datetime")
DISCRETE = ("boolean", "enum")


class Task:
    """What is asked of a driver.

    ``columns`` are objects with ``name``, ``kind`` (integer, decimal, date, datetime, boolean,
    enum, text), ``nullable``, and where there are any ``scale``, ``categories``, ``lo``, ``hi``
    (the declared range) and ``key``; ``limit_s`` seconds are for fitting, ``sample_limit_s`` for
    sampling; ``options`` choose among the driver's ways; ``sequence`` names the columns that group
    rows and those that order them; ``constraints`` and ``linear`` are rules, in others' words.
    """

    def __init__(self, folder):
        told = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.columns = told["columns"]
        self.rows = told["rows"]
        self.limit_s = told["limit_s"]
        self.sample_limit_s = told["sample_limit_s"]
        self.seed = told["seed"]
        self.options = told["options"]
        self.sequence = told.get("sequence")
        self.constraints = told.get("constraints", [])
        self.linear = told.get("linear", [])
        self.notes = []
        self.started = time.perf_counter()

    def named(self, *kinds):
        """Return the names of the columns of these kinds."""
        return [c["name"] for c in self.columns if c["kind"] in kinds]

    def left_s(self):
        """Return how many seconds of the time for fitting are left."""
        return self.limit_s - (time.perf_counter() - self.started)

    def note(self, text):
        """Have something said beside the figures."""
        if text not in self.notes:
            self.notes.append(text)

    def frame(self):
        """Return the training rows: numbers, datetimes and strings; booleans as 'true', 'false'.

        Integers are int64, or float64 where some are missing; missing strings are None.
        """
        text = pd.read_csv(
            self.folder / "train.csv", dtype=str, keep_default_na=False, na_values=[""]
        )
        made = {}
        for column in self.columns:
            values = text[column["name"]]
            if column["kind"] in NUMBERS:
                numbers = pd.to_numeric(values)
                whole = column["kind"] == "integer" and not numbers.isna().any()
                made[column["name"]] = numbers.astype("int64" if whole else "float64")
            elif column["kind"] in MOMENTS:
                made[column["name"]] = pd.to_datetime(values)
            else:
                made[column["name"]] = values.astype(object).where(values.notna(), None)
        return pd.DataFrame(made)

    def codes(self):
        """Return the training rows with moments as numbers of seconds, for peers without dates."""
        frame = self.frame()
        for name in self.named(*MOMENTS):
            since = (frame[name] - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
            frame[name] = since.astype("float64")
        return frame


class Watch:
    """A loop over epochs that ends when the time for fitting does; stands in for tqdm.

    ``counted``: their number means something, and is said beside that of those that were done.
    """

    def __init__(self, task, epochs, *, counted=True):
        self.task, self.epochs, self.counted, self.done = task, epochs, counted, 0

    def __iter__(self):
        longest = 0.0
        for epoch in self.epochs:
            if self.done and self.task.left_s() < longest:
                break
            begun = time.perf_counter()
            yield epoch
            self.done += 1
            longest = max(longest, time.perf_counter() - begun)
        of = f" of {len(self.epochs)}" if self.counted else ""
        self.task.note(f"{self.done}{of} epochs")

    def set_description(self, *_):
        """Ignore what a progress bar would show."""

    def close(self):
        """Ignore that a progress bar would close."""


def written(task, frame):
    """Return made rows as the texts of a CSV: numbers at their declared scale, moments as ISO.

    Rounding is a courtesy to peers that make floats: no value is moved into a range or a set, and
    what is no value of its column's type stays what it is.
    """
    makers = {**dict.fromkeys(NUMBERS, _numerals), **dict.fromkeys(MOMENTS, _moments)}
    made = {}
    for column in task.columns:
        values = frame[column["name"]].astype(object)
        values = values.where(values.notna(), None)
        made[column["name"]] = makers.get(column["kind"], _texts)(column, values)
    return pd.DataFrame(made, columns=[c["name"] for c in task.columns])


def _numerals(column, values):
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    scale = column.get("scale", 0)
    # Zero is added so that none is written as -0.
    return [
        given
        if given is None or not np.isfinite(number)
        else f"{round(number, scale) + 0.0:.{scale}f}"
        for number, given in zip(numbers.to_numpy(), values, strict=True)
    ]


def _moments(column, values):
    numeric = values.map(lambda v: isinstance(v, (int, float))).all()
    moments = (
        pd.to_datetime(values.astype("float64"), unit="s", errors="coerce")
        if numeric
        else pd.to_datetime(values, errors="coerce")
    )
    day = column["kind"] == "date"
    tick = "D" if day else {60: "min", 3600: "h"}.get(column.get("tick"), "s")
    shown = moments.dt.round(tick).dt.strftime("%Y-%m-%d" if day else "%Y-%m-%d %H:%M:%S")
    return [
        given if given is None or moment is pd.NaT else text
        for text, moment, given in zip(shown, moments, values, strict=True)
    ]


def _texts(column, values):
    boolean = column["kind"] == "boolean"
    return [None if v is None else str(v).lower() if boolean else str(v) for v in values]


def run(fit, sample, packages):
    """Do what the command line says, with the peer's ``fit(task)`` and ``sample(task, model, n)``.

    ``sample`` returns a frame of any types, or of texts as they should be written; it may have
    fewer rows than asked for.
    """
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    task = Task(folder)
    random.seed(task.seed)
    np.random.seed(task.seed % 2**32)
    if "torch" in packages:
        import torch

        torch.manual_seed(task.seed)
    task.started = time.perf_counter()
    model = fit(task)
    fitted = time.perf_counter()
    (folder / "fitted").touch()
    frame = sample(task, model, task.rows)
    done = time.perf_counter()
    frame = frame.reset_index(drop=True)
    written(task, frame).to_csv(folder / "synthetic.csv", index=False)
    versions = {name: importlib.metadata.version(name) for name in packages}
    facts = {
        "fit_s": fitted - task.started,
        "sample_s": done - fitted,
        "versions": versions,
        "notes": task.notes,
    }
    print("\n" + json.dumps(facts), flush=True)
