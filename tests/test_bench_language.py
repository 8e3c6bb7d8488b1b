"""What is measured of language models, on a table and a model that are tiny."""

from tiny_models import tiny

from bench.language import PARTS, Writer, masks, setup, valid
from bench.language_cases import Case, Clock, wide
from synthtab.lang.model import Model
from synthtab.learnable import enforced
from synthtab.solver.project import compile_plan


def case() -> Case:
    table = enforced(Model.parse(wide(2)).table())
    return Case("wide", table, compile_plan(table), None)


def test_times_are_counted_once_by_name():
    class Thing:
        def outer(self) -> int:
            return self.inner() + 1

        def inner(self) -> int:
            return 1

    clock, thing = Clock(), Thing()
    with clock.of(Thing, outer="a", inner="a"), clock.of(Thing, inner="b"):
        assert thing.outer() == 2
    assert set(clock.spent) == {"a", "b"}
    assert clock.spent["a"] >= clock.spent["b"] >= 0
    assert thing.inner() == 1
    assert set(clock.spent) == {"a", "b"}


def test_masks_and_what_is_made_once_are_measured():
    writer = Writer(tiny(), "a tiny model", trained=False)
    timed = masks([case()], writer, 0, 3)
    made = setup([case()], writer, 0, 4)
    assert "a tiny model" in timed.note
    assert timed.command == "python -m bench language --only masks"
    assert [row[0] for row in timed.grids[0].rows] == ["wide"]
    assert int(timed.grids[0].rows[0][-1]) > 10
    assert made.figures[0].what == "grammar of a table, set up"
    assert len(timed.figures) == 1


def test_each_part_has_the_command_that_gives_it_again():
    for part in PARTS:
        command = f"python -m bench language --only {part}"
        assert Writer(tiny(), "a tiny model", trained=False).command(part) == command
        assert Writer(tiny(), "a tiny model", trained=True).command(part) == command + " --work DIR"


def test_rows_are_judged_by_the_database():
    section = valid([case()], Writer(tiny(), "a tiny model", trained=True), 0, 4)
    assert section.command == "python -m bench language --only valid --work DIR"
    assert section.figures[0].met
    assert section.grids[0].rows[0][3] == "100.00%"
