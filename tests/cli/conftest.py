"""Running a command line in this process, and a model of several tables to run it on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Call, Ran
from shop import QUICK, RULES, write_shop

from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer


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


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with rules, real rows and a model of them."""
    folder = write_shop(tmp_path_factory.mktemp("shop"))
    synthesizer = Synthesizer(Model.parse(RULES), config=QUICK)
    synthesizer.fit(str(folder / "real"), seed=1).save(folder / "model")
    return folder
