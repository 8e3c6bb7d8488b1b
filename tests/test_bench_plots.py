"""Plots: what is drawn is in the drawing, the same each time, and wrong JSON is named."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.plots import PlotError, from_grid, number_of, svg
from bench.report import Grid
from bench.svg import Scale, shown

SVG = "{http://www.w3.org/2000/svg}"
BARS: dict[str, Any] = {
    "kind": "bars",
    "title": "Errors & more",
    "unit": "%",
    "groups": ["adult", "<heloc>"],
    "series": [
        {"name": "ours", "values": [0.009, 0.012], "spread": [0.001, None]},
        {"name": "peer", "values": [0.097, None]},
    ],
    "marks": [{"name": "noise floor", "value": 0.008}],
}
LINES: dict[str, Any] = {
    "kind": "lines",
    "title": "Time",
    "x": "rows",
    "y": "seconds",
    "series": [{"name": "fit", "points": [[1000, 2.5], [4000, 10.0], [16000, None]]}],
}
POINTS: dict[str, Any] = {
    "kind": "points",
    "title": "Speed",
    "x": "rows a second",
    "y": "valid",
    "unit": "%",
    "series": [{"name": "adult", "points": [[9031, 1.0], [10, None]], "labels": ["solver", "off"]}],
}
HEAT: dict[str, Any] = {
    "kind": "heat",
    "title": "Pair error",
    "columns": ["heloc", "adult"],
    "rows": ["free", "solver"],
    "values": [[0.03, 0.031], [0.029, None]],
}


def drawn(plot: dict[str, Any]) -> tuple[list[str], ElementTree.Element]:
    """Return the words of a drawing, and the drawing."""
    tree = ElementTree.fromstring(svg(plot))
    return [str(t.text) for t in tree.iter(f"{SVG}text")], tree


def rects(tree: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [r for r in tree.iter(f"{SVG}rect") if r.get("class") == kind]


def test_bars_are_as_long_as_their_values() -> None:
    words, tree = drawn(BARS)
    assert {"Errors & more", "adult", "<heloc>", "0.9%", "9.7%", "none"} <= set(words)
    assert "- - noise floor: 0.8%" in words
    ours = [float(r.get("width", 0)) for r in rects(tree, "fill c0") if r.get("height") == "13"]
    peer = [float(r.get("width", 0)) for r in rects(tree, "fill c1") if r.get("height") == "13"]
    assert len(ours) == 2
    assert peer[0] / ours[0] == pytest.approx(97 / 9, rel=0.01)
    assert len([x for x in tree.iter(f"{SVG}line") if x.get("class") == "spread"]) == 1


def test_a_line_of_slope_one_grows_in_proportion() -> None:
    _, tree = drawn({**LINES, "series": [{"name": "f", "points": [[1, 1], [10, 10], [100, 100]]}]})
    (path,) = tree.iter(f"{SVG}polyline")
    points = [tuple(map(float, p.split(","))) for p in str(path.get("points")).split()]
    steps = [(b[0] - a[0], a[1] - b[1]) for a, b in pairwise(points)]
    assert steps[0] == pytest.approx(steps[1], abs=0.2)
    assert len(list(drawn(LINES)[1].iter(f"{SVG}circle"))) == 2


def test_points_have_labels_and_heat_has_values() -> None:
    words, _ = drawn(POINTS)
    assert "solver" in words
    assert "off" not in words
    words, tree = drawn(HEAT)
    assert {"0.03", "0.029", "-", "heloc", "solver"} <= set(words)
    assert len(rects(tree, "fill c0")) == 3


@pytest.mark.parametrize("plot", [BARS, LINES, POINTS, HEAT], ids=lambda p: p["kind"])
def test_a_drawing_is_the_same_each_time_and_fits_its_card(plot: dict[str, Any]) -> None:
    assert svg(plot) == svg(plot)
    _, tree = drawn(plot)
    height = float(tree.get("height", 0))
    for text in tree.iter(f"{SVG}text"):
        assert 0 < float(text.get("y", 0)) < height
        assert 0 <= float(text.get("x", 0)) <= float(tree.get("width", 0))


@pytest.mark.parametrize(
    ("plot", "said"),
    [
        ({}, "needs a `title`"),
        (
            {"title": "T", "kind": "pie"},
            "'T': its kind is 'pie'; there are bars, lines, points, heat",
        ),
        ({**BARS, "groups": ["one"]}, "there are 2 values of 'ours', for 1"),
        ({k: v for k, v in LINES.items() if k != "y"}, "'lines' needs `y`"),
        ({**HEAT, "values": [[1, 2]]}, "there are 1 values, for 2"),
        ({**HEAT, "values": [[None, None]] * 2}, "there is no value to draw"),
        ({**LINES, "series": [{"name": "f", "points": [[0, 1]]}]}, "cannot show 0"),
        ({**HEAT, "values": [[1, "2"], [1, 2]]}, "not a finite number"),
        (
            {**POINTS, "series": [{"name": "f", "points": [[1, 1]], "labels": []}]},
            "0 labels of 'f'",
        ),
        ({**BARS, "series": 7}, "'bars' is not as described"),
    ],
)
def test_wrong_json_is_named(plot: dict[str, Any], said: str) -> None:
    with pytest.raises(PlotError) as caught:
        svg(plot)
    assert said in str(caught.value)


def test_cells_of_a_table_become_bars() -> None:
    grid = Grid("way", "error", "rows")
    grid.add("one", "0.68% ± 0.06%", "1,234")
    grid.add("two", "-", "90 s")
    bars = from_grid(grid, "T", ["error", "rows"], "%")
    assert bars["groups"] == ["one", "two"]
    assert bars["series"][0] == {
        "name": "error",
        "values": [0.0068, None],
        "spread": [0.0006, None],
    }
    assert bars["series"][1] == {"name": "rows", "values": [1234, 90]}
    assert number_of("20 → 0") is None
    assert number_of("") is None


@settings(max_examples=300)
@example([20.0], True, False)
@given(
    st.lists(st.floats(1e-6, 1e8), min_size=1, max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_a_scale_shows_all_its_values_between_its_ends(
    values: list[float], log: bool, zero: bool
) -> None:
    scale = Scale.around(values, 10, 110, log, zero and not log)
    for value in values:
        assert scale.low * (1 - 1e-6) <= value <= scale.high * (1 + 1e-6)
        assert 10 - 1e-6 <= scale.at(value) <= 110 + 1e-6
    ticks = scale.ticks()
    assert ticks == sorted(ticks)
    assert 2 <= len(ticks) <= 12


def test_values_are_shown_short() -> None:
    assert [shown(v) for v in (0, 0.5, 1234.5, 2e9, 0.0001)] == [
        "0",
        "0.5",
        "1,234",
        "2.0e9",
        "1.0e-4",
    ]
    assert shown(0.1234, "%") == "12.3%"
    assert shown(2.5, "s") == "2.5 s"
