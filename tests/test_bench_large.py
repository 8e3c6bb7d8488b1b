"""What is measured of a large model on a GPU, with a tiny one on the processor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from tiny_llama import RULES

from bench import large, large_cells
from bench.__main__ import parser
from bench.device import Device, passes, words
from bench.large import Setting, run
from bench.large_cells import FULL, LATE, UNKNOWN, size, within
from bench.large_model import SHAPES, Large, Shape
from bench.large_table import Parcels
from bench.record import name_of
from bench.report import Section
from bench.scoring import broken
from synthtab.generate.language import training, walk
from synthtab.generate.language.generator import LanguageGenerator

SMALL = Shape("small", 1, 32, 64, 4, 2, tied=False, tokens=1_600, spelled=1_500)
CPU = Device(torch.device("cpu"))


def model(shape: Shape = SMALL) -> Large:
    return Large(shape, CPU, 0, [path.read_text(encoding="utf-8") for path in RULES])


@cache
def parcels() -> Parcels:
    return Parcels.of(20, 3)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Setting]:
    """What is measured with, on few rows."""
    monkeypatch.setattr(large, "AT_A_TIME", (1, 2))
    monkeypatch.setattr(large, "TUNED", (1, 2))
    monkeypatch.setattr(large, "SHOWN", (0, 2))
    monkeypatch.setattr(large, "EXAMPLES", 1)
    return lambda: Setting(model(), parcels(), 2, 1, 0)


def cells(section: Section) -> list[dict[str, Any]]:
    assert section.data is not None
    return list(section.data["cells"])


@pytest.mark.usefixtures("few")
def test_all_parts_are_measured() -> None:
    draw, lora, memory = run(lambda: Setting.of(model(), 2, 1, 0), [], 10)
    assert draw.command == "python -m bench large --shape small --only draw"
    assert [name_of(s) for s in (draw, lora, memory)] == [
        f"large-shape-small-{part}" for part in large.PARTS
    ]
    assert draw.device == ""
    assert [row[:3] for row in draw.grids[0].rows] == [
        (n, n, level) for n in ("1", "2") for level in ("free", "grammar", "solver")
    ]
    for cell in cells(draw):
        # Each of the 13 columns takes a step at least, and the row's tokens are read in them.
        assert cell["steps"] >= 13
        assert cell["tokens"] > cell["steps"]
        assert cell["at_once"] == cell["rows"]
        assert min(cell["prompt"], cell["network"], cell["around"]) > 0
        assert 0 < cell["network"] + cell["masks"] + cell["around"] <= cell["all"]
        assert (cell["masks"] > 0) == (cell["level"] != "free")
    assert [f.what for f in draw.figures][-1] == (
        "masks at `solver`, of the time of the forward pass"
    )
    assert [(c["computed_twice"], c["rows"]) for c in cells(lora)] == [
        (twice, rows) for twice in (False, True) for rows in (1, 2)
    ]
    assert all(c["seconds"] > 0 and c["tokens"] > 100 for c in cells(lora))
    kept, twice = cells(lora)[1], cells(lora)[3]
    assert twice["tokens"] > 1.5 * kept["tokens"]  # the prompt of each row
    assert [row[2] for row in memory.grids[0].rows] == ["0", "2"]
    assert all(row[4] == UNKNOWN for row in memory.grids[0].rows)
    assert memory.figures[0].measured == size(4 * SMALL.parameters)
    assert all(c["at_once"] == 2 and c["all"] > 0 for c in cells(memory))


def test_what_memory_does_not_suffice_for_is_told_and_the_rest_goes_on(
    few: Callable[[], Setting], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, losses, asked = LanguageGenerator.draw, training.row_losses, []

    def draw(own: LanguageGenerator, rows: int, **named: Any) -> Any:
        if rows == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return drawn(own, rows, **named)

    def row_losses(network: Any, lines: Any, chosen: Any, *, shared: bool) -> Any:
        asked.append(sum("lora" in name for name, _ in network.named_parameters()))
        if shared and len(chosen) > 1:
            raise RuntimeError("CUDA error: out of memory")
        return losses(network, lines, chosen, shared=shared)

    monkeypatch.setattr(LanguageGenerator, "draw", draw)
    monkeypatch.setattr(training, "row_losses", row_losses)
    draw_section, lora, memory = run(few, [], 10)
    rows = draw_section.grids[0].rows
    assert [row[3] == FULL for row in rows] == [True] * 3 + [False] * 3
    assert {c["rows"] for c in cells(draw_section)} == {2}
    assert draw_section.figures[0].what.endswith("2 rows at a time")
    assert [row[2] == FULL for row in lora.grids[0].rows] == [False, True, False, False]
    assert len(cells(lora)) == 3
    assert len(set(asked)) == 1  # one set of adapters each time, none left of the one that failed
    assert [row[4] for row in memory.grids[0].rows] == [FULL] * 2
    assert cells(memory) == []


def test_more_rows_than_are_read_at_a_time_are_not_drawn(
    few: Callable[[], Setting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "AT_A_TIME", (2, 3))
    monkeypatch.setattr(walk, "batch_rows", lambda *given, **named: 1)
    setting = replace(few(), rows=3)
    section = large.throughput(setting, math.inf)
    assert [(c["rows"], c["at_once"]) for c in cells(section)] == [(2, 1)] * 3
    assert section.grids[0].rows[-1][:4] == ("3", "", "", "as with 2: 1 at a time")
    monkeypatch.setattr(large, "AT_A_TIME", (1, 2, 3))  # of which memory leaves out the first
    section = large.memory(setting, math.inf)
    assert [(c["rows"], c["at_once"]) for c in cells(section)] == [(2, 1)] * 2
    assert [row[4] for row in section.grids[0].rows[2:]] == ["as with 2: 1 at a time"] * 2


def test_other_errors_are_not_taken_for_memory() -> None:
    def fails() -> None:
        raise RuntimeError("shapes do not go together")

    def fails_in_a_product() -> None:
        raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(...)")

    with pytest.raises(RuntimeError, match="shapes"):
        within(math.inf, CPU, fails)
    assert within(math.inf, CPU, fails_in_a_product) == FULL


def test_nothing_is_begun_when_the_time_is_up(few: Callable[[], Setting]) -> None:
    assert within(time.perf_counter() - 1, CPU, lambda: 1) == LATE
    sections = list(run(few, ["lora", "draw"], 1e-9))
    assert [s.command.split()[-1] for s in sections] == ["draw", "lora"]
    for section in sections:
        assert all(LATE in row for row in section.grids[0].rows)
        assert list(section.figures) == []
        assert cells(section) == []


def test_ids_without_a_token_stand_for_nothing() -> None:
    base = model().base
    assert base.vocabulary.size == 1_600
    assert max(base.vocabulary.tokens) < 1_500
    assert base.network.dtype == torch.float32


def test_shapes_are_those_that_people_use() -> None:
    assert SHAPES["llama-8b"].parameters == 8_030_261_248
    assert SHAPES["1b"].parameters == 1_235_814_400
    small = model()
    assert small.shape.parameters == sum(p.numel() for p in small.base.network.parameters())


def test_a_model_without_room_is_refused_with_what_would_do() -> None:
    huge = Shape("huge", 1, 4_096, 64, 32, 8, tied=True, tokens=10**9)
    with pytest.raises(SystemExit, match=r"weights of `huge` take 15,2\d\d\.\d GiB.*--shape"):
        assert model(huge).base


@pytest.mark.parametrize("option", ["--rows", "--steps", "--minutes"])
def test_options_of_nothing_are_refused(option: str) -> None:
    given = parser().parse_args(["large", "--shape", "tiny", option, "0"])
    with pytest.raises(SystemExit, match=f"bench: {option} 0: it is above 0"):
        next(large.command(given))


def test_rows_of_the_rules_alone_are_lawful_and_shown() -> None:
    assert len(parcels().rows) == 20
    assert not broken(parcels().case.table, parcels().rows).any()
    made = parcels().generator(model().base, 2)
    assert made.prompt.count('{"') == 2
    assert "weight_g >= 5 * pieces" in made.prompt


def test_a_pass_is_told_with_its_shape_and_time() -> None:
    network = model().base.network
    with passes(network, CPU) as seen:
        network(input_ids=torch.zeros((2, 3), dtype=torch.int64))
    network(input_ids=torch.zeros((1, 1), dtype=torch.int64))
    assert [(one.rows, one.columns) for one in seen] == [(2, 3)]
    assert seen[0].seconds > 0


def test_a_gpu_is_told_in_a_line() -> None:
    told = words("NVIDIA H100", 80 * 2**30, (9, 0), "550.1")
    assert told.startswith("NVIDIA H100 with 80 GiB (compute capability 9.0, driver 550.1, CUDA")
    assert "driver" not in words("NVIDIA H100", 80 * 2**30, (9, 0), "")
    assert CPU.described() == ""
    assert CPU.peak() is None


def test_memory_in_words() -> None:
    assert size(3 * 2**30) == "3.00 GiB"
    assert size(3 * 2**20) == "3.00 MiB"
    assert size(None) == UNKNOWN
    assert large_cells.rows_to_tune(4, 2) == 24
