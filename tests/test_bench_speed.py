"""Growing tables keep their rules, growth is measured as it is, the profile's page is current."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import limits, profiling, record, speed
from bench.growing import GROUP, TEMPLATES, Size, broken, model, rows
from bench.report import Grid, Section
from synthtab.backends.vector import VectorBackend
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.train import TrainConfig

sizes = st.builds(
    lambda groups, rules, count: Size(count, groups * GROUP, min(rules, groups * len(TEMPLATES))),
    st.integers(1, 4),
    st.integers(1, 36),
    st.integers(1, 300),
)


@settings(max_examples=20)
@given(sizes, st.integers(0, 10))
def test_made_up_rows_keep_all_rules_and_broken_ones_the_first_not(size: Size, seed: int) -> None:
    table = model(size).table()
    assert (len(table.columns), len(table.row_rules)) == (size.columns, size.rules)
    backend = VectorBackend(table)
    batch = rows(size, seed)
    assert len(batch) == size.rows
    assert not backend.violated(batch).any()
    assert not backend.out_of_domain(batch).any()
    wrong = broken(size, seed)
    assert backend.violated(wrong)[:, 0].all()
    assert not backend.out_of_domain(wrong).any()
    assert np.array_equal(rows(size, seed).codes, batch.codes)


@pytest.mark.parametrize("wrong", [(0, 5, 1), (1, 7, 1), (1, 5, 10), (1, 0, 0), (1, 5, -1)])
def test_a_size_that_cannot_be_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="groups of 5, with at most 9 rules"):
        Size(*wrong)


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_power_of_growth_is_the_slope(power: float) -> None:
    assert speed.grows_by([(n, 3 * n**power) for n in (10, 100, 1_000)]) == pytest.approx(power)
    assert math.isnan(speed.grows_by([(10, 1)]))


def test_growth_is_told_beside_the_smallest() -> None:
    points = [
        speed.Point("fit", Size(10, 5, 1), 1.0, 0.5),
        speed.Point("fit", Size(20, 5, 1), 4.0, 0.25),
    ]
    section = speed.section("rows", 0, points, [10, 20], most=1.2)
    assert section.grids[0].rows == [
        ("fit", "10", "5", "1", "1 s", "20 ms", "1.00", "50.0%"),
        ("fit", "20", "5", "1", "4 s", "40 ms", "2.00", "25.0%"),
    ]
    (figure,) = section.figures
    assert (figure.measured, figure.met) == ("2.00", False)
    assert section.name == "speed-rows"


def test_every_operation_is_measured_on_every_axis() -> None:
    beside = {"fit": 60, "sample": 20, "validate": 50, "repair": 4}
    by_rows = {name: (count,) for name, count in beside.items()}
    made = list(speed.run(0, by_rows, (5,), (4,), beside))
    assert [section.name for section in made] == ["speed-rows", "speed-columns", "speed-rules"]
    operations = [[row[0] for row in section.grids[0].rows] for section in made]
    assert operations == [
        ["fit", "sample", "validate", "repair"],
        ["fit", "sample", "validate", "repair", "compile"],
        ["sample", "validate", "repair", "compile"],
    ]
    assert all(json.dumps(section.data) for section in made)


def test_operations_of_the_network_are_those_of_its_matrices() -> None:
    size = Size(40, 5, 1)
    table, batch = model(size).table(), rows(size, 0)
    config = GeneratorConfig(train=TrainConfig(symbols_seen=1))
    domains = {c.name: (0, int(batch.column(c.name)[0].max())) for c in table.columns}
    made = RowGenerator.fit(table.columns, table.column_names, domains, batch, config)
    matrices = sum(
        p.numel()
        for name, p in made.network.named_parameters()
        if p.ndim == 2 and "embed" not in name
    )
    assert limits.operations(config.model, backward=False) == 2 * matrices
    assert limits.operations(config.model, backward=True) == 6 * matrices


def test_shares_of_the_time_add_up_and_name_parts() -> None:
    table, batch = model(Size(2_000, 10, 18)).table(), rows(Size(2_000, 10, 18), 0)
    backend = VectorBackend(table)
    found = profiling.shares(lambda: [backend.violated(batch) for _ in range(5)])
    assert sum(found.values()) == pytest.approx(1)
    assert all(share > 0 for share in found.values())
    assert found.keys() - {profiling.OTHERS}
    assert not any("/site-packages/" in part or part.startswith("/") for part in found)


def section() -> Section:
    grid = Grid("operation", "part", "share of the time")
    grid.add("fit", "torch", "90%")
    grid.add("fit", "the rest", "10%")
    grid.add("sample", "`generate/step`", "100%")
    return Section(
        profiling.TITLE, profiling.COMMAND, 0, [], "A note.", [grid], name="speed-profile"
    )


def test_the_profile_stands_between_its_marks(tmp_path: Path) -> None:
    place = tmp_path / "performance.md"
    place.write_text(f"before\n{profiling.BEGIN}\nold\n{profiling.END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        profiling.write(section(), place)
        assert place.read_text(encoding="utf-8") == (
            f"before\n{profiling.BEGIN}\n- **fit**: torch 90%, the rest 10%\n"
            f"- **sample**: `generate/step` 100%\n\nA note.\n{profiling.END}\nafter\n"
        )
    place.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit, match="has lost the lines"):
        profiling.write(section(), place)


def test_the_committed_profile_is_that_of_its_record() -> None:
    (made,) = record.read(record.RESULTS / "speed-profile.json").sections
    page = profiling.PLACE.read_text(encoding="utf-8")
    assert profiling.written(made, page) == page, f"run `{profiling.COMMAND}` and commit it"
