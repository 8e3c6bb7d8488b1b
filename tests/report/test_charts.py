import re
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_assessments import numbers, words

from synthtab.assess.assessment import Histogram, PairScore
from synthtab.assess.histograms import histogram
from synthtab.frames import encode_frame
from synthtab.report import distributions, dots, heat, svg
from synthtab.report.text import edge
from synthtab.schema import Column, EnumType

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def coordinates(markup: str) -> list[float]:
    plain = re.findall(r'\b(?:x|y|x1|x2|y1|y2|cx|cy)="(-?[\d.]+)"', markup)
    return [float(x) for x in plain]


@given(SHARES, st.floats(0, 1), st.sampled_from(["categories", "numbers", "dates", "lengths"]))
def test_a_distribution_stays_inside_its_picture(real: list[float], null: float, kind: str) -> None:
    synthetic = real[::-1]
    edges = tuple(float(k) for k in range(len(real) + 1)) if kind != "categories" else ()
    labels = tuple(f"{k} to {k + 1}" for k in range(len(real)))
    found = Histogram(kind, labels, edges, tuple(real), tuple(synthetic), null, 0.0)
    made = distributions.distribution(found, "label").text
    width, height = (float(x) for x in re.search(r'viewBox="0 0 (\S+) (\S+)"', made).groups())
    assert all(-0.05 <= x <= max(width, height) + 0.05 for x in coordinates(made))
    for x, y, wide, high in re.findall(
        r'<rect class="\w+" x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', made
    ):
        assert float(x) + float(wide) <= width + 0.2
        assert float(y) + float(high) <= height + 0.2


@given(st.integers(1, 40))
def test_rare_values_are_drawn_as_one_and_nothing_is_lost(levels: int) -> None:
    found = words(np.random.default_rng(levels), levels)
    rows = distributions.commonest(found)
    assert len(rows) == min(levels, distributions.SHOWN)
    assert sum(r[1] for r in rows) == pytest.approx(sum(found.real))
    assert sum(r[2] for r in rows) == pytest.approx(sum(found.synthetic))
    dearest = max(found.real)
    assert any(r[1] == dearest for r in rows) or levels > distributions.SHOWN


def test_rare_values_are_not_counted_where_a_bar_is_of_several() -> None:
    names = tuple(f"v{k:03}" for k in range(100))
    column = Column("v", EnumType(names))
    rows = encode_frame((column,), pd.DataFrame({"v": [n for n in names for _ in range(2)]}))
    found = histogram(column, rows, rows)
    assert found.labels[-1] == "77 others"
    shown = [label for label, _, _ in distributions.commonest(found)]
    assert "77 others" in shown
    assert shown[-1] == "rarer ones"


def test_missing_values_are_shown_beside_the_others() -> None:
    found = numbers(np.random.default_rng(0), null=0.25)
    assert distributions.values(found)[-1] == ("missing", 0.25, 0.125)
    assert ">missing</text>" in distributions.distribution(found, "x").text
    without = replace(found, real_null=0.0, synthetic_null=0.0)
    assert "missing" not in distributions.distribution(without, "x").text


def test_a_column_of_nothing_but_missing_values_is_drawn() -> None:
    found = Histogram("numbers", (), (), (), (), 1.0, 1.0)
    assert ">missing</text>" in distributions.distribution(found, "x").text


def test_long_tails_are_set_off_and_named() -> None:
    edges = (-500.0, 0.0, 10.0, 20.0, 30.0, 4_000.0)
    labels = tuple(f"{a:g} to {b:g}" for a, b in pairwise(edges))
    found = Histogram("numbers", labels, edges, (0.2,) * 5, (0.2,) * 5, 0.0, 0.0)
    made = distributions.distribution(found, "x").text
    assert made.count('class="break"') == 2
    assert "30 to 4,000" in made
    assert "-500 to 0" in made


def test_single_values_are_named_under_their_bars() -> None:
    edges = (0.0, 1.0, 2.0, 3.0)
    found = Histogram("numbers", ("0", "1", "2"), edges, (0.5, 0.3, 0.2), (0.4, 0.4, 0.2), 0.0, 0.0)
    made = distributions.distribution(found, "x").text
    assert re.findall(r">(\d+)</text>", made) == ["0", "1", "2"]


@given(st.integers(1, 30))
def test_a_heat_map_has_one_cell_for_each_pair(columns: int) -> None:
    names = [f"c{k}" for k in range(columns)]
    pairs = [PairScore(a, b, 0.03, None) for a, b in combinations(names, 2)]
    made = heat.heat_map(names, pairs, "label").text
    assert made.count("<rect") == made.count("<title>") == len(pairs)
    assert 'role="img" aria-label="label"' in made


def test_a_pair_is_found_whichever_way_it_is_written() -> None:
    pairs = [PairScore("b", "a", 0.5, 0.25)]
    made = heat.heat_map(["a", "b"], pairs, "x").text
    assert "b and a: 50.00% (between real rows 25.00%)" in made
    assert 'class="h6"' in made


def test_levels_of_the_heat_map_go_up_with_the_error() -> None:
    errors = [0.0, 0.0099, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 1.0]
    levels = [heat.level(e) for e in errors]
    assert levels == sorted(levels) == [0, 0, 1, 2, 3, 4, 5, 6, 6]
    assert [at for at, _ in heat.scale()] == list(range(7))


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=6),
    st.sampled_from([None, 0.0]),
)
def test_an_axis_holds_all_its_values(values: list[float | None], start: float | None) -> None:
    low, high = dots.span(values, start)
    assert low < high
    assert all(low <= v <= high * (1 + 1e-9) + 1e-6 for v in values if v is not None)
    if start == 0.0 and all(v is None or v >= 0 for v in values):
        assert low <= 0.0 or low == min(v for v in values if v is not None)


def test_a_figure_that_is_not_there_is_not_drawn() -> None:
    assert dots.dots(None, None, 0.5, (0.4, 0.6), (0.0, 1.0)) is None
    made = dots.dots(0.5, None, None, None, (0.0, 1.0))
    assert made is not None
    assert 'aria-hidden="true"' in made.text
    assert "<circle" in made.text


@given(st.floats(1e-8, 1e12))
def test_an_axis_ends_at_a_round_number_above(value: float) -> None:
    end = svg.ceiling(value)
    assert value * (1 - 1e-6) <= end <= max(2.5 * value * (1 + 1e-6), value)


@pytest.mark.parametrize(
    ("value", "kind", "span", "shown"),
    [
        (1234.0, "numbers", 2_000.0, "1,234"),
        (0.25, "numbers", 1.0, "0.25"),
        (0.0, "dates", 4_000.0, "1970"),
        (1.0, "dates", 30.0, "1970-01-02"),
        (1.5, "dates", 1.0, "1970-01-02 12:00"),
        (-1e9, "dates", 2e9, "day -1,000,000,000"),
    ],
)
def test_ends_of_bins_are_written_as_finely_as_they_need(
    value: float, kind: str, span: float, shown: str
) -> None:
    assert edge(value, kind, span) == shown
