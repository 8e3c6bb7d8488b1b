"""What reading another tool's schema gives: tables, and a note on everything that got lost."""

from __future__ import annotations

from dataclasses import dataclass

from synthtab.ir import nodes


@dataclass(frozen=True)
class Note:
    """Something that rules cannot say, or say otherwise.

    ``where`` is ``table.column`` or the name of a constraint, ``what`` the thing as it was written,
    ``reason`` why it is not among the rules.
    """

    where: str
    what: str
    reason: str


@dataclass(frozen=True)
class Imported:
    """Tables made of another tool's schema; ``notes`` name all that is not in them."""

    tables: tuple[nodes.Table, ...]
    notes: tuple[Note, ...]
