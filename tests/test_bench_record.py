"""Results as files: they come back as they were, and what is wrong with one is said."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import record
from bench.__main__ import parser
from bench.commands import MEASUREMENTS
from bench.record import Record, RecordError, name_of, recorded
from bench.report import Figure, Grid, Section

COMMAND = "python -m bench plans"


def section(**changes: Any) -> Section:
    grid = Grid("set", "found")
    grid.add("one", "5")
    whole: dict[str, Any] = {
        "title": "Plans",
        "command": COMMAND,
        "seed": 3,
        "figures": [Figure("time", "2 s", "at most 3 s", True, "Time"), Figure("rows", "7")],
        "note": "A note.",
        "grids": [grid],
        "data": {"plots": [], "raw": [1, 2.5, None, True, "a"]},
        "name": "plans",
    }
    return Section(**{**whole, **changes})


def same(one: Record, other: Record) -> bool:
    """Say whether two records hold the same; tables have no equality of their own."""

    def parts(of: Record) -> list[object]:
        return [
            (s.title, s.note, list(s.figures), [(g.columns, g.rows) for g in s.grids], s.data)
            for s in of.sections
        ]

    heads = [(r.name, r.command, r.seed, r.date, r.environment, r.versions) for r in (one, other)]
    return heads[0] == heads[1] and parts(one) == parts(other)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    made = recorded([section(), section(title="More", data=None, seed=3)])
    path = record.write(made, tmp_path / "new")
    assert path == tmp_path / "new" / "plans.json"
    assert same(record.read(path), made)
    assert record.read(path).data == section().data
    assert [p.name for p in path.parent.iterdir()] == ["plans.json"]
    assert {"python", "system", "machine", "cores"} == made.environment.keys()
    assert "torch" in made.versions


def test_what_computed_is_told_where_it_was_not_the_processor(tmp_path: Path) -> None:
    made = recorded([section(device="a GPU, driver 1.2"), section(device="a GPU, driver 1.2")])
    assert made.environment["device"] == "a GPU, driver 1.2"
    assert "cores, a GPU, driver 1.2; torch" in made.origin()
    found = record.read(record.write(made, tmp_path))
    assert same(found, made)
    assert [s.device for s in found.sections] == ["a GPU, driver 1.2"] * 2


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(
    st.lists(st.builds(Figure, texts, texts, texts, st.none() | st.booleans(), texts), max_size=3),
    st.none() | st.dictionaries(texts, plain, max_size=3),
    st.none() | st.integers(),
    texts,
)
def test_every_record_comes_back_as_it_was(
    figures: list[Figure], data: dict[str, Any] | None, seed: int | None, title: str
) -> None:
    made = recorded([section(figures=figures, data=data, seed=seed, title=title)])
    with tempfile.TemporaryDirectory() as folder:
        assert same(record.read(record.write(made, Path(folder))), made)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, Path("x")])
def test_data_that_is_not_plain_json_is_refused_and_nothing_is_written(
    tmp_path: Path, value: object
) -> None:
    with pytest.raises(RecordError, match=r"record plans: .*`data` holds dicts, lists, words"):
        record.write(recorded([section(data={"x": value})]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_that_of_the_command_or_the_sections_own() -> None:
    assert name_of(section(name="")) == "plans"
    whole = "python -m bench relational --only sakila --symbols 300000"
    assert name_of(section(name="", command=whole)) == "relational-sakila-symbols-300000"
    assert name_of(section(name="own")) == "own"
    long = [
        name_of(section(name="", command="python -m bench x " + "--only yyyyyyyyy " * 20 + last))
        for last in ("a", "b")
    ]
    assert len(set(long)) == 2
    assert all(len(name) <= record.LONGEST_NAME for name in long)


@pytest.mark.parametrize("name", ["../up", "Two Words", ".hidden"])
def test_a_name_that_would_be_no_good_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match="small letters, digits"):
        record.write(recorded([section(name=name)]), tmp_path)


def test_another_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = record.write(recorded([section()]), tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "format": 99}), encoding="utf-8")
    with pytest.raises(RecordError) as caught:
        record.read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "is of format 99" in message
    assert f"reads format {record.FORMAT}" in message
    assert f"measure again with `{COMMAND}`" in message


def changed(content: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> str:
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("format"), "it has no `format`"),
        (lambda c: c.pop("command"), "it has no `command`"),
        (lambda c: c.update(seed="3"), "`seed` should be a whole number or null, not '3'"),
        (lambda c: c.update(name="other"), "is called 'other'"),
        (lambda c: c.update(versions={"torch": 2}), "`versions` should be an object of texts"),
        (lambda c: c["environment"].pop("cores"), "`environment` should be an object with python"),
        (lambda c: c.update(sections={}), "`sections` should be a list"),
        (lambda c: c["sections"].append(7), "it has no `sections[1].figures`"),
        (
            lambda c: c["sections"][0]["figures"][1].update(met="yes"),
            "`sections[0].figures[1].met` should be true, false or null, not 'yes'",
        ),
        (lambda c: c["sections"][0]["figures"][0].pop("what"), "no `sections[0].figures[0].what`"),
        (
            lambda c: c["sections"][0]["grids"][0]["rows"].append(["two"]),
            "`sections[0].grids[0].rows[1]` should be 2 words: ['two']",
        ),
        (lambda c: c["sections"][0].update(data=[1]), "`sections[0].data` should be an object"),
    ],
)
def test_a_broken_record_is_refused_with_the_place_and_what_to_do(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = record.write(recorded([section()]), tmp_path)
    path.write_text(changed(json.loads(path.read_text(encoding="utf-8")), change), encoding="utf-8")
    with pytest.raises(RecordError) as caught:
        record.read(path)
    message = str(caught.value)
    assert said in message
    assert f"{path} is broken" in message
    assert "git checkout" in message


@pytest.mark.parametrize("path", sorted(record.RESULTS.glob("*.json")), ids=lambda p: p.stem)
def test_the_command_of_a_committed_record_can_be_given_again(path: Path) -> None:
    found = record.read(path)
    python, module, bench, *words = shlex.split(found.command)
    assert [python, module, bench] == ["python", "-m", "bench"]
    asked = parser().parse_args(words)
    assert asked.what in MEASUREMENTS
    # What it finds comes under the same name: that of its command, or one which its measurement
    # gives to all that is found in the usual way.
    own = name_of(section(command=found.command, name=""))
    assert found.name == own or found.name.split("-")[0] == asked.what


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"format": 1,,}'])
def test_a_file_that_is_no_record_at_all_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"x\.json is broken: it .*delete it and measure again"):
        record.read(path)


def test_a_folder_without_records_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no results in .*--results"):
        record.read_all(tmp_path)
    with pytest.raises(RecordError, match=r"gone\.json cannot be read"):
        record.read(tmp_path / "gone.json")
