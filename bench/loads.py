"""Sampled tables put into a PostgreSQL of the run's own, with all the constraints it can hold."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import pandas as pd

from bench.postgres import NoServerError, server
from bench.report import Figure, number, seconds
from synthtab.databases.address import parse_address
from synthtab.errors import RuleViolationError
from synthtab.lang.model import Model
from synthtab.loading import load


def loaded(model: Model, frames: Mapping[str, pd.DataFrame]) -> list[Figure]:
    """Return what PostgreSQL took of the tables; without a server a figure says so."""
    rows = sum(len(frame) for frame in frames.values())
    try:
        with server() as url:
            started = time.perf_counter()
            try:
                got = load(model.tables, frames, parse_address(url))
            except RuleViolationError as error:
                # One transaction: the first row that is refused takes all others with it.
                why = re.sub(r"postgresql://\S+", "PostgreSQL", str(error))
                return [
                    Figure("PostgreSQL, constraints on: rows loaded", "0", f"{rows:,}", met=False),
                    Figure("PostgreSQL: refused rows", why[:200], "0", met=False),
                ]
            took = time.perf_counter() - started
    except NoServerError as error:
        return [Figure("PostgreSQL, constraints on: rows loaded", f"not measured: {error}")]
    done = sum(got.rows.values())
    asked = [u for u in got.unenforced if u.broken is not None]
    unsaid = len(got.unenforced) - len(asked)
    broken = [f"{u.table}.{u.rule} {u.broken:,}" for u in got.broken]
    return [
        Figure(
            "PostgreSQL, constraints on: rows loaded",
            f"{done:,} in {seconds(took)}, {number(done / took)} rows/s",
            f"{rows:,}",
            done == rows,
        ),
        Figure("PostgreSQL: refused rows", "0", "0", met=True),
        Figure(
            "PostgreSQL: rules it enforces / checked by query",
            f"{sum(got.enforced.values())} / {len(asked)}"
            + (f" ({unsaid} it has no words for)" if unsaid else ""),
        ),
        Figure(
            "PostgreSQL: rules that more rows break than may, by query",
            ", ".join(broken) or "0",
            "0",
            not broken,
        ),
    ]
