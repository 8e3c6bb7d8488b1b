"""The measurement of examples: parts kept, and differences of the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import examples
from bench.examples import OTHERS, PLAIN, Run

BASE = Run("a", 100, False, PLAIN.name, 0, 0.1, 0.2, 0.8, 0.5, 0.7, 0.0, 0.0, 0.5, 0, 10, 1.0, 1.0)


def test_a_small_table_is_measured_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("annoy", reason="annoy is not installed")
    monkeypatch.setattr(examples, "FOUND", "iris")
    monkeypatch.setattr(examples, "DRAWN", 60)

    def measured() -> list[examples.Section]:
        return list(examples.run(["iris"], 1, tmp_path, 600, sizes=(400,)))

    (section,) = measured()
    assert section.command == "python -m bench examples --only iris --seeds 1 --symbols 600"
    assert section.figures[0].met
    assert section.data is not None
    runs = section.data["runs"]
    assert [(r["learned"], r["way"]) for r in runs] == [
        (n, w.name) for n in (120,) for w in examples.WAYS
    ]
    assert len(list(tmp_path.iterdir())) == len(runs)

    def not_again(*given: object) -> Run:
        raise AssertionError("it was kept")

    monkeypatch.setattr(examples, "measure", not_again)
    assert measured()[0].data == section.data


def test_differences_are_of_the_same_seed_and_a_mean_for_each_table() -> None:
    two = OTHERS[0]
    runs = [
        BASE,
        replace(BASE, way=two.name, shape=0.05),
        replace(BASE, seed=1, shape=0.3),
        replace(BASE, seed=1, way=two.name, shape=0.2),
        replace(BASE, table="b", shape=0.4),
        replace(BASE, table="b", way=two.name, shape=0.35),
        replace(BASE, table="c", way=two.name),
    ]
    assert examples._differences(runs, two, "shape") == pytest.approx([-0.075, -0.05])
    # A utility below 0 is that of rows that teach nothing.
    worse = [replace(BASE, utility=-3.0), replace(BASE, way=two.name, utility=0.25)]
    assert examples._differences(worse, two, "utility") == [0.25]
    unknown = [replace(BASE, auc=None), replace(BASE, way=two.name)]
    assert examples._differences(unknown, two, "auc") == []
