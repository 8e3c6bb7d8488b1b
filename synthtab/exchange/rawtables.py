"""Tables as SQL declares them, before they are put into the language's terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlglot import exp


@dataclass(frozen=True)
class RawColumn:
    """A column with the type that was declared (None: none was)."""

    name: str
    type: exp.DataType | None
    optional: bool = True


@dataclass(frozen=True)
class RawConstraint:
    """A constraint of a table; which fields count is up to its kind.

    ``condition`` is that of a check, or of the rows a unique index is for. Without
    ``parent_columns`` a reference is to the parent's key.
    """

    kind: Literal["key", "unique", "reference", "check"]
    name: str | None = None
    columns: tuple[str, ...] = ()
    parent: str = ""
    parent_columns: tuple[str, ...] = ()
    condition: exp.Expr | None = None
    description: str | None = None


@dataclass(frozen=True)
class RawTable:
    """A table's columns and constraints, in the order declared."""

    name: str
    columns: tuple[RawColumn, ...]
    constraints: tuple[RawConstraint, ...] = ()
