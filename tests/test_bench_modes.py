"""Decoding modes held against exact laws, and the measurement of modes on a small table.

The statistical tests compare counts with a law by chi-squared; each may fail by chance in
FALSE_ALARM (one in a billion) of runs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from laws import FALSE_ALARM
from scipy import stats

from bench import masking, modes
from bench.kept import kept_values
from bench.masking import Case, counted, distance, every_row, floor, lawful
from bench.registry import entry
from synthtab.draw import draw_rows
from synthtab.errors import UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model

QUICK = GeneratorConfig(train=TrainConfig(symbols_seen=40_000))
ROWS = 20_000
KINDS = {"one": 1, "ten": 10, "half": 55, "all": 100}


@cache
def network() -> Case:
    return masking.learned(QUICK)


def chance(counts: np.ndarray, law: np.ndarray) -> float:
    """Return the p-value of counts under a law, rare rows together."""
    order = np.argsort(law)
    due, seen = (law * counts.sum())[order], counts[order].astype(float)
    group = np.minimum(np.cumsum(due) // 20, counts.sum() // 20 - 1).astype(int)
    due, seen = np.bincount(group, due), np.bincount(group, seen)
    some = due > 0
    return float(stats.chisquare(seen[some], due[some] * seen.sum() / due.sum()).pvalue)


def masked_law(case: Case) -> np.ndarray:
    """Return the law under masks alone: each cell even over what can be gone on with."""
    cells = np.stack([case.rows.column(name)[0] for name in case.plan.order], axis=1)
    law = np.ones(len(cells))
    for row in range(len(cells)):
        for at in range(cells.shape[1]):
            alike = (cells[:, :at] == cells[row, :at]).all(axis=1)
            law[row] /= len(np.unique(cells[alike, at]))
    return law


def test_the_made_up_table_has_the_rows_it_is_made_for() -> None:
    case = masking.without_data()
    assert np.bincount(case.rows.column("kind")[0]).tolist() == list(KINDS.values())
    assert case.plan.exact
    assert case.law.sum() == pytest.approx(1)


def test_weighted_rows_follow_the_exact_law_and_masked_ones_do_not() -> None:
    case = masking.without_data()
    weighted = counted(case, "solver+weighted", ROWS, seed=11)
    masked = counted(case, "solver", ROWS, seed=11)
    assert chance(weighted, case.law) > FALSE_ALARM
    assert chance(masked, case.law) < FALSE_ALARM
    # Masks alone have a law of their own, and are as far from the other as that is.
    law = masked_law(case)
    assert chance(masked, law) > FALSE_ALARM
    apart = np.abs(law - case.law).sum() / 2
    assert distance(masked, case.law).variation == pytest.approx(apart, abs=0.03)
    assert distance(weighted, case.law).variation < 0.2 * apart
    assert distance(weighted, case.law).divergence < 0.05 * distance(masked, case.law).divergence


def test_the_same_of_a_network() -> None:
    case = network()
    law = {mode: counted(case, mode, ROWS, seed=5) for mode in masking.MODES}
    assert chance(law["reject"], case.law) > FALSE_ALARM
    assert chance(law["solver+weighted"], case.law) > FALSE_ALARM
    assert chance(law["solver"], case.law) < FALSE_ALARM
    least = floor(case.law, ROWS, seed=0)
    assert distance(law["solver+weighted"], case.law).variation < 1.5 * least.variation
    assert distance(law["solver"], case.law).variation > 5 * least.variation


@pytest.mark.parametrize("make", [masking.without_data, network], ids=["no data", "network"])
def test_weights_tell_how_far_masks_are_from_the_law(make) -> None:  # type: ignore[no-untyped-def]
    case = make()
    found = draw_rows(case.table, case.source, case.plan, ROWS, mode="solver", seed=3)[1]
    counts = counted(case, "solver", ROWS, seed=4)
    # Counts alone make the divergence larger by about (rows of the law) / (2 rows drawn).
    exact = distance(counts, case.law).divergence - len(case.law) / (2 * ROWS)
    assert found.divergence == pytest.approx(exact, rel=0.1)


def test_nothing_masked_is_no_divergence() -> None:
    case = network()
    for mode in ("free", "reject", "repair"):
        found = draw_rows(case.table, case.source, case.plan, 500, mode=mode, seed=3)[1]
        assert found.divergence == 0


def test_a_network_gives_all_rows_together_no_more_than_the_whole() -> None:
    case = network()
    whole = np.exp(case.source.log_likelihood(every_row(case.table)))  # type: ignore[attr-defined]
    assert len(whole) == 400
    assert whole.sum() == pytest.approx(1, abs=1e-3)
    drawn = case.source.draw(ROWS, level="free", seed=1)
    share = (drawn.batch.column("kind")[0] == 0)[~drawn.malformed].mean()
    assert share == pytest.approx(whole[:100].sum(), abs=0.03)


def test_distances_of_a_law_from_itself_are_the_floor() -> None:
    law = np.array([0.5, 0.3, 0.2])
    assert distance(np.array([5, 3, 2]), law).variation == pytest.approx(0)
    assert distance(np.array([5, 3, 2]), law).divergence == pytest.approx(0)
    one_sided = distance(np.array([1, 0, 0]), law)
    assert one_sided.variation == pytest.approx(0.5)
    assert one_sided.divergence == pytest.approx(np.log(2))
    assert floor(law, 100, 0).variation > floor(law, 10_000, 0).variation


def test_tables_that_are_too_large_are_not_written_down() -> None:
    large = Model.parse("table t { a integer in 0 .. 999\n b integer in 0 .. 999 }").table()
    with pytest.raises(UsageError, match="too many to write down"):
        every_row(large)
    texts = Model.parse("table t { a text(3) }").table()
    with pytest.raises(UsageError, match="too many"):
        lawful(texts)
    optional = Model.parse("table t { a boolean optional\n b integer in 1 .. 2 }").table()
    assert len(every_row(optional)) == 6


def test_modes_are_measured_once_and_kept(tmp_path: Path) -> None:
    least = GeneratorConfig(train=TrainConfig(symbols_seen=8_000))
    (section,) = modes.run(["engel"], None, 1, 120, tmp_path, 0, least)
    (part,) = section.data["parts"]
    assert set(part["modes"]) == set(modes.COMMON_MODES)
    made = part["modes"]
    assert made["solver"]["valid"] == made["solver+weighted"]["valid"] == 1
    assert made["free"]["divergence"] == 0
    assert section.command == "python -m bench modes --only engel --seeds 1 --rows 120"
    assert [g.columns[0] for g in section.grids][-1].startswith("engel, 188 rows")
    kept = next(tmp_path.glob("modes-engel-0.json"))
    before = kept.stat().st_mtime_ns
    (again,) = modes.run(["engel"], None, 1, 120, tmp_path, 0, least)
    assert kept.stat().st_mtime_ns == before
    assert [f.measured for f in again.figures] == [f.measured for f in section.figures]


def test_a_mode_that_was_refused_is_said_to_be() -> None:
    line = {
        "valid": 1.0,
        "rate": 2.0,
        "lost": 0.0,
        "mended": 0.0,
        "divergence": 0.0,
        "from_reject": None,
        "from_real": (0.1, 0.2),
        "c2st": None,
        "utility": None,
    }
    found = {mode: dict(line) for mode in modes.COMMON_MODES} | {"reject": {"refused": "too few"}}
    part = {
        "table": "t",
        "seed": 0,
        "train": 100,
        "exact": True,
        "utility_real": None,
        "modes": found,
    }
    section = modes._section([part], "python -m bench modes", 0)
    (grid,) = section.grids
    assert ("`reject`, refused", *[""] * len(modes.COLUMNS)) in grid.rows
    assert not any("from rejection" in f.what for f in section.figures)


def test_unknown_tables_are_answered_by_near_ones() -> None:
    with pytest.raises(SystemExit, match="no table 'irs'"):
        list(modes.run(["irs"]))
    assert all(entry(name) for name in modes.TABLES)


def test_values_are_kept_as_long_as_they_are_measured_alike(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"x": len(made)}

    assert kept_values(tmp_path / "new", "part", {"rows": 5}, make) == {"x": 1}
    assert kept_values(tmp_path / "new", "part", {"rows": 5}, make) == {"x": 1}
    assert kept_values(tmp_path / "new", "part", {"rows": 6}, make) == {"x": 2}
    assert kept_values(None, "part", {"rows": 6}, make) == {"x": 3}
