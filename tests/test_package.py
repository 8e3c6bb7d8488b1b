"""The package's face: its names, its version, and that importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import synthtab

ROOT = Path(__file__).parents[1]


def test_public_names_are_there() -> None:
    from synthtab.lang.model import Model

    assert synthtab.Model is Model
    assert issubclass(synthtab.SynthTabError, Exception)
    assert set(synthtab.__all__) - {"__version__"} == set(synthtab._HOMES)
    with pytest.raises(AttributeError, match="Nothing"):
        synthtab.Nothing  # noqa: B018


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert synthtab.__version__ == project["version"]


def test_every_dependency_is_pinned_once_within_its_range() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {p.name.lower().replace("_", "-"): str(p.specifier) for p in pins}
    assert len(versions) == len(pins)
    assert all(v.startswith("==") and "+" not in v for v in versions.values())
    extras = project["optional-dependencies"]
    for text in [*project["dependencies"], *extras["demo"], *extras["dev"]]:
        wanted = Requirement(text)
        version = versions[wanted.name.lower().replace("_", "-")]
        assert wanted.specifier.contains(version.removeprefix("==")), text


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, synthtab; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not set(done.stdout.split()) & {"torch", "pandas", "numpy", "z3", "lark"}
