"""The types terms have: coarser than column types, because arithmetic is exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from synthtab.schema import (
    BooleanType,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    Value,
)


@dataclass(frozen=True)
class NumberT:
    """An exact number: integers, decimals, and lengths of time counted in days."""


@dataclass(frozen=True)
class DateT:
    """A calendar day."""


@dataclass(frozen=True)
class DatetimeT:
    """A date and time, a whole number of ticks of ``resolution`` seconds."""

    resolution: int = 1


@dataclass(frozen=True)
class BooleanT:
    """True or false."""


@dataclass(frozen=True)
class StringT:
    """A string; ``values`` lists an enum's values in order, None is free text or a literal."""

    values: tuple[str, ...] | None = None


TermType = NumberT | DateT | DatetimeT | BooleanT | StringT


def type_of_column(kind: ColumnType) -> TermType:
    """Return the term type that a reference to a column of this type has."""
    match kind:
        case IntegerType() | DecimalType():
            return NumberT()
        case DateType():
            return DateT()
        case DatetimeType(resolution):
            return DatetimeT(resolution)
        case BooleanType():
            return BooleanT()
        case EnumType(values):
            return StringT(values)
        case TextType():
            return StringT()


def type_of_value(value: Value) -> TermType:
    """Return the type of a constant; a datetime has the coarsest resolution that holds it."""
    match value:
        case bool():
            return BooleanT()
        case str():
            return StringT()
        case datetime():
            return DatetimeT(1 if value.second else 60 if value.minute else 3600)
        case date():
            return DateT()
        case _:
            return NumberT()


def join(members: Sequence[tuple[TermType, Value | None]]) -> TermType | None:
    """Return the one type of a choice between terms, None where they do not go together.

    Each member is a type and, for a literal, its value: a string literal takes the type of an enum
    it belongs to.
    """
    kinds = {type(kind) for kind, _ in members}
    if len(kinds) != 1:
        return None
    first = members[0][0]
    if isinstance(first, DatetimeT):
        return DatetimeT(min(k.resolution for k, _ in members if isinstance(k, DatetimeT)))
    if not isinstance(first, StringT):
        return first
    lists = {k.values for k, value in members if isinstance(k, StringT) and value is None}
    if len(lists) == 1 and (only := next(iter(lists))) is not None:
        literals = [value for _, value in members if value is not None]
        return StringT(only if all(value in only for value in literals) else None)
    return StringT()


def describe(kind: TermType) -> str:
    """Return a type in the words of a message: 'a number', 'a date' ..."""
    match kind:
        case NumberT():
            return "a number"
        case DateT():
            return "a date"
        case DatetimeT():
            return "a datetime"
        case BooleanT():
            return "true or false"
        case StringT(None):
            return "a text"
        case StringT():
            return "an enum value"
