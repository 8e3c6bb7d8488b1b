"""What a measurement of tables was asked for, as it says so again."""

from __future__ import annotations

import pytest

from bench.asked import command_line, times


def test_a_command_says_what_was_given() -> None:
    assert command_line("refine", []) == "python -m bench refine"
    given = command_line("refine", ["iris", "abalone", "iris"], seeds=None, symbols=600)
    assert given == "python -m bench refine --only iris --only abalone --symbols 600"


def test_each_table_is_measured_once_at_least() -> None:
    assert times(None, 3) == 3
    assert times(1, 3) == 1
    with pytest.raises(SystemExit, match="--seeds 0: each table is measured at least once"):
        times(0, 3)
