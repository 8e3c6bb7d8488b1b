"""Our rules in others' words, and rows on their way to others and back."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench import registry
from bench.contest import described
from bench.linear_words import inequalities
from bench.roster import HOME
from bench.sdv_words import constraints
from bench.sequenced import sequence_of
from synthtab.frames import encode_frame
from synthtab.lang.model import Model


def _told(rules: str, frame: pd.DataFrame) -> tuple[list[dict[str, Any]], list[str]]:
    table = Model.parse("table t {\n" + rules + "\n}").table()
    return constraints(table, encode_frame(table.columns, frame))


def test_combinations_that_meet_are_one_and_comparisons_form_chains() -> None:
    rows = 200
    frame = pd.DataFrame(
        {
            **{n: ["x", "y"] * (rows // 2) for n in ("a", "b", "c", "d", "e")},
            **{n: np.arange(rows) + at for at, n in enumerate(("p", "q", "r", "s"))},
        }
    )
    columns = "".join(f"{n} enum('x', 'y')\n" for n in "abcde")
    columns += "".join(f"{n} integer\n" for n in "pqrs")
    rules = """
    rule one: when a = 'x' then b = 'x'
    rule two: when b = 'x' then c = 'x'
    rule three: d = e
    rule four: p <= q
    rule five: r >= q
    rule six: s < p
    rule seven: p + q <= 500
    """
    told, left_out = _told(columns + rules, frame)
    combined = [t["given"]["column_names"] for t in told if t["kind"] == "FixedCombinations"]
    assert combined == [["a", "b", "c"], ["d", "e"]]
    (chain,) = (t["given"] for t in told if t["kind"] == "Range")
    assert chain == {
        "low_column_name": "p",
        "middle_column_name": "q",
        "high_column_name": "r",
        "strict_boundaries": False,
    }
    # No column may be in two of SDV's constraints, and sums it has no words for.
    assert sorted(left_out) == ["seven", "six"]


def test_strict_comparisons_say_so() -> None:
    frame = pd.DataFrame({"p": range(100), "q": range(1, 101)})
    told, left_out = _told("p integer\nq integer\nrule r: p < q", frame)
    assert told[0]["given"] == {
        "low_column_name": "p",
        "high_column_name": "q",
        "strict_boundaries": True,
    }
    assert left_out == []


def test_sums_and_ranges_are_inequalities_and_choices_are_not() -> None:
    table = Model.parse(
        """table t {
          a integer in 0 .. 9
          b decimal(4, 2)
          c integer optional
          k enum('x', 'y')
          rule sum: a + 2 * b <= 30
          rule apart: a - b > 1.5
          rule same: a = b
          rule both: a >= 1 and b between 2 and 3
          rule choice: a > 1 or b > 1
          rule missing: c > 1
          rule kinds: k = 'x'
          rule product: a * b > 1
        }"""
    ).table()
    found, left_out = inequalities(table)
    told = [({n: float(t) for n, t in i.terms.items()}, float(i.constant), i.strict) for i in found]
    assert told == [
        ({"a": -1, "b": -2}, -30, False),
        ({"a": 1, "b": -1}, 1.5, True),
        ({"a": 1, "b": -1}, 0, False),
        ({"a": -1, "b": 1}, 0, False),
        ({"a": 1}, 1, False),
        ({"b": 1}, 2, False),
        ({"b": -1}, -3, False),
        ({"a": 1}, 0, False),
        ({"a": -1}, -9, False),
    ]
    assert left_out == ["choice", "missing", "kinds", "product"]
    rows = [(a, b / 4) for a in range(12) for b in range(-8, 60)]
    for a, b in rows:
        kept = all(
            (total > float(i.constant)) if i.strict else (total >= float(i.constant))
            for i in found[:2]
            for total in [sum(float(t) * {"a": a, "b": b}[n] for n, t in i.terms.items())]
        )
        assert kept == (a + 2 * b <= 30 and a - b > 1.5)


COLUMNS = """table t {
  n integer in -5 .. 40
  m decimal(7, 2) in 0 .. 9999.99 optional
  day date in 2020-01-01 .. 2024-12-31
  at datetime
  yes boolean
  kind enum('x', 'y') optional
}"""


def test_the_order_of_rows_is_read_from_the_rules_file_with_the_rules_left_out(
    tmp_path: Path,
) -> None:
    (tmp_path / "visit.csv").write_text(
        "who,nr,cost\n" + "".join(f"{k // 4},{k % 4},{k}\n" for k in range(20)), encoding="utf-8"
    )
    rules = "table visit {\n  who integer\n  nr integer\n  cost integer\n"
    rule = "  rule dearer: cost >= previous(cost, 0) per who ordered by nr\n"
    for text, found in ((rule, {"group": ["who"], "order": ["nr"]}), ("", None)):
        (tmp_path / "visit.rules").write_text(f"{rules}{text}}}\n", encoding="utf-8")
        (entry,) = registry.own_entries(tmp_path)
        assert sequence_of(registry.load(entry)) == found
    known = sequence_of(registry.load(registry.entry("grunfeld")))
    assert known == {"group": ["firm"], "order": ["year"]}


@pytest.fixture
def drivers() -> Iterator[ModuleType]:
    """What drivers import: it lies beside them, outside of our packages."""
    sys.path.insert(0, str(HOME))
    yield importlib.import_module("protocol")
    sys.path.remove(str(HOME))


@pytest.fixture
def task(drivers: ModuleType, tmp_path: Path) -> Any:
    table = Model.parse(COLUMNS).table()
    (tmp_path / "train.csv").write_text(
        "n,m,day,at,yes,kind\n"
        "-5,,2020-01-01,2024-01-31 23:59:01,true,x\n"
        "40,9999.99,2024-12-31,2024-02-01 00:00:00,false,\n",
        encoding="utf-8",
    )
    told = {
        "columns": [described(c) for c in table.columns],
        "rows": 2,
        "limit_s": 5,
        "sample_limit_s": 5,
        "seed": 0,
        "options": {},
    }
    (tmp_path / "task.json").write_text(json.dumps(told), encoding="utf-8")
    return drivers.Task(tmp_path)


def test_training_rows_come_back_as_they_were(drivers: ModuleType, task: Any) -> None:
    back = drivers.written(task, task.frame())
    original = pd.read_csv(task.folder / "train.csv", dtype=str, keep_default_na=False)
    assert back.fillna("").to_dict("list") == original.to_dict("list")
    assert drivers.written(task, task.codes()).to_dict("list") == back.to_dict("list")


def test_floats_are_rounded_and_what_is_no_value_stays_what_it_is(
    drivers: ModuleType, task: Any
) -> None:
    made = pd.DataFrame(
        {
            "n": [3.6, "many"],
            "m": [1.005, float("nan")],
            "day": ["2020-02-30", "2020-02-28"],
            "at": [pd.Timestamp("2020-01-01 10:00:00.6"), None],
            "yes": [True, "perhaps"],
            "kind": ["z", None],
        }
    )
    back = drivers.written(task, made).fillna("").to_dict("list")
    assert back["n"] == ["4", "many"]
    assert back["m"][1] == ""
    assert back["day"] == ["2020-02-30", "2020-02-28"]
    assert back["at"] == ["2020-01-01 10:00:01", ""]
    assert back["yes"] == ["true", "perhaps"]
    assert back["kind"] == ["z", ""]


def test_bins_give_back_values_of_the_same_levels(drivers: ModuleType, task: Any) -> None:
    bins = importlib.import_module("bins").Bins(task)
    levels = bins.encode()
    assert (levels >= 0).all(axis=None)
    assert all(levels[n].max() < size for n, size in bins.sizes.items())
    assert bins.sizes["n"] == 46
    assert bins.sizes["kind"] == 3
    back = drivers.written(task, bins.decode(levels)).fillna("")
    assert back["n"].tolist() == ["-5", "40"]
    assert back["kind"].tolist() == ["x", ""]
    assert back["m"].tolist()[0] == ""
    assert back["day"].between("2020-01-01", "2024-12-31").all()
    assert any("at: no range is declared" in note for note in task.notes)


def test_a_watch_ends_with_the_time(drivers: ModuleType, task: Any) -> None:
    task.limit_s = -1
    watch = drivers.Watch(task, range(50))
    assert list(watch) == [0]
    assert task.notes == ["1 of 50 epochs"]
