"""Running a command line in this process: its exit code, its output, its errors."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from command_line import Call, Ran


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs ``main`` with arguments, as the console script does."""

    def run(main: Callable[[], None], *args: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["program", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run
