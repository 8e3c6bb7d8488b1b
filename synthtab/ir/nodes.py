"""The rules as written: one frozen dataclass per construct of the language.

This is what the parser and the Python builder make, the formatter prints, the oracle evaluates and
the SQL backend translates. Backends that work on codes take the lowered form (ir/core.py).
``span`` never takes part in comparison: two rules that say the same are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal

from synthtab.ir.expressions import (
    Absolute,
    Add,
    Aggregate,
    And,
    Between,
    Case,
    Coalesce,
    ColumnRef,
    Compare,
    CompareOp,
    Condition,
    DatePart,
    Divide,
    GapFree,
    Iff,
    In,
    Increasing,
    IsNull,
    Length,
    Like,
    Literal,
    Matches,
    Maximum,
    Minimum,
    Multiply,
    Negate,
    Node,
    Not,
    Or,
    ParentRef,
    Part,
    Previous,
    Quantity,
    Shift,
    ShiftUnit,
    Spanned,
    SpanUnit,
    Subtract,
    Term,
    When,
)
from synthtab.schema import Column, Value

__all__ = [
    "Absolute",
    "Add",
    "Aggregate",
    "And",
    "Between",
    "CONTEXT",
    "Case",
    "Coalesce",
    "ColumnRef",
    "Compare",
    "CompareOp",
    "Condition",
    "Constant",
    "DatePart",
    "DeterminesRule",
    "Divide",
    "GapFree",
    "Iff",
    "In",
    "Increasing",
    "IsNull",
    "Length",
    "Like",
    "Literal",
    "Matches",
    "Maximum",
    "Minimum",
    "Multiply",
    "Negate",
    "NoOverlapRule",
    "Node",
    "Not",
    "Or",
    "PairRule",
    "ParentRef",
    "Part",
    "Previous",
    "Quantity",
    "ReferenceRule",
    "RowRule",
    "Rule",
    "Shift",
    "ShiftUnit",
    "SpanUnit",
    "Spanned",
    "Subtract",
    "Table",
    "Term",
    "UniqueRule",
    "When",
    "is_pure",
]

CONTEXT = (ParentRef, Aggregate, Previous, Increasing, GapFree)
"""The terms and conditions that look beyond the row at hand."""


def is_pure(condition: Condition) -> bool:
    """Say whether a condition reads nothing but the row at hand."""
    stack: list[object] = [condition]
    while stack:
        top = stack.pop()
        if isinstance(top, CONTEXT):
            return False
        if isinstance(top, tuple):
            stack.extend(top)
        elif is_dataclass(top):
            stack.extend(getattr(top, f.name) for f in fields(top) if f.name != "span")
    return True


# Rules, tables. ``share`` makes a rule soft: it holds for that share of the rows at least.


@dataclass(frozen=True)
class RowRule(Spanned):
    """A condition no row may make FALSE."""

    name: str
    condition: Condition
    description: str | None = None
    share: Decimal | None = None


@dataclass(frozen=True)
class UniqueRule(Spanned):
    """No two rows (of those that make ``where`` TRUE) agree on all of ``columns``.

    Rows with a NULL among the columns are let be. A ``primary`` one is the table's key: its columns
    are never NULL.
    """

    name: str
    columns: tuple[str, ...]
    primary: bool = False
    description: str | None = None
    where: Condition | None = None
    share: Decimal | None = None


@dataclass(frozen=True)
class DeterminesRule(Spanned):
    """``zip determines city, state``: rows that agree on the former agree on the latter.

    A NULL agrees with nothing among the determinants, and with NULL alone among the dependents.
    """

    name: str
    determinants: tuple[str, ...]
    dependents: tuple[str, ...]
    description: str | None = None
    share: Decimal | None = None


@dataclass(frozen=True)
class ReferenceRule(Spanned):
    """``dept_id -> department.id``: some row of ``parent`` has these values.

    A row with a NULL among ``columns`` refers to nothing and breaks nothing.
    """

    name: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    description: str | None = None
    share: Decimal | None = None


@dataclass(frozen=True)
class NoOverlapRule(Spanned):
    """``no overlap (start, end) per room``: half-open intervals of a group do not meet.

    An interval with a NULL end, or that is empty or reversed, meets nothing.
    """

    name: str
    start: str
    end: str
    per: tuple[str, ...] = ()
    description: str | None = None
    share: Decimal | None = None


@dataclass(frozen=True)
class PairRule(Spanned):
    """``forbid pair (a, b): condition``: no two different rows make the condition TRUE together.

    In it a column is written ``a.salary`` or ``b.salary``: a ParentRef whose path is ``first`` or
    ``second``.
    """

    name: str
    first: str
    second: str
    condition: Condition
    description: str | None = None
    share: Decimal | None = None


@dataclass(frozen=True)
class Constant(Spanned):
    """``const legal_age = 18``: a value with a name, for all rules of a model."""

    name: str
    value: Value


Rule = RowRule | UniqueRule | DeterminesRule | ReferenceRule | NoOverlapRule | PairRule


@dataclass(frozen=True)
class Table(Spanned):
    """Columns and rules of one table, in the order written."""

    name: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(c.name for c in self.columns)

    @property
    def row_rules(self) -> tuple[RowRule, ...]:
        """The rules every row has to keep, and that nothing but the row itself decides."""
        return tuple(
            r
            for r in self.rules
            if isinstance(r, RowRule) and r.share is None and is_pure(r.condition)
        )

    @property
    def unique_rules(self) -> tuple[UniqueRule, ...]:
        """The keys and unique rules that speak of all rows and allow no exception."""
        return tuple(
            r
            for r in self.rules
            if isinstance(r, UniqueRule) and r.share is None and r.where is None
        )

    @property
    def table_rules(self) -> tuple[Rule, ...]:
        """All other rules: what they say is decided across rows or tables, or by a share."""
        settled = {id(r) for r in (*self.row_rules, *self.unique_rules)}
        return tuple(r for r in self.rules if id(r) not in settled)
