"""Texts without end for the parser and the type checker: whatever comes, the answer is findings.

A text is judged by what has to hold of every text. It is read as a model, or ends in a ModelError
whose findings can be shown; a model is printed, read again and is the same; its rules are lowered.
Anything else is a failure, and is cut down to a small text that fails in the same way.
"""

from __future__ import annotations

import random
import re
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lark.exceptions import VisitError

from bench.fuzz_texts import SOURCES
from bench.report import Figure, Section, at_most, number
from synthtab.diagnostics import CODES, Diagnostic
from synthtab.errors import ModelError, SynthTabError
from synthtab.ir import nodes
from synthtab.ir.context import separate, simplified
from synthtab.ir.normalise import lower
from synthtab.lang.comments import format_with_comments
from synthtab.lang.model import Model
from synthtab.lang.parse import parse

LONGEST_S = 20
"""A text that takes longer is a failure as well."""
SHRINK_S = 60.0


class TookTooLongError(Exception):
    """A text was not judged in time."""


@dataclass(frozen=True)
class Failure:
    """A text for which something else came out than findings; ``what`` says where and how."""

    source: str
    seed: int
    text: str
    what: str
    trace: str


def judge(text: str) -> bool:
    """Check what has to hold of every text; return whether it is a model without errors."""
    model, findings = _read(text)
    for finding in findings:
        _shown(finding)
    if model is None:
        assert any(d.severity == "error" for d in findings), "refused without an error"
        return False
    assert all(d.severity != "error" for d in findings), "a model with errors"
    printed = model.to_text()
    assert Model.parse(printed) == model, "what is printed is read as another model"
    parsed = parse(text)
    commented = format_with_comments(parsed.tables, parsed.constants, parsed.source)
    again = parse(commented)
    assert again.tables == parsed.tables, "what fmt prints is read as another model"
    twice = format_with_comments(again.tables, again.constants, again.source)
    assert twice == commented, "fmt is not done after one go"
    for table in model.tables:
        for rule in table.rules:
            if isinstance(rule, nodes.RowRule):
                _lowered(rule, table, model)
    return True


def _read(text: str) -> tuple[Model | None, tuple[Diagnostic, ...]]:
    try:
        model = Model.parse(text, "fuzz.rules")
    except ModelError as error:
        return None, error.diagnostics
    return model, model.warnings


def _shown(finding: Diagnostic) -> None:
    assert finding.code in CODES
    assert finding.render()
    assert finding.to_dict()
    if finding.span is not None and finding.source is not None:
        lines = finding.source.text.split("\n")
        assert 1 <= finding.span.line <= len(lines), "a finding behind the end of the text"
        width = len(lines[finding.span.line - 1])
        assert 1 <= finding.span.column <= width + 1, "a finding behind the end of its line"


def _lowered(rule: nodes.RowRule, table: nodes.Table, model: Model) -> None:
    tables = {t.name: t for t in model.tables}
    try:
        apart = separate(simplified(rule.condition), table, tables)
    except SynthTabError:
        return  # an average used in another way than to be compared
    lower(apart.node, apart.table)


def search(
    seed: int,
    *,
    seconds: float | None = None,
    texts: int | None = None,
    told: Callable[[Failure], None] | None = None,
) -> tuple[Counter[str], list[Failure]]:
    """Judge texts of all sources in turn, for so long or so many of each.

    Return how many of each source were judged, with those that were models as ``SOURCE: accepted``,
    and the failures, one for each way to fail; ``told`` hears of each at once.
    """
    counts: Counter[str] = Counter()
    failures: dict[str, Failure] = {}
    ends = None if seconds is None else time.monotonic() + seconds
    turn = 0
    while (ends is None or time.monotonic() < ends) and (texts is None or turn < texts):
        for name, make in SOURCES.items():
            own = seed * 1_000_003 + turn
            text = make(random.Random(f"{name} {own}"))
            counts[name] += 1
            what, trace, accepted = _outcome(text)
            counts[f"{name}: accepted"] += accepted
            if what and what not in failures:
                failures[what] = Failure(name, own, _smallest(text, what), what, trace)
                if told is not None:
                    told(failures[what])
        turn += 1
    return counts, list(failures.values())


def run(seed: int, minutes: float, folder: Path) -> Section:
    """Search for so many minutes; save each failure in ``folder``."""

    def save(failure: Failure) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "-", failure.what)[:60].strip("-")
        (folder / f"{name}.rules").write_text(failure.text, "utf-8", "surrogatepass")
        (folder / f"{name}.txt").write_text(
            f"{failure.source}, seed {failure.seed}\n{failure.what}\n\n{failure.trace}", "utf-8"
        )
        print(f"found: {failure.what}", flush=True)

    counts, failures = search(seed, seconds=60 * minutes, told=save)
    figures = [at_most("ways to fail", len(failures), 0, number)]
    figures.append(Figure("texts judged", number(sum(counts[name] for name in SOURCES))))
    for name in SOURCES:
        share = f"{number(counts[name])}, {number(counts[f'{name}: accepted'])} without errors"
        figures.append(Figure(name, share))
    note = (
        "Each text is read, and either its findings are shown or it is printed, read again and its "
        f"rules lowered, within {LONGEST_S} s."
    )
    command = f"python -m bench fuzz --minutes {minutes:g}"
    return Section("Parser and type checker on texts made up", command, seed, figures, note)


def _outcome(text: str) -> tuple[str, str, bool]:
    """Return in which way a text fails ('': in none), the traceback, and judge's answer."""
    try:
        with _limit(LONGEST_S):
            return "", "", judge(text)
    except TookTooLongError:
        return "took too long", traceback.format_exc(), False
    except Exception as error:  # noqa: BLE001 - any other is what is looked for
        cause = error.orig_exc if isinstance(error, VisitError) else error
        frames = traceback.extract_tb(cause.__traceback__)
        own = [f for f in frames if "synthtab" in f.filename or "bench" in f.filename] or frames
        last = own[0] if isinstance(cause, RecursionError) else own[-1]
        where = f"{Path(last.filename).name}, {last.name}: {last.line}"
        return f"{type(cause).__name__} in {where}", traceback.format_exc()[-4000:], False


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TookTooLongError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _smallest(text: str, what: str) -> str:
    """Return a part of a text that fails in the same way, as small as some time allows to find."""
    ends = time.monotonic() + SHRINK_S

    def fails(parts: list[str]) -> bool:
        return time.monotonic() < ends and _outcome("".join(parts))[0] == what

    for pattern in (r"[^\n]*\n|[^\n]+", r"\w+|\s+|\W", r"(?s)."):
        parts = re.findall(pattern, text)
        size = max(1, len(parts) // 2)
        while size:
            at = 0
            while at < len(parts):
                without = parts[:at] + parts[at + size :]
                if fails(without):
                    parts = without
                else:
                    at += size
            size //= 2
        text = "".join(parts)
    return text
