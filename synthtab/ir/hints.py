"""Checks of hints: whether a shape goes with its column, and whether its numbers can be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches

from synthtab.hints import (
    KINDS,
    Exponential,
    Like,
    Lognormal,
    Normal,
    Poisson,
    Shape,
    Uniform,
    Weights,
)
from synthtab.ir.relations import percent
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    type_name,
)

Problem = tuple[str, str, str]


def hint_problems(column: Column) -> Iterator[Problem]:
    """Yield what is wrong about a column's hint: code, message, way out."""
    if column.hint is None:
        return
    if column.hint.shape is not None:
        yield from _shape(column, column.hint.shape)
    nulls = column.hint.nulls
    if nulls is None:
        return
    if not column.optional:
        yield (
            "E261",
            f"`{column.name}` has a share of nulls and is not optional",
            "say `optional`, or leave the share out",
        )
    if not 0 <= nulls <= 1:
        yield (
            "E262",
            f"{percent(nulls)} of `{column.name}` cannot be null",
            "a share is from 0% to 100%: `~ null 5%`",
        )


def _shape(column: Column, shape: Shape) -> Iterator[Problem]:
    if isinstance(shape, Like) and shape.kind not in KINDS:
        yield "E260", f"there is no kind of text `like_{shape.kind}`", kinds_near(shape.kind)
    elif not _fits(column, shape):
        yield (
            "E261",
            f"`{column.name}` is {type_name(column.type)} and cannot be {_word(shape)}",
            _instead(column),
        )
    else:
        yield from _numbers(column, shape)


def kinds_near(kind: str) -> str:
    """Say which kind of text may be meant, and which there are."""
    near = get_close_matches(kind, KINDS, 1)
    known = ", ".join(f"like_{k}" for k in KINDS)
    return (f"did you mean `like_{near[0]}`? " if near else "") + f"there are {known}"


def _fits(column: Column, shape: Shape) -> bool:
    kind = column.type
    match shape:
        case Like():
            return isinstance(kind, TextType)
        case Uniform():
            return not isinstance(kind, TextType)
        case Weights(pairs):
            if isinstance(kind, BooleanType):
                return all(isinstance(value, bool) for value, _ in pairs)
            return isinstance(kind, EnumType) and all(v in kind.values for v, _ in pairs)
        case Normal(mean, spread) if isinstance(mean, date):
            moment = DatetimeType if isinstance(mean, datetime) else DateType
            return isinstance(kind, moment) and isinstance(spread, timedelta)
        case Normal(_, spread):
            numbers = isinstance(kind, IntegerType | DecimalType)
            return numbers and isinstance(spread, Decimal)
        case Poisson():
            return isinstance(kind, IntegerType)
        case Lognormal() | Exponential():
            return isinstance(kind, IntegerType | DecimalType)


def _word(shape: Shape) -> str:
    match shape:
        case Like(kind):
            return f"`like_{kind}`"
        case Weights(pairs):
            return f"`weights({', '.join(_value(v) for v, _ in pairs)})`"
        case Normal(mean, spread):
            return f"`normal({mean}, {spread})`"
        case _:
            return f"`{type(shape).__name__.lower()}`"


def _value(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"


def _instead(column: Column) -> str:
    match column.type:
        case TextType():
            return "a text is like_name, like_email, like_city or another kind of text"
        case BooleanType():
            return "write weights(true: 3, false: 1)"
        case EnumType(values):
            return f"write weights({', '.join(f'{_value(v)}: 1' for v in values[:3])})"
        case DateType():
            return "write uniform, or normal(2020-06-30, 90 days)"
        case DatetimeType():
            return "write uniform, or normal(2020-06-30T12:00, 36 hours)"
        case IntegerType():
            return "write uniform, normal(mean, spread), lognormal, exponential or poisson"
        case DecimalType():
            return "write uniform, normal(mean, spread), lognormal or exponential"


def _numbers(column: Column, shape: Shape) -> Iterator[Problem]:
    message = ""
    match shape:
        case Normal(_, timedelta() as length) if length <= timedelta():
            message = "the spread is a length of time above 0"
        case Normal(_, Decimal() as spread) | Lognormal(_, spread) if spread <= 0:
            message = f"a spread is above 0, not {spread}"
        case Lognormal(mean, _) | Exponential(mean) | Poisson(mean) if mean <= 0:
            message = f"the mean is above 0, not {mean}"
        case Weights(pairs):
            values = [v for v, _ in pairs]
            if len(set(values)) < len(values):
                message = "a value has two weights"
            elif any(w < 0 for _, w in pairs) or not any(w for _, w in pairs):
                message = "weights are 0 or more, and one is above 0"
    if message:
        yield "E262", f"the hint of `{column.name}` is impossible: {message}", _instead(column)
