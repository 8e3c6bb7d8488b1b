"""The support table: what each backend makes of each construct, from the backends' own answers."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from synthtab.backends import grammar
from synthtab.backends.smt import SmtBackend
from synthtab.backends.sql import SqlBackend
from synthtab.backends.sqlpostgres import PostgreSql
from synthtab.backends.sqlsqlite import Sqlite
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.support import NODE_CLASSES, Exact, Relaxed, Support, Supports
from synthtab.backends.tables import TablesBackend
from synthtab.backends.vector import VectorBackend
from synthtab.ir import nodes

PAGE = Path(__file__).parents[1] / "docs" / "support.md"
BACKENDS: dict[str, tuple[Supports, str]] = {
    "rows": (VectorBackend.supports, "NumPy, row by row, streaming (`backends/vector.py`)"),
    "tables": (TablesBackend.supports, "NumPy, whole tables (`backends/tables.py`)"),
    "queries": (SqlTables.supports, "DuckDB's queries (`backends/sqltables.py`)"),
    "duckdb": (SqlBackend.supports, "DuckDB's constraints (`backends/sqldialect.py`)"),
    "postgresql": (PostgreSql.supports, "PostgreSQL's constraints (`backends/sqlpostgres.py`)"),
    "sqlite": (Sqlite.supports, "SQLite's constraints (`backends/sqlsqlite.py`)"),
    "solver": (SmtBackend.supports, "Z3, for proving and decoding (`backends/smt.py`)"),
    "grammar": (grammar.SUPPORTS, "regular expressions, JSON schema (`backends/grammar.py`)"),
}


def page() -> str:
    """Return the page as Markdown."""
    legend = "\n".join(f"- **{name}**: {what}" for name, (_, what) in BACKENDS.items())
    notes: dict[str, int] = {}
    kinds = {"Terms": nodes.Term, "Conditions": nodes.Condition, "Rules": nodes.Rule}
    seen: set[type] = set()
    parts = []
    for title, union in kinds.items():
        rows = [f"| {title} | {' | '.join(BACKENDS)} |", "|---" * (len(BACKENDS) + 1) + "|"]
        for kind in get_args(union):
            if kind not in seen:
                cells = " | ".join(_cell(s[kind], notes) for s, _ in BACKENDS.values())
                rows.append(f"| `{kind.__name__}` | {cells} |")
            seen.add(kind)
        parts.append("\n".join(rows))
    assert seen == set(NODE_CLASSES)
    listed = "\n".join(f"{number}. {reason}" for reason, number in notes.items())
    return (
        "# What each backend supports\n\n"
        "Made by `python -m bench support` from what the backends answer; a test keeps it current. "
        "The constructs\nare the classes of `synthtab/ir/nodes.py`, whose docstrings say what they "
        "mean.\n\n"
        f"{legend}\n\n"
        "*yes* is exactly what the oracle means; *relaxed* allows all that is right and some that "
        "is not; *no*\nis left to another backend. The numbers lead to the reasons below.\n\n"
        + "\n\n".join(parts)
        + f"\n\n{listed}\n"
    )


def write() -> None:
    """Write the page into the docs."""
    PAGE.write_text(page(), encoding="utf-8")


def _cell(answer: Support, notes: dict[str, int]) -> str:
    if isinstance(answer, Exact):
        return "yes"
    number = notes.setdefault(answer.reason, len(notes) + 1)
    return f"{'relaxed' if isinstance(answer, Relaxed) else 'no'} ({number})"
