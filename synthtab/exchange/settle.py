"""Making sure that what was imported is a model: what does not type-check becomes a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synthtab.errors import UsageError
from synthtab.exchange.imported import Imported, Note
from synthtab.ir import nodes
from synthtab.ir.typing import check


def settled(imported: Imported) -> Imported:
    """Return what was imported without the rules that the type check refuses; each is noted.

    Columns are kept as they are: what is wrong with one is for ``Model.of`` to say.
    """
    if not _errors(imported.tables):
        return imported
    tables = [replace(t, rules=()) for t in imported.tables]
    notes: list[Note] = []
    if _errors(tables):
        return imported
    # Keys first: references need them.
    for keys in (True, False):
        for at, table in enumerate(imported.tables):
            for rule in table.rules:
                if isinstance(rule, nodes.UniqueRule) is not keys:
                    continue
                tried = [*tables]
                tried[at] = replace(tables[at], rules=(*tables[at].rules, rule))
                errors = _errors(tried)
                if errors:
                    notes.append(Note(table.name, f"rule {rule.name}", errors[0]))
                else:
                    tables = tried
    kept = [{r.name for r in t.rules} for t in tables]
    ordered = tuple(
        replace(t, rules=tuple(r for r in t.rules if r.name in names))
        for t, names in zip(imported.tables, kept, strict=True)
    )
    return Imported(ordered, (*imported.notes, *notes))


def chosen(imported: Imported, name: str | None) -> Imported:
    """Return the table of that name alone; a single table takes the name instead.

    References to tables that are left out become notes in :func:`settled`. Raises UsageError naming
    the tables where several have other names.
    """
    if name is None:
        return imported
    for table in imported.tables:
        if table.name == name:
            others = [t.name for t in imported.tables if t is not table]
            kept = tuple(n for n in imported.notes if not any(_about(n, o) for o in others))
            return Imported((table,), kept)
    if len(imported.tables) > 1:
        names = ", ".join(f"`{t.name}`" for t in imported.tables)
        raise UsageError(f"there is no table `{name}`; there are {names}")
    return Imported(
        tuple(_renamed(t, name) for t in imported.tables),
        tuple(_moved(n, imported.tables[0].name, name) for n in imported.notes),
    )


def _errors(tables: Sequence[nodes.Table]) -> list[str]:
    return [d.message for d in check(tables) if d.severity == "error"]


def _renamed(table: nodes.Table, name: str) -> nodes.Table:
    rules = tuple(
        replace(r, parent=name)
        if isinstance(r, nodes.ReferenceRule) and r.parent == table.name
        else r
        for r in table.rules
    )
    return replace(table, name=name, rules=rules)


def _about(note: Note, table: str) -> bool:
    return note.where == table or note.where.startswith(f"{table}.")


def _moved(note: Note, old: str, new: str) -> Note:
    if _about(note, old):
        return replace(note, where=new + note.where[len(old) :])
    return note
