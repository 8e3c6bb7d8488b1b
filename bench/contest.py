"""One turn of one contender on one table: its task written, its driver run, its rows judged.

A driver is a process of its own, ended when its time is over; whatever becomes of it is an Outcome.
Values come back as text through our own reader, so that every contender is read alike.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bench.environments import python_of
from bench.linear_words import inequalities
from bench.registry import Loaded
from bench.report import last_error
from bench.roster import HOME, Contender
from bench.scoring import Scores, readable
from bench.sdv_words import constraints
from bench.sequenced import sequence_of
from synthtab.errors import DataError
from synthtab.files import write_frame
from synthtab.frames import decode_frame
from synthtab.lang.format import format_tables
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    decode_value,
)

State = Literal["ok", "failed", "over time", "not installed", "not run"]
Judge = Callable[[Loaded, pd.DataFrame, int], Scores]
KINDS = {
    IntegerType: "integer",
    DecimalType: "decimal",
    DateType: "date",
    DatetimeType: "datetime",
    BooleanType: "boolean",
    EnumType: "enum",
    TextType: "text",
}
MERCY = 1.2
"""Times the limit that fitting may take: the last step of training is allowed to end."""


@dataclass(frozen=True)
class Limits:
    """Seconds for fitting, for sampling, and for a process to start, read and write."""

    fit_s: float = 300
    sample_s: float = 300
    start_s: float = 120

    @property
    def all_s(self) -> float:
        """After how many seconds a driver is ended."""
        return MERCY * self.fit_s + self.sample_s + self.start_s


@dataclass(frozen=True)
class Outcome:
    """What became of a turn. ``reason`` says why there is nothing, where there is nothing.

    ``valid`` is the share of rows returned that have the declared types and keep all rules;
    ``readable`` the share that has the declared types. ``scores`` has the other figures of
    bench/scoring.py.
    """

    state: State
    reason: str = ""
    fit_s: float = 0.0
    sample_s: float = 0.0
    asked: int = 0
    rows: int = 0
    readable: float = 0.0
    valid: float = 0.0
    scores: Mapping[str, float | None] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Valid rows a second, of sampling alone."""
        return self.valid * self.rows / self.sample_s if self.sample_s else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Outcome:
        """Return the outcome that :meth:`to_dict` made ``told`` of."""
        return cls(**{**told, "notes": tuple(told["notes"])})


def turn(
    contender: Contender,
    loaded: Loaded,
    seed: int,
    *,
    limits: Limits,
    folder: Path,
    judge: Judge,
    rows: int | None = None,
) -> Outcome:
    """Let a contender learn the training rows and make ``rows`` (as many); judge what it made.

    ``folder`` holds the peers' environments.
    """
    if contender.absent:
        return Outcome("not run", contender.absent)
    if contender.sequential and sequence_of(loaded) is None:
        return Outcome("not run", "the table's rows do not follow each other")
    python = Path(sys.executable) if contender.own else python_of(folder, contender.driver)
    if not python.exists():
        command = f"python -m bench peers --setup {contender.driver}"
        return Outcome("not installed", f"`{command}` makes its environment")
    asked = len(loaded.train) if rows is None else rows
    with tempfile.TemporaryDirectory(prefix="synthtab-peer-") as place:
        work = Path(place)
        given(work, contender, loaded, seed, limits, asked)
        facts = driven([str(python), str(HOME / f"{contender.driver}.py")], work, limits)
        if isinstance(facts, Outcome):
            return facts
        try:
            # As text: what a peer wrote is read by our own codec, cell by cell.
            frame = pd.read_csv(
                work / "synthetic.csv", dtype=str, keep_default_na=False, na_values=[""]
            )
        except (OSError, ValueError) as error:
            return Outcome("failed", f"its rows cannot be read: {error}"[:300])
    return judged(loaded, frame, seed, judge, facts, asked)


def judged(
    loaded: Loaded,
    frame: pd.DataFrame,
    seed: int,
    judge: Judge,
    facts: Mapping[str, Any],
    asked: int,
) -> Outcome:
    """Return the outcome of rows that were made, as text."""
    notes = tuple(facts.get("notes", ()))
    if len(frame) < asked:
        notes += (f"{len(frame):,} rows of {asked:,} returned",)
    made = Outcome(
        "ok",
        fit_s=facts["fit_s"],
        sample_s=facts["sample_s"],
        asked=asked,
        rows=len(frame),
        versions=facts["versions"],
        notes=notes,
    )
    if not len(frame):
        return replace(made, state="failed", reason="it made no rows")
    try:
        _, misfits = readable(loaded.table.columns, frame)
        if misfits.all():
            return replace(made, state="failed", reason="no row has the declared types")
        scores = asdict(judge(loaded, frame, seed))
    except DataError as error:
        return replace(made, state="failed", reason=str(error)[:300])
    valid = scores.pop("valid")
    # A figure that is no number is not defined.
    scores = {k: v if v is not None and math.isfinite(v) else None for k, v in scores.items()}
    return replace(made, readable=1 - float(misfits.mean()), valid=valid, scores=scores)


def given(
    work: Path, contender: Contender, loaded: Loaded, seed: int, limits: Limits, rows: int
) -> None:
    """Write a driver's task: training rows as CSV, columns as JSON, the rules for ourselves."""
    table = loaded.table
    write_frame(work / "train.csv", decode_frame(table.columns, loaded.train), table.columns)
    keys = {r.columns[0] for r in table.unique_rules if len(r.columns) == 1 and r.where is None}
    task = {
        "columns": [described(c, c.name in keys) for c in table.columns],
        "rows": rows,
        "limit_s": limits.fit_s,
        "sample_limit_s": limits.sample_s,
        "seed": seed,
        "options": dict(contender.options),
        "sequence": sequence_of(loaded),
        "linear": [one.to_dict() for one in inequalities(table)[0]],
        "constraints": constraints(table, loaded.train)[0],
    }
    (work / "task.json").write_text(json.dumps(task), encoding="utf-8")
    if contender.own:
        (work / "model.rules").write_text(format_tables([table]), encoding="utf-8")


def described(column: Column, key: bool = False) -> dict[str, Any]:
    """Return what a driver is told of a column."""
    told: dict[str, Any] = {"name": column.name, "nullable": column.optional, "key": key}
    told["kind"] = KINDS[type(column.type)]
    match column.type:
        case DecimalType(_, scale):
            told["scale"] = scale
        case DatetimeType(resolution):
            told["tick"] = resolution
        case EnumType(values):
            told["categories"] = list(values)
        case BooleanType():
            told["categories"] = ["false", "true"]
        case TextType(length, _):
            told["length"] = length
    if not isinstance(column.type, EnumType | BooleanType | TextType):
        for end, code in (("lo", column.lo), ("hi", column.hi)):
            if code is not None:
                told[end] = str(decode_value(column.type, code))
    return told


def driven(command: list[str], work: Path, limits: Limits) -> dict[str, Any] | Outcome:
    """Run a driver; return the facts it printed, or what became of it instead."""
    root = str(HOME.parents[1])
    environment = {**os.environ, "PYTHONPATH": root} if sys.executable in command else os.environ
    environment = {**environment, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, str(work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        cwd=work,
        env=environment,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=limits.all_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        at = "sampling" if (work / "fitted").exists() else "fitting"
        reason = f"still {at} after {time.perf_counter() - started:.0f} s"
        return Outcome("over time", f"{reason}, with {limits.fit_s:.0f} s to fit")
    if process.returncode:
        reason = last_error(errors) or f"it ended with {process.returncode} and no message"
        return Outcome("failed", reason)
    facts = _facts(output)
    if facts is None:
        return Outcome("failed", "it printed no figures")
    if facts["fit_s"] > MERCY * limits.fit_s:
        reason = f"took {facts['fit_s']:.0f} s to fit, of {limits.fit_s:.0f} s allowed"
        return Outcome("over time", reason, versions=facts["versions"])
    return facts


def _facts(output: str) -> dict[str, Any] | None:
    """Return the last line of a driver's output that is what it should be."""
    for line in reversed(output.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and {"fit_s", "sample_s", "versions"} <= set(found):
            return found
    return None
