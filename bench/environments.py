"""The peers' virtual environments: one folder for each driver, with the versions it pins.

They are made by ``python -m bench peers --setup [NAME]`` and never mix with our own packages.
pip's own settings apply, its cache and its indexes too: where PyTorch's index of builds without
CUDA is among them, those are taken, else several gigabytes more.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.roster import HOME, Contender

FOLDER = Path("peers")
BARE = ".nodeps.txt"
"""Ends the name of a file of packages whose own requirements cannot all be met, nor need be."""


def python_of(folder: Path, driver: str) -> Path:
    """Return where the Python of a driver's environment is, or would be."""
    return folder / driver / "bin" / "python"


def pins(driver: str) -> Path:
    """Return the file that says what a driver's environment holds."""
    return HOME / f"{driver}.txt"


def wishes(driver: str) -> str:
    """Return what a driver's environment holds, as text; another text is another environment."""
    files = (pins(driver), pins(driver).with_suffix(BARE))
    return "".join(f.read_text(encoding="utf-8") for f in files if f.exists())


def drivers(contenders: Sequence[Contender], name: str | None = None) -> list[str]:
    """Return the environments to make: all, or that of one contender or driver."""
    known = [c for c in contenders if not c.own and not c.absent]
    found = [c.driver for c in known if name in (None, "all", c.name, c.driver)]
    if not found:
        names = ", ".join(dict.fromkeys(x for c in known for x in (c.driver, c.name)))
        raise SystemExit(f"bench: no environment for {name!r}; there are {names}")
    return list(dict.fromkeys(found))


def set_up(folder: Path, wanted: Sequence[str], python: str = sys.executable) -> list[str]:
    """Make the environments one after another; return what failed, with the reason.

    One that is there with the same pins is left alone. What fails is taken away again, so that a
    half-made environment is never run.
    """
    failed = []
    for driver in wanted:
        place, stamp = folder / driver, folder / driver / "pins.txt"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wishes(driver):
            print(f"{driver}: there already", flush=True)
            continue
        shutil.rmtree(place, ignore_errors=True)
        print(f"{driver}: making {place}", flush=True)
        reason = _made(place, driver, python)
        if reason:
            shutil.rmtree(place, ignore_errors=True)
            failed.append(f"{driver}: {reason}")
            print(failed[-1], file=sys.stderr, flush=True)
        else:
            stamp.write_text(wishes(driver), encoding="utf-8")
    return failed


def _made(place: Path, driver: str, python: str) -> str:
    """Make one environment; return why it could not be made, or nothing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    own = str(place / "bin" / "python")
    install = [own, "-m", "pip", "install", "--quiet", "--requirement", str(pins(driver))]
    commands = [[python, "-m", "venv", str(place)], install]
    bare = pins(driver).with_suffix(BARE)
    if bare.exists():
        commands.append([*install[:-1], str(bare), "--no-deps"])
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        if done.returncode:
            lines = [x for x in done.stderr.splitlines() if "ERROR" in x] or [done.stderr[-300:]]
            return " ".join(lines)[-500:]
    return ""
