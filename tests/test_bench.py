"""The benchmark's own parts: what counts as met, how a table is written, rows that are broken."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from real_data import paths_of
from statsmodels.datasets import randhie

from bench import adult, checks, fuzz, plans, repairs, validators
from bench.__main__ import parser
from bench.record import recorded
from bench.report import (
    Grid,
    Section,
    at_least,
    at_most,
    markdown,
    number,
    percent,
    rules_file,
    seconds,
)
from synthtab.assess.compliance import valid_rows
from synthtab.frames import encode_frame
from synthtab.lang.model import Model
from synthtab.solver.satisfy import contradictions


def test_figures_know_whether_they_were_reached() -> None:
    assert at_least("x", 5000, 4000, number).met is True
    assert at_least("x", 3999, 4000, number).met is False
    assert at_most("x", 0.013, 0.013, percent).met is True
    assert at_most("x", 11, 10, seconds).met is False


def test_a_section_is_a_markdown_table_with_what_is_needed_to_repeat_it() -> None:
    section = Section(
        "Speed", "python -m bench speed", 7, [at_least("rate", 3999, 4000, number)], "A note."
    )
    text = markdown(section, recorded([section]).origin())
    assert "| rate | 3,999 | at least 4,000 | **no** |" in text
    assert "`python -m bench speed`, seed 7, 20" in text
    assert "torch 2." in text
    assert "A note." in text


def test_further_tables_follow_the_figures() -> None:
    grid = Grid("set", "found", "left")
    grid.add("one", "5", "0")
    text = markdown(Section("Found", "python -m bench found", None, [], grids=[grid]))
    assert "| set | found | left |\n| --- | ---: | ---: |\n| one | 5 | 0 |" in text
    with pytest.raises(ValueError, match="2 cells for 3 columns"):
        grid.add("two", "5")


def test_a_cell_stays_in_its_table_whatever_is_in_it() -> None:
    grid = Grid("set", "why")
    grid.add("one", "a | b\n  c")
    text = markdown(Section("Odd", "python -m bench odd", None, [], grids=[grid]))
    assert "| one | a \\| b c |" in text


def test_every_command_of_the_harness_that_the_docs_show_is_one_that_it_takes() -> None:
    root = Path(__file__).parents[1]
    seen = []
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8")
        for shown in re.findall(r"python -m bench ([a-z][^`\n#]*)", text):
            # Options that may be left out stand in brackets, a number to be chosen is N.
            words = shlex.split(re.sub(r"[\[\]]", "", shown))
            words = ["1" if word == "N" else word for word in words]
            try:
                seen.append(parser().parse_args(words).what)
            except SystemExit:
                pytest.fail(f"{page.name}: python -m bench {shown}")
    assert set(seen) > {"report", "peers", "modes", "quick"}


def test_every_published_rule_set_has_its_file() -> None:
    for name in (*plans.PUBLISHED, *plans.OWN):
        assert rules_file(name).is_file()


def test_adults_command_says_how_many_rows_unless_it_is_the_usual_number() -> None:
    assert adult.command(adult.ROWS) == "python -m bench adult"
    assert adult.command(1_000) == "python -m bench adult --rows 1000"


@pytest.mark.parametrize("width", [6, checks.COLUMNS])
def test_large_models_have_their_size_and_can_be_kept(width: int) -> None:
    model = Model.parse(checks.large(3, width))
    table = model.table()
    assert (len(table.columns), len(table.row_rules)) == (checks.COLUMNS, checks.RULES)
    assert contradictions(model.tables) == []


def test_rows_to_be_repaired_are_broken_and_as_many_as_asked() -> None:
    table = Model.load(rules_file("rand_hie")).table()
    real = encode_frame(table.columns, randhie.load_pandas().data)
    broken = repairs.break_rows(table, real, 50, np.random.default_rng(0))
    assert len(broken) == 50
    assert not valid_rows(table, broken).any()


def test_validators_count_the_rows_that_break_adults_rules_alike() -> None:
    paths_of("adult", Model.load(rules_file("adult")).tables)
    ways = validators.contestants(0, 20_000)
    counts = {name: {k: v for k, v in way().items() if v} for name, way in ways.items()}
    assert counts["rules"]
    assert all(found == counts["rules"] for found in counts.values()), counts


def test_the_fuzzer_judges_texts_and_cuts_down_those_that_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts, failures = fuzz.search(5, texts=15)
    assert failures == []
    assert all(counts[name] == 15 for name in fuzz.SOURCES)

    def wrong(text: str) -> bool:
        if "rule" in text and "integer" in text:
            raise ZeroDivisionError
        return True

    monkeypatch.setattr(fuzz, "judge", wrong)
    monkeypatch.setattr(fuzz, "SOURCES", {"one": lambda rng: "table t {\n  rule r: an integer\n}"})
    _, (failure,) = fuzz.search(5, texts=2)
    assert failure.what.startswith("ZeroDivisionError in test_bench.py, wrong")
    assert failure.text == "ruleinteger"
