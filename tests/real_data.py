"""Where the public data sets are; tests that need one skip where it is not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from synthtab.ir.nodes import Table

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


def paths_of(name: str, tables: Sequence[Table]) -> dict[str, Path]:
    """Return each table's file in a data set; skip, saying which are missing."""
    found = {t.name: p for t in tables for p in (DATA / name).glob(f"{t.name}.csv*")}
    if missing := [t.name for t in tables if t.name not in found]:
        pytest.skip(f"needs {', '.join(missing)} of the data set {name} in {DATA}")
    return found
