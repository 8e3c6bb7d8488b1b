"""The work behind ``rulecheck translate``: read the sentence, review the rule, ask, write."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from synthtab.atomic import atomic
from synthtab.cli import common
from synthtab.cli.proving import plain_row, shown
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.reads import reads
from synthtab.lang.amend import text_with_rule
from synthtab.lang.english import NotUnderstoodError, Reading, read_english
from synthtab.lang.format import format_rule
from synthtab.lang.model import Model
from synthtab.schema import Value
from synthtab.translate.review import Review, review


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for."""

    table: str | None
    pretrained: Path | None
    yes: bool
    write: bool
    as_json: bool
    budget: float


def translate(file: Path, sentence: str, wishes: Wishes) -> int:
    """Translate a sentence, show what the rule does, add it to the file; return the exit code."""
    if wishes.as_json and wishes.write and not wishes.yes:
        raise UsageError("--json never asks: add --yes to write the rule without a question")
    model = Model.load(file)
    try:
        reading = _reading(model, sentence, wishes)
    except NotUnderstoodError as error:
        if not wishes.as_json:
            raise
        common.print_json(_problem(file, sentence, error))
        return common.WRONG_USE
    seen = review(model, reading, budget_s=wishes.budget)
    if wishes.as_json:
        written = wishes.write and not seen.conflicts and not seen.known
        if written:
            _write(file, model, reading)
        common.print_json(_report(file, sentence, seen, wishes, written))
        return common.FINDINGS if seen.conflicts else common.FINE
    _print(seen, wishes.pretrained)
    if seen.conflicts:
        return common.FINDINGS
    if seen.known:
        return common.FINE
    if not _confirmed(file, wishes):
        common.stderr().print("not confirmed: nothing was written")
        return common.FINDINGS
    if wishes.write:
        _write(file, model, reading)
        common.stdout().print(f"written: {file}", markup=False, soft_wrap=True)
    return common.FINE


def _reading(model: Model, sentence: str, wishes: Wishes) -> Reading:
    if wishes.pretrained is None:
        return read_english(sentence, model, wishes.table)
    from synthtab.translate.propose import propose  # torch, transformers, Outlines

    return propose(sentence, model, wishes.pretrained, wishes.table, budget_s=wishes.budget)


def _write(file: Path, model: Model, reading: Reading) -> None:
    text = text_with_rule(model, reading.table, reading.rule)
    with atomic(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _confirmed(file: Path, wishes: Wishes) -> bool:
    """Ask, where there is somebody to ask or something to be written."""
    if wishes.yes or not (wishes.write or sys.stdin.isatty()):
        return True
    question = f"Add it to {file}?" if wishes.write else "Is this what you mean?"
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False


def _print(seen: Review, pretrained: Path | None) -> None:
    console = common.stdout()
    whose = "" if pretrained is None else f", as the model in {pretrained} proposes it"
    console.print(f"In table {seen.table.name}{whose}:", markup=False, soft_wrap=True)
    console.print(f"\n  {format_rule(seen.rule)}\n", markup=False, soft_wrap=True)
    if seen.conflicts:
        common.print_findings(console, seen.conflicts)
        return
    if seen.implied_by is not None:
        names = ", ".join(seen.implied_by) or "the columns as they are declared"
        console.print(f"already implied by: {names}", markup=False, soft_wrap=True)
    columns = _columns(seen)
    if seen.allowed is not None:
        _print_row(console, "allows ", seen.allowed, columns)
    for at, row in enumerate(seen.refused):
        _print_row(console, "refuses" if at == 0 else "beside ", row, columns)
    for note in seen.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)


def _columns(seen: Review) -> tuple[str, ...]:
    """Return the columns a rule reads, in the table's order."""
    if seen.allowed is None and not seen.refused:
        return ()
    used = reads(seen.rule, seen.table, {seen.table.name: seen.table})[seen.table.name]
    return tuple(c for c in seen.table.column_names if c in used)


def _print_row(
    console: Console, word: str, row: Mapping[str, Value | None], columns: tuple[str, ...]
) -> None:
    cells = ", ".join(f"{name} = {shown(row[name])}" for name in columns)
    more = len(row) - len(columns)
    rest = f" ({more} other column{'' if more == 1 else 's'})" if more else ""
    console.print(f"{word}: {cells}{rest}", markup=False, soft_wrap=True)


def _problem(file: Path, sentence: str, error: NotUnderstoodError) -> dict[str, object]:
    return {
        "file": str(file),
        "sentence": sentence,
        "understood": False,
        "problem": str(error),
        "readings": [{"table": r.table, "rule": format_rule(r.rule)} for r in error.readings],
    }


def _report(
    file: Path, sentence: str, seen: Review, wishes: Wishes, written: bool
) -> dict[str, object]:
    rule: nodes.Rule = seen.rule
    return {
        "file": str(file),
        "sentence": sentence,
        "understood": True,
        "proposed_by": None if wishes.pretrained is None else str(wishes.pretrained),
        "table": seen.table.name,
        "name": rule.name,
        "rule": format_rule(rule),
        "conflicts": [d.to_dict() for d in seen.conflicts],
        "implied_by": None if seen.implied_by is None else list(seen.implied_by),
        "allows": None if seen.allowed is None else plain_row(seen.allowed),
        "refuses": [plain_row(row) for row in seen.refused],
        "notes": list(seen.notes),
        "written": written,
    }
