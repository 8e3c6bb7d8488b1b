"""Limits that only tighten: a committed file of what was reached, and what falls back behind it.

A figure is a ratio or a share, never a time, so that it means the same on another machine. Its
limit is the best value there has been; ``slack``, a share of the limit, is what it may vary by.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from pathlib import Path
from typing import Any, Literal, get_args

from synthtab.atomic import atomic
from synthtab.errors import SynthTabError

FORMAT = 1
PLACE = Path(__file__).parent / "ratchet.json"
Direction = Literal["at least", "at most"]
DIGITS = 4


class RatchetError(SynthTabError):
    """The file of limits cannot be read; the message names it and what to do."""


@dataclass(frozen=True)
class Limit:
    """What a figure has reached: values beyond ``limit``, in its direction and slack, are worse."""

    limit: float
    direction: Direction
    slack: float

    @property
    def bound(self) -> float:
        """The worst value that passes."""
        change = abs(self.limit) * self.slack
        return self.limit - change if self.direction == "at least" else self.limit + change

    def passes(self, value: float) -> bool:
        """Say whether a value is not worse than what was reached, less the slack."""
        if math.isnan(value):
            return False
        return value >= self.bound if self.direction == "at least" else value <= self.bound


@dataclass(frozen=True)
class Reading:
    """A figure as measured, with the direction and slack that a new limit for it would have."""

    name: str
    value: float
    direction: Direction = "at most"
    slack: float = 0.0


def judge(readings: Sequence[Reading], limits: Mapping[str, Limit]) -> list[str]:
    """Return what is wrong, each in a sentence that names the figure, the value and the limit."""
    wrong = []
    for reading in readings:
        limit = limits.get(reading.name)
        if limit is None:
            wrong.append(
                f"{reading.name}: {reading.value:.{DIGITS}g} has no limit in {PLACE.name}; "
                "--update-ratchet adds one"
            )
        elif not limit.passes(reading.value):
            wrong.append(
                f"{reading.name}: {reading.value:.{DIGITS}g}, where {limit.direction} "
                f"{limit.bound:.{DIGITS}g} is asked for ({limit.limit:g} reached, "
                f"slack {limit.slack:.0%})"
            )
    measured = {reading.name for reading in readings}
    wrong += [
        f"{name}: has a limit in {PLACE.name} and was not measured; take it out there if it is gone"
        for name in limits
        if name not in measured
    ]
    return wrong


def tightened(readings: Sequence[Reading], limits: Mapping[str, Limit]) -> dict[str, Limit]:
    """Return limits moved to readings that are better, with one for each reading that has none.

    No limit is loosened, and none is taken away: that is for a person to do, who says why.
    """
    found = dict(limits)
    for reading in readings:
        if math.isnan(reading.value):
            continue
        old = limits.get(reading.name)
        if old is None:
            limit = _rounded(reading.value, reading.direction)
            found[reading.name] = Limit(limit, reading.direction, reading.slack)
        else:
            best = max if old.direction == "at least" else min
            limit = best(old.limit, _rounded(reading.value, old.direction))
            found[reading.name] = Limit(limit, old.direction, old.slack)
    return dict(sorted(found.items()))


def read(path: Path = PLACE) -> dict[str, Limit]:
    """Read limits. Raises RatchetError for another format, and for a file that is broken."""
    advice = "take it back from version control (git checkout -- FILE)"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RatchetError(
            f"{path} cannot be read: {error.strerror}; --update-ratchet makes one"
        ) from None
    except ValueError as error:
        raise RatchetError(f"{path} is broken: it is not JSON ({error}); {advice}") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise RatchetError(
            f"{path} is of format {found!r}, this version of the harness reads format {FORMAT}; "
            f"{advice}, or delete it and make one with --update-ratchet"
        )
    figures = content.get("figures")
    if not isinstance(figures, dict):
        raise RatchetError(f"{path} is broken: it has no `figures`; {advice}")
    return {name: _limit(path, name, part, advice) for name, part in figures.items()}


def write(limits: Mapping[str, Limit], path: Path = PLACE) -> None:
    """Write limits; the file appears whole or not at all."""
    figures = {name: asdict(limit) for name, limit in limits.items()}
    text = json.dumps({"format": FORMAT, "figures": figures}, indent=1, allow_nan=False)
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _limit(path: Path, name: str, part: Any, advice: str) -> Limit:
    if isinstance(part, dict) and part.keys() == {"limit", "direction", "slack"}:
        limit, direction, slack = part["limit"], part["direction"], part["slack"]
        numbers = all(
            isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)
            for v in (limit, slack)
        )
        if numbers and slack >= 0 and direction in get_args(Direction):
            return Limit(float(limit), direction, float(slack))
    raise RatchetError(
        f"{path} is broken: {name!r} needs a number `limit`, a `slack` of 0 or more and a "
        f"`direction`, 'at least' or 'at most', not {part!r}; {advice}"
    )


def _rounded(value: float, direction: Direction) -> float:
    """Return a value with few digits, rounded so that the value itself passes."""
    whole = ROUND_FLOOR if direction == "at least" else ROUND_CEILING
    return float(Context(prec=DIGITS, rounding=whole).create_decimal(repr(float(value))))
