"""The registered tables: what comes with the harness, and folders of one's own, good and bad."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from real_data import DATA

from bench import listing, sources
from bench.registry import TASKS, Entry, alone, entries, entry, load, own_entries, picked
from synthtab.assess.compliance import valid_rows
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig
from synthtab.ir import nodes
from synthtab.pipeline import Synthesizer
from synthtab.schema import TextType

QUICK = GeneratorConfig(train=TrainConfig(symbols_seen=2_000))
LISTED = entries()


def needed(given: Entry) -> Entry:
    """Return an entry; skip where it needs data sets that are not there."""
    if not str(given.source).startswith(("sklearn:", "statsmodels:")) and not DATA.is_dir():
        pytest.skip(f"{given.name} needs the data sets in {DATA}")
    return given


def pair(folder: Path, name: str, frame: pd.DataFrame, rules: str, **said: object) -> Path:
    """Put a table of one's own into a folder."""
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / f"{name}.csv", index=False)
    (folder / f"{name}.rules").write_text(rules, encoding="utf-8")
    if said:
        (folder / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def two(rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame({"id": range(rows), "a": [k % 5 for k in range(rows)]}).assign(
        b=lambda f: f.a + 1
    )


RULES = "table t {\n  a integer in 0 .. 9\n  b integer in 0 .. 9\n  rule more: b > a\n}\n"


def test_there_are_at_least_fifty_tables_each_named_once() -> None:
    names = Counter(e.name for e in LISTED)
    assert len(names) >= 50
    assert set(names.values()) == {1}
    assert {e.task for e in LISTED} == set(TASKS)
    assert all(e.licence for e in LISTED)


@pytest.mark.parametrize("given", LISTED, ids=lambda e: e.name)
def test_every_table_is_rules_about_rows_with_a_target(given: Entry) -> None:
    model, _ = alone(given)
    table = model.table()
    assert table.row_rules, "a table that has nothing to keep shows nothing"
    assert set(table.rules) == {
        *table.row_rules,
        *(r for r in table.rules if isinstance(r, nodes.RowRule)),
    }
    assert not any(isinstance(c.type, TextType) for c in table.columns)
    assert (given.target is None) == (given.task == "none")


@pytest.mark.parametrize("given", LISTED, ids=lambda e: e.name)
def test_real_rows_keep_the_rules(given: Entry) -> None:
    loaded = load(needed(given), most=4_000)
    assert loaded.dropped <= 0.02 * loaded.rows
    assert len(loaded.train) + len(loaded.holdout) + loaded.dropped == loaded.rows
    for part in (loaded.train, loaded.holdout):
        assert valid_rows(loaded.table, part).all()
    # Soft rules are kept by nearly the share they ask for, chance of a part of the rows aside.
    assert abs(len(loaded.train) - 0.8 * (loaded.rows - loaded.dropped)) < 1


def test_a_seed_gives_one_split_and_another_seed_another() -> None:
    one, same, other = (load(entry("iris"), seed) for seed in (0, 0, 1))
    assert np.array_equal(one.train.codes, same.train.codes)
    assert not np.array_equal(one.train.codes, other.train.codes)
    whole = [np.concatenate([p.train.codes, p.holdout.codes]) for p in (one, other)]
    assert Counter(map(bytes, whole[0])) == Counter(map(bytes, whole[1]))


def test_most_takes_as_many_rows() -> None:
    loaded = load(entry("iris"), most=50)
    assert (loaded.rows, len(loaded.train), len(loaded.holdout)) == (50, 40, 10)


def test_a_name_that_is_none_is_answered_by_near_ones() -> None:
    with pytest.raises(SystemExit, match=r"no table 'iriss'.*is it .*iris"):
        entry("iriss")
    assert [e.name for e in picked(["wine", "iris", "wine"])] == ["wine", "iris"]


def test_numbers_with_more_digits_than_they_mean_are_rounded() -> None:
    assert sources.frame("sklearn:wine")["color_intensity"].map(lambda v: round(v, 3) == v).all()


def test_the_list_shows_every_table_with_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    needed(entry("adult"))
    listing.show(None)
    shown = capsys.readouterr().out
    assert f"{len(LISTED)} tables" in shown
    assert "| iris | 150 | 5 | " in shown


# Folders of one's own.


def test_a_pair_is_a_table_and_its_json_says_the_target(tmp_path: Path) -> None:
    pair(tmp_path, "mine", two(), RULES, target="b", licence="ours")
    (found,) = own_entries(tmp_path)
    assert (found.name, found.task, found.target) == ("mine", "classification", "b")
    assert found.licence == "ours"
    loaded = load(entry("mine", tmp_path))
    assert loaded.table.column_names == ("a", "b")
    assert (len(loaded.train), len(loaded.holdout), loaded.dropped) == (32, 8, 0)
    assert entries(tmp_path)[-1] == found


def test_a_wide_number_is_told_as_a_number(tmp_path: Path) -> None:
    pair(tmp_path, "mine", two(), RULES.replace("0 .. 9", "0 .. 900"), target="b")
    assert own_entries(tmp_path)[0].task == "regression"


def test_a_table_without_a_target_has_no_task(tmp_path: Path) -> None:
    pair(tmp_path, "mine", two(), RULES)
    (found,) = own_entries(tmp_path)
    assert (found.task, found.target) == ("none", None)


def test_rows_that_break_rules_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = two()
    frame.loc[[3, 7], "b"] = 0
    pair(tmp_path, "mine", frame, RULES)
    loaded = load(entry("mine", tmp_path))
    assert (loaded.dropped, loaded.rows) == (2, 40)


def test_rules_beyond_a_row_and_columns_without_are_left_out_by_name(tmp_path: Path) -> None:
    text = RULES.replace("rule more", "id integer key\n  rule fixed: a determines b\n  rule more")
    pair(tmp_path, "mine", two(), text, without=["id"])
    loaded = load(entry("mine", tmp_path))
    assert loaded.left_out == ("id_key", "fixed")
    assert loaded.table.column_names == ("a", "b")


THIN = {
    "no rules": (two(), "table t { a integer\n b integer }", ("a", "b")),
    "one column": (two(), "table t { a integer in 0 .. 9\n rule r: a < 9 }", ("a",)),
    "ten rows": (two(10), RULES, ("a", "b")),
    "a constant": (two().assign(a=3, b=4), RULES, ("a", "b")),
    "a column of NULL": (
        two().assign(b=None),
        RULES.replace("b integer in 0 .. 9", "b integer in 0 .. 9 optional"),
        ("a", "b"),
    ),
    "all text": (
        pd.DataFrame({"s": [f"word {k}" for k in range(40)], "t": ["x y", "z"] * 20}),
        "table t { s text(9)\n t text(4) }",
        ("s", "t"),
    ),
}


@pytest.mark.parametrize("case", THIN, ids=str)
def test_thin_tables_load_and_are_learned(case: str, tmp_path: Path) -> None:
    frame, rules, columns = THIN[case]
    pair(tmp_path, "thin", frame, rules)
    loaded = load(entry("thin", tmp_path))
    assert loaded.table.column_names == columns
    made = Synthesizer(loaded.model, config=QUICK).fit(
        decode_frame(loaded.table.columns, loaded.train), seed=0
    )
    rows = encode_frame(loaded.table.columns, made.sample(6, seed=0))
    assert valid_rows(loaded.table, rows).all()


REFUSED = {
    "few rows": (two(9), RULES, {}, "has 9 rows.*at least 10"),
    "no lawful rows": (two(), RULES.replace("b > a", "b < a"), {}, "has 0 rows.*of 40"),
    "bad rules": (two(), "table t { a integr }", {}, "integr"),
    "several tables": (two(), RULES + RULES.replace("table t", "table u"), {}, "2 tables .t, u."),
    "a column that is not there": (two(), RULES.replace("  b ", "  c "), {}, "c"),
    "a word for a number": (two().assign(a="x"), RULES, {}, "column 'a'"),
    "a target that is none": (two(), RULES, {"target": "bb"}, "no target column 'bb'.*is it b"),
    "a target left out": (two(), RULES, {"target": "b", "without": ["b"]}, "no target column 'b'"),
    "a text as target": (
        two().assign(a="x"),
        "table t { a text(3)\n b integer }",
        {"target": "a"},
        "is text; declare it as an enum",
    ),
    "without what is none": (two(), RULES, {"without": ["zz"]}, "without 'zz'"),
    "no column left": (two(), RULES, {"without": ["a", "b"]}, "no column is left"),
    "an unknown key": (two(), RULES, {"targt": "b"}, "targt means nothing here"),
    "an unknown task": (two(), RULES, {"task": "guessing"}, "'guessing' is no task"),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_cannot_be_measured_is_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    frame, rules, said, message = REFUSED[case]
    pair(tmp_path, "bad", frame, rules, **said)
    with pytest.raises(SystemExit, match=message) as caught:
        load(entry("bad", tmp_path))
    assert str(caught.value).startswith("bench: ")


def test_halves_of_a_pair_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no such folder"):
        own_entries(tmp_path / "nowhere")
    with pytest.raises(SystemExit, match=r"no pair of NAME.csv and NAME.rules"):
        own_entries(tmp_path)
    pair(tmp_path, "mine", two(), RULES)
    (tmp_path / "mine.csv").unlink()
    with pytest.raises(SystemExit, match=r"mine.rules has no rows"):
        own_entries(tmp_path)
    pair(tmp_path, "mine", two(), RULES)
    (tmp_path / "mine.rules").unlink()
    with pytest.raises(SystemExit, match=r"has no rules: put mine.rules.*rulecheck infer"):
        own_entries(tmp_path)
    (tmp_path / "mine.rules").write_text(RULES, encoding="utf-8")
    (tmp_path / "mine.json").write_text("{", encoding="utf-8")
    with pytest.raises(SystemExit, match="is no JSON"):
        own_entries(tmp_path)
