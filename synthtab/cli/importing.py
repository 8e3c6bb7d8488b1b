"""The work behind ``rulecheck import``: another tool's schema to the text of a rules file."""

from __future__ import annotations

from rich.markup import escape

from synthtab.cli import common
from synthtab.databases.address import hidden
from synthtab.exchange.imported import Imported
from synthtab.exchange.rulesfile import note_text, rules_text
from synthtab.exchange.sources import Format, read_source


def imported(source: str, form: Format | None, dialect: str | None, table: str | None) -> str:
    """Return the text of a rules file; what became of the source is said on standard error."""
    found = read_source(source, form, dialect, table)
    text = rules_text(found, hidden(source))
    summarise(found)
    return text


def summarise(found: Imported) -> None:
    """Say on standard error how much was imported, and name what was not."""
    columns = sum(len(t.columns) for t in found.tables)
    rules = sum(len(t.rules) for t in found.tables)
    counts = [(len(found.tables), "table"), (columns, "column"), (rules, "rule")]
    told = ", ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in counts)
    console = common.stderr()
    console.print(f"imported {told}; not imported: {len(found.notes):,}", soft_wrap=True)
    for note in found.notes:
        console.print(f"  {escape(note_text(note))}", soft_wrap=True)
