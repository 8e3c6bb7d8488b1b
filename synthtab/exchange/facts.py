"""From what another tool says of one column to a column and rules of ours.

JSON Schema, Frictionless and pandera say the same few things in different words; each reader turns
its words into :class:`Facts`, and :func:`declared` says once what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from synthtab.exchange.imported import Note
from synthtab.ir import nodes
from synthtab.ir.declarations import MAX_PRECISION, MAX_TEXT
from synthtab.ir.patterns import check_pattern
from synthtab.schema import (
    INT64_MAX,
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    Value,
    encode_value,
    type_domain,
)

Kind = Literal["integer", "decimal", "text", "boolean", "date", "datetime"]

UNSAID_SCALE = 6
"""Digits after the point of a number whose schema says nothing of them."""


@dataclass(frozen=True)
class Bound:
    """An end of a range; a ``strict`` one is not in it."""

    value: Value
    strict: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known of a column's values; ``patterns`` are in our dialect already.

    ``options`` are the only values there are, ``banned`` those there are not, ``least`` and
    ``most`` the numbers of characters. ``scale`` counts digits after the point, ``precision`` all.
    """

    kind: Kind
    optional: bool = False
    lows: tuple[Bound, ...] = ()
    highs: tuple[Bound, ...] = ()
    options: tuple[Value, ...] | None = None
    banned: tuple[Value, ...] = ()
    patterns: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    scale: int | None = None
    precision: int | None = None


@dataclass(frozen=True)
class Declared:
    """A column, the rules that say what its declaration cannot, and notes on what is lost."""

    column: Column
    rules: tuple[nodes.RowRule, ...] = ()
    notes: tuple[Note, ...] = ()


def declared(table: str, name: str, facts: Facts) -> Declared:
    """Return a column of those facts. ``table`` is for the notes.

    Bounds and options of another type than the column's are notes, not errors.
    """
    work = _Work(f"{table}.{name}", name, facts)
    kind, lo, hi = work.declaration()
    column = Column(name, kind, facts.optional, lo, hi)
    if facts.banned:
        work.say("banned", _excluded(name, work.fitting(kind, facts.banned, "a value it excludes")))
    return Declared(column, tuple(work.rules), tuple(work.notes))


def one_of(name: str, values: Sequence[Value]) -> nodes.Condition:
    """Return the condition that a column has one of the values."""
    literals = tuple(map(nodes.Literal, values))
    if len(literals) == 1:
        return nodes.Compare("=", nodes.ColumnRef(name), literals[0])
    return nodes.In(nodes.ColumnRef(name), literals)


def _excluded(name: str, values: Sequence[Value]) -> nodes.Condition | None:
    if not values:
        return None
    found = one_of(name, values)
    if isinstance(found, nodes.Compare):
        return nodes.Compare("!=", found.left, found.right)
    return nodes.Not(found)


def arranged(columns: Sequence[Column], rules: Iterable[nodes.Rule]) -> tuple[nodes.Rule, ...]:
    """Return a table's rules in the usual order, no two with one name: later ones get a number.

    Keys, unique rules and references of one column come first, by column: they are printed on it.
    """
    order = {c.name: at for at, c in enumerate(columns)}

    def place(rule: nodes.Rule) -> int:
        match rule:
            case nodes.UniqueRule(columns=(name,)) | nodes.ReferenceRule(columns=(name,)):
                return order.get(name, len(order))
            case nodes.UniqueRule():
                return len(order) + 1
            case nodes.ReferenceRule():
                return len(order) + 2
        return len(order) + 3

    used: set[str] = set()
    out: list[nodes.Rule] = []
    for rule in sorted(rules, key=place):
        name, count = rule.name, 1
        while name in used:
            count += 1
            name = f"{rule.name}_{count}"
        used.add(name)
        out.append(rule if name == rule.name else replace(rule, name=name))
    return tuple(out)


class _Work:
    """One column on its way; collects rules and notes."""

    def __init__(self, where: str, name: str, facts: Facts) -> None:
        self.where = where
        self.name = name
        self.facts = facts
        self.rules: list[nodes.RowRule] = []
        self.notes: list[Note] = []

    def say(self, word: str, condition: nodes.Condition | None) -> None:
        if condition is not None:
            self.rules.append(nodes.RowRule(f"{self.name}_{word}", condition))

    def note(self, what: str, reason: str) -> None:
        self.notes.append(Note(self.where, what, reason))

    def declaration(self) -> tuple[ColumnType, int | None, int | None]:
        match self.facts.kind:
            case "integer":
                return self.ranged(IntegerType())
            case "decimal":
                return self.ranged(self.decimal())
            case "date":
                return self.ranged(DateType())
            case "datetime":
                return self.ranged(DatetimeType())
            case "boolean":
                if self.facts.options is not None:
                    left = self.fitting(BooleanType(), self.facts.options, "a value")
                    if len(left) == 1:
                        self.say("value", one_of(self.name, left))
                    elif not left:
                        self.no_value()
                self.drop_bounds("true and false have no order")
                return BooleanType(), None, None
            case "text":
                self.drop_bounds("text has no order")
                return self.text(), None, None

    def drop_bounds(self, reason: str) -> None:
        for bound in (*self.facts.lows, *self.facts.highs):
            self.note(f"the bound {bound.value!r}", reason)

    def no_value(self) -> None:
        """Say that the column can hold nothing but NULL, where it may hold that."""
        self.say("values", nodes.IsNull(nodes.ColumnRef(self.name)))

    def fitting(self, kind: ColumnType, values: Sequence[Value], what: str) -> tuple[Value, ...]:
        """Return the values that are of a type; the others are noted."""
        found = []
        for value in dict.fromkeys(values):
            whole = isinstance(value, Decimal) and value == value.to_integral_value()
            plain = int(value) if whole and isinstance(value, Decimal) else value
            try:
                if not isinstance(kind, TextType):
                    encode_value(kind, plain)
                elif not isinstance(plain, str):
                    raise ValueError(f"{plain!r} is not a text")
            except ValueError as error:
                self.note(f"{what}: {value!r}", str(error))
            else:
                found.append(plain)
        return tuple(found)

    def decimal(self) -> DecimalType:
        facts = self.facts
        said = [b.value for b in (*facts.lows, *facts.highs)] + list(facts.options or ())
        numbers = [Decimal(v) for v in said if isinstance(v, int | Decimal)]
        scale = facts.scale
        if scale is None:
            scale = max([_scale(n) for n in numbers], default=0)
            if facts.options is None:
                scale = max(scale, UNSAID_SCALE)
                self.note(
                    "a number of any precision",
                    f"numbers are exact decimals here: {scale} digits after the point are taken",
                )
        scale = min(scale, MAX_PRECISION)
        codes = [int(abs(n).scaleb(scale)) for n in numbers]
        bounded = facts.options is not None or (facts.lows and facts.highs)
        precision = facts.precision or MAX_PRECISION
        if bounded and codes and facts.precision is None:
            precision = len(str(max(codes)))
        return DecimalType(min(max(precision, scale, 1), MAX_PRECISION), scale)

    def ranged(self, kind: ColumnType) -> tuple[ColumnType, int | None, int | None]:
        """Return a type with the narrowest range; options become a range and a rule."""
        low, high = type_domain(kind)
        lows = [c for b in self.facts.lows if (c := self.code(kind, b, 1)) is not None]
        highs = [c for b in self.facts.highs if (c := self.code(kind, b, -1)) is not None]
        lo = max(lows) if lows and max(lows) > low else None
        hi = min(highs) if highs and min(highs) < high else None
        if self.facts.options is not None:
            values = self.fitting(kind, self.facts.options, "a value")
            within = {
                encode_value(kind, v): v
                for v in values
                if (lo is None or encode_value(kind, v) >= lo)
                and (hi is None or encode_value(kind, v) <= hi)
            }
            if within:
                lo, hi = min(within), max(within)
                if hi - lo + 1 != len(within):
                    self.say("values", one_of(self.name, tuple(within.values())))
            else:
                self.no_value()
        if lo is not None and hi is not None and lo > hi:
            self.no_value()
            return kind, None, None
        return kind, lo, hi

    def code(self, kind: ColumnType, bound: Bound, step: int) -> int | None:
        """Return the code of an end of the range, moved inwards to the next one there is."""
        value: Value = bound.value
        exact: Decimal | int
        if isinstance(kind, IntegerType | DecimalType):
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                self.note(f"the bound {value!r}", "it is not a number")
                return None
            scale = kind.scale if isinstance(kind, DecimalType) else 0
            exact = Decimal(value).scaleb(scale)
            code = int(exact.to_integral_value("ROUND_CEILING" if step > 0 else "ROUND_FLOOR"))
            code = code + step if bound.strict and code == exact else code
            return max(min(code, INT64_MAX), -INT64_MAX)
        if isinstance(kind, DatetimeType) and type(value) is date:
            value = datetime(value.year, value.month, value.day)
        try:
            return encode_value(kind, value) + (step if bound.strict else 0)
        except ValueError as error:
            self.note(f"the bound {value!r}", str(error))
            return None

    def text(self) -> EnumType | TextType:
        facts = self.facts
        if facts.options is not None:
            values = self.fitting(TextType(MAX_TEXT), facts.options, "a value")
            left = tuple(v for v in values if isinstance(v, str))
            if left:
                self.text_rules(facts.patterns, facts.least, facts.most)
                return EnumType(left)
            self.no_value()
        first = facts.patterns[0] if facts.patterns else None
        fits = None if first is None else check_pattern(first)
        most = facts.most if facts.most is not None else fits.most if fits else None
        length = MAX_TEXT if most is None else max(most, 1)
        if length > MAX_TEXT:
            self.note(f"a length of {length}", f"a text has at most {MAX_TEXT} characters here")
            length = MAX_TEXT
        if fits is not None and fits.least > length:
            first = None  # no text is long enough: let the rule say so, by its name
        least = facts.least if fits is None or (facts.least or 0) > fits.least else None
        self.text_rules(
            facts.patterns[0 if first is None else 1 :], least, 0 if most == 0 else None
        )
        return TextType(length, first)

    def text_rules(self, patterns: Sequence[str], least: int | None, most: int | None) -> None:
        column = nodes.ColumnRef(self.name)
        for pattern in patterns:
            self.say("pattern", nodes.Matches(column, pattern))
        length = nodes.Length(column)
        if least is not None and least > 0:
            self.say("length", nodes.Compare(">=", length, nodes.Literal(least)))
        if most is not None:
            self.say("length", nodes.Compare("<=", length, nodes.Literal(most)))


def _scale(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
