"""What is known of a row before it is written: columns of its context, and how they come about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from synthtab.ir import nodes
from synthtab.ir.bounds import bounds
from synthtab.ir.context import PREFIX
from synthtab.ir.grids import Grid, grid
from synthtab.ir.lowered import Days, Flag, Number, Ticks
from synthtab.ir.normalise import lower_term
from synthtab.ir.walk import rebuild
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    IntegerType,
    TextType,
    domain,
)

FARTHEST = 10**17
"""The greatest code that a figure kept while siblings are written may reach."""


class BeyondError(Exception):
    """A rule says what cannot be known while a row is written: it is mended afterwards."""


@dataclass(frozen=True)
class Parent:
    """A column of the row that a chain of references leads to."""

    steps: tuple[nodes.ReferenceRule, ...]
    column: str


@dataclass(frozen=True)
class Before:
    """A term's value in the sibling before, or in the row before of a strand; NULL in the first."""

    term: nodes.Term
    strand: bool = False


@dataclass(frozen=True)
class SoFar:
    """A figure of ``term`` over the siblings before; of none, a sum is 0 and the others NULL."""

    function: Literal["sum", "min", "max"]
    term: nodes.Term


@dataclass(frozen=True)
class Place:
    """The row's number among its siblings, or in its strand, from 1."""

    strand: bool = False


@dataclass(frozen=True)
class Size:
    """How many siblings there are in all, the row included."""


@dataclass(frozen=True)
class ToCome:
    """How many siblings come after the row."""


@dataclass(frozen=True)
class Rest:
    """What the siblings to come may yet add to a figure: any number between bounds.

    Where their values lie on a grid it counts the steps of the grid, beyond the least there can be.
    """

    term: nodes.Term


@dataclass(frozen=True)
class OfKind:
    """How many of the siblings to come, ``number`` in all, are of a kind (relational/kinds.py)."""

    number: str
    kind: tuple[bool, ...]


@dataclass(frozen=True)
class Exempt:
    """Whether the row need not keep a soft rule: drawn as often as real rows break it."""

    rule: str


Hidden = Exempt | Parent | Before | SoFar | Place | Size | ToCome | Rest | OfKind
STAGED = (Before, SoFar)
"""What is known only once the siblings before are written."""
UNKNOWN = (Rest, OfKind)
"""What is never known: it stands for what may be still to come."""


@dataclass(frozen=True)
class Amount:
    """What a term's values are: codes of ``kind`` from ``lo`` to ``hi``, ``step`` apart."""

    kind: ColumnType
    lo: int
    hi: int
    step: int = 1


@dataclass(frozen=True)
class Reach:
    """A sum over siblings to come: ``total`` is its column, or a term of it, in the view.

    Each of them adds ``term``, said in the view of the siblings, which is an ``amount``.
    """

    total: nodes.Term
    term: nodes.Term
    amount: Amount


class Hiding:
    """Puts columns in the place of what is known beforehand, for one table."""

    def __init__(self, table: nodes.Table, grids: Mapping[str, Grid] | None = None) -> None:
        """``grids`` says of columns which grid the codes that are written lie on."""
        self.own = table
        self._grids = {
            c.name: (lo, 0) for c in table.columns for lo, hi in [domain(c)] if lo == hi
        } | dict(grids or {})
        self.hidden: dict[str, Hidden] = {}
        self._columns: dict[Hidden, Column] = {}
        self.extra: list[nodes.RowRule] = []
        self.reaches: dict[str, list[Reach]] = {}

    @property
    def table(self) -> nodes.Table:
        """The table with its hidden columns."""
        columns = (*self._columns.values(), *self.own.columns)
        return nodes.Table(self.own.name, columns, span=self.own.span)

    def hide(self, what: Hidden, like: Column) -> nodes.ColumnRef:
        """Return the column that holds ``what``, of the type and range of ``like``."""
        if what not in self._columns:
            name = f"{PREFIX}{len(self._columns)}"
            optional = like.optional or isinstance(what, Parent | Before)
            optional |= isinstance(what, SoFar) and what.function != "sum"
            self._columns[what] = Column(name, like.type, optional, like.lo, like.hi)
            self.hidden[name] = what
        return nodes.ColumnRef(self._columns[what].name)

    def kind(self, term: nodes.Term) -> Column:
        """Return a column that can hold a term's values exactly, with their bounds."""
        table = self.table
        if isinstance(term, nodes.ColumnRef):
            return table.column(term.name)
        found = lower_term(term, table)
        match found:
            case Number(inner, denominator):
                kind: ColumnType = IntegerType()
                if denominator > 1:
                    scale = len(str(denominator)) - 1
                    if denominator != 10**scale or scale > 17:
                        raise BeyondError
                    kind = DecimalType(18, scale)
            case Days(inner):
                kind = DateType()
            case Ticks(inner, resolution):
                kind = DatetimeType(resolution)
            case Flag(inner):
                kind = BooleanType()
            case _:
                raise BeyondError
        lo, hi = bounds(inner, {c.name: domain(c) for c in table.columns})
        return Column("", kind, True, max(lo, -FARTHEST), min(hi, FARTHEST))

    def fixed(self, term: nodes.Term) -> nodes.Term:
        """Return the number that a column always holds in its place, any other term as it is."""
        if isinstance(term, nodes.ColumnRef):
            column = self.table.column(term.name)
            if isinstance(column.type, IntegerType | DecimalType) and not column.optional:
                lo, hi = domain(column)
                if lo == hi:
                    return _literal(column.type, lo)
        return term

    # Figures over siblings.

    def total(self, term: nodes.Term) -> nodes.Term:
        """Return a sum over all siblings: over those before, the row, and those to come."""
        column = self.kind(term)
        so_far = nodes.Add(self._so_far("sum", term, column), term)
        left = self.hide(ToCome(), Column("", IntegerType(), lo=0, hi=FARTHEST))
        return nodes.Add(so_far, self.reach(Rest(term), term, self.amount(term), left))

    def first(self, term: nodes.Term) -> nodes.Term:
        """Return the term's value in the first sibling."""
        column = self.kind(term)
        first = nodes.Compare("=", self.place(), nodes.Literal(1))
        return nodes.Case(((first, term),), self._so_far("min", term, column))

    def exempt(self, rule: str) -> nodes.ColumnRef:
        """Return the column that says whether a row need not keep a soft rule."""
        return self.hide(Exempt(rule), Column("", BooleanType()))

    def greatest_before(self, term: nodes.Term) -> nodes.ColumnRef:
        """Return the column of the greatest value in the siblings before."""
        return self._so_far("max", term, self.kind(term))

    def differs(self, own: nodes.ColumnRef) -> nodes.Condition:
        """Return that siblings do not all have one value: the last differs if none did before."""
        column = self.own.column(own.name)
        if column.optional or isinstance(column.type, TextType):
            raise BeyondError
        least, most = (self._so_far(f, own, column) for f in ("min", "max"))
        other = nodes.Or((nodes.Compare("!=", own, least), nodes.Compare("!=", own, most)))
        left = self.hide(ToCome(), Column("", IntegerType(), lo=0, hi=FARTHEST))
        later = nodes.Compare(">=", left, nodes.Literal(1))
        return nodes.Or((later, nodes.And((nodes.Not(nodes.IsNull(least)), other))))

    def before(self, term: nodes.Term, *, strand: bool = False) -> nodes.ColumnRef:
        """Return the column of the term's value in the row before, of siblings or of a strand."""
        return self.hide(Before(term, strand), self.kind(term))

    def place(self, *, strand: bool = False) -> nodes.ColumnRef:
        """Return the column of the row's number among its siblings, or in its strand."""
        return self.hide(Place(strand), Column("", IntegerType(), lo=1, hi=FARTHEST))

    def size(self) -> nodes.ColumnRef:
        """Return the column of the number of siblings."""
        return self.hide(Size(), Column("", IntegerType(), lo=0, hi=FARTHEST))

    def amount(self, term: nodes.Term) -> Amount:
        """Return what a term's values are. Raises BeyondError where they cannot be held."""
        like = self.kind(term)
        lo, hi = domain(like)
        found = lower_term(term, self.table)
        step = 1
        if isinstance(found, Number):
            offset, step = grid(found.term, self._grids)
            if step > 1:
                lo, hi = lo + (offset - lo) % step, hi - (hi - offset) % step
        return Amount(like.type, lo, hi, step)

    def reach(
        self, what: Rest, term: nodes.Term, one: Amount, number: nodes.ColumnRef
    ) -> nodes.Term:
        """Return any sum that ``number`` rows can come to, over a hidden column.

        Each adds ``term``, said in the view of these rows, which is an amount like ``one``.
        """
        known = what in self._columns
        total = self._reach(what, one, number, known)
        if not known:
            self.reaches.setdefault(number.name, []).append(Reach(total, term, one))
        return total

    def _reach(self, what: Rest, one: Amount, number: nodes.ColumnRef, known: bool) -> nodes.Term:
        least = nodes.Multiply(_literal(one.kind, one.lo), number)
        if one.step > 1 and one.lo <= one.hi:
            steps = self.hide(what, Column("", IntegerType(), lo=0, hi=FARTHEST))
            many = nodes.Multiply(nodes.Literal((one.hi - one.lo) // one.step), number)
            if not known:
                within = nodes.Between(steps, nodes.Literal(0), many)
                self.extra.append(nodes.RowRule(steps.name, within))
            return nodes.Add(least, nodes.Multiply(_literal(one.kind, one.step), steps))
        rest = self.hide(what, Column("", one.kind, lo=-FARTHEST, hi=FARTHEST))
        most = nodes.Multiply(_literal(one.kind, one.hi), number)
        if not known:
            self.extra.append(nodes.RowRule(rest.name, nodes.Between(rest, least, most)))
        return rest

    def jointly(
        self,
        number: nodes.ColumnRef,
        sums: Sequence[Reach],
        kinds: Sequence[tuple[bool, ...]],
    ) -> None:
        """Have some of the sums that ``number`` rows come to add up from rows of some ``kinds``.

        Each kind says to which of the sums such rows add. A sum is at least a code for each of
        these rows, and nothing without any. How much many of them can add at most is said of each
        sum alone: factors other than 1 would make formulas that nobody eliminates numbers from.
        """
        like = Column("", IntegerType(), lo=0, hi=FARTHEST)
        many: list[nodes.Term] = [self.hide(OfKind(number.name, k), like) for k in kinds[1:]]
        first: nodes.Term = number
        for other in many:
            first = nodes.Subtract(first, other)
        conditions: list[nodes.Condition] = [nodes.Compare(">=", first, nodes.Literal(0))]
        for at, one in enumerate(sums):
            adding = [m for m, kind in zip([first, *many], kinds, strict=True) if kind[at]]
            rows = _sum(adding)
            least = nodes.Multiply(_literal(one.amount.kind, 1), rows)
            conditions.append(nodes.Compare(">=", one.total, least))
            none = nodes.Compare("<=", one.total, nodes.Literal(0))
            conditions.append(nodes.Or((none, nodes.Compare(">=", rows, nodes.Literal(1)))))
        name = f"{PREFIX}{len(self._columns) + len(self.extra)}"
        self.extra.append(nodes.RowRule(name, nodes.And(tuple(conditions))))

    def _so_far(
        self, function: Literal["sum", "min", "max"], term: nodes.Term, column: Column
    ) -> nodes.ColumnRef:
        if function == "sum":
            column = Column("", column.type, lo=-FARTHEST, hi=FARTHEST)
        return self.hide(SoFar(function, term), column)


def _sum(terms: Sequence[nodes.Term]) -> nodes.Term:
    total: nodes.Term = terms[0] if terms else nodes.Literal(0)
    for term in terms[1:]:
        total = nodes.Add(total, term)
    return total


def _literal(kind: ColumnType, code: int) -> nodes.Literal:
    if isinstance(kind, DecimalType):
        return nodes.Literal(Decimal(code).scaleb(-kind.scale))
    return nodes.Literal(code)


def rewritten(node: Any, change: Callable[[Any], Any | None]) -> Any:
    """Return the node with ``change`` made wherever it returns something, from the top down."""

    def visit(inner: Any) -> Any:
        made = change(inner)
        return rebuild(inner, visit) if made is None else made

    return visit(node)
