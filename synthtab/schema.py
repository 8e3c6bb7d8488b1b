"""Column types, and the integer code each of their values has.

Every column is a codec between Python values and int64 codes (docs/architecture.md, "codes"):

    integer        the number itself
    decimal(p, s)  the number times 10**s
    date           days since 1970-01-01
    datetime       ticks since 1970-01-01T00:00:00; a tick is ``resolution`` seconds
    boolean        0 or 1
    enum           position in the declared list
    text           index into the pool of strings of its batch (only equality means anything)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from synthtab.diagnostics import Span
from synthtab.hints import Hint

Value = int | Decimal | date | datetime | bool | str

INT64_MAX = 2**63 - 1
EPOCH = date(1970, 1, 1)
MIN_DAY = (date.min - EPOCH).days
MAX_DAY = (date.max - EPOCH).days
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class IntegerType:
    """Whole numbers that fit in 64 bits."""


@dataclass(frozen=True)
class DecimalType:
    """Exact decimals of ``precision`` digits in all, ``scale`` of them after the point."""

    precision: int
    scale: int


@dataclass(frozen=True)
class DateType:
    """Calendar days of the proleptic Gregorian calendar, years 1 to 9999."""


@dataclass(frozen=True)
class DatetimeType:
    """Local date and time; ``resolution`` is the tick in seconds (1, 60, 3600)."""

    resolution: int = 1


@dataclass(frozen=True)
class BooleanType:
    """True or false."""


@dataclass(frozen=True)
class EnumType:
    """One of ``values``, in their declared order, which is also how they compare."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class TextType:
    """Strings of at most ``max_length`` characters; ``pattern``, if any, matches them whole."""

    max_length: int
    pattern: str | None = None


ColumnType = IntegerType | DecimalType | DateType | DatetimeType | BooleanType | EnumType | TextType


@dataclass(frozen=True)
class Column:
    """A named, typed column; ``lo`` and ``hi`` are the declared range as codes, both inclusive.

    ``hint`` says what its values look like where no data do. It is no rule.
    """

    name: str
    type: ColumnType
    optional: bool = False
    lo: int | None = None
    hi: int | None = None
    span: Span | None = field(default=None, compare=False, repr=False)
    hint: Hint | None = None


def type_domain(kind: ColumnType) -> tuple[int, int]:
    """Return the least and greatest code of a type; text has no order and gives (0, INT64_MAX)."""
    match kind:
        case IntegerType():
            return -INT64_MAX, INT64_MAX
        case DecimalType(precision, _):
            return -(10**precision - 1), 10**precision - 1
        case DateType():
            return MIN_DAY, MAX_DAY
        case DatetimeType(resolution):
            per_day = DAY_SECONDS // resolution
            return MIN_DAY * per_day, (MAX_DAY + 1) * per_day - 1
        case BooleanType():
            return 0, 1
        case EnumType(values):
            return 0, len(values) - 1
        case TextType():
            return 0, INT64_MAX


def domain(column: Column) -> tuple[int, int]:
    """Return the least and greatest code a column may hold: its range, within its type."""
    lo, hi = type_domain(column.type)
    return (
        lo if column.lo is None else max(lo, column.lo),
        hi if column.hi is None else min(hi, column.hi),
    )


def encode_value(kind: ColumnType, value: Value) -> int:
    """Return the code of one value. Text has no code outside a batch.

    Raises ValueError, saying what is accepted, when the value is not one of the type's.
    """
    match kind:
        case IntegerType() if isinstance(value, int) and not isinstance(value, bool):
            return value
        case DecimalType(_, scale) if isinstance(value, int | Decimal) and not isinstance(
            value, bool
        ):
            shifted = Decimal(value).scaleb(scale)
            if shifted != shifted.to_integral_value():
                raise ValueError(f"{value} has more than {scale} digits after the point")
            return int(shifted)
        case DateType() if isinstance(value, date) and not isinstance(value, datetime):
            return (value - EPOCH).days
        case DatetimeType(resolution) if isinstance(value, datetime):
            ticks, rest = divmod(value - datetime(1970, 1, 1), timedelta(seconds=resolution))
            if rest:
                raise ValueError(f"{value.isoformat()} is finer than {resolution} s")
            return ticks
        case BooleanType() if isinstance(value, bool):
            return int(value)
        case EnumType(values) if isinstance(value, str):
            if value not in values:
                raise ValueError(f"{value!r} is not one of {', '.join(map(repr, values))}")
            return values.index(value)
    raise ValueError(f"{value!r} is not a value of {type_name(kind)}")


def decode_value(kind: ColumnType, code: int) -> Value:
    """Return the value a code stands for (not for text, whose codes belong to a batch)."""
    match kind:
        case IntegerType():
            return code
        case DecimalType(_, scale):
            return Decimal(code).scaleb(-scale)
        case DateType():
            return EPOCH + timedelta(days=code)
        case DatetimeType(resolution):
            return datetime(1970, 1, 1) + timedelta(seconds=code * resolution)
        case BooleanType():
            return bool(code)
        case EnumType(values):
            return values[code]
    raise ValueError("a text code has a value only within its batch")


def type_name(kind: ColumnType) -> str:
    """Return the type as the rules language writes it, shortened where a list would be long."""
    match kind:
        case IntegerType():
            return "integer"
        case DecimalType(precision, scale):
            return f"decimal({precision}, {scale})"
        case DateType():
            return "date"
        case DatetimeType(resolution):
            unit = {1: "", 60: "(minute)", 3600: "(hour)"}[resolution]
            return f"datetime{unit}"
        case BooleanType():
            return "boolean"
        case EnumType(values):
            shown = ", ".join(f"'{v}'" for v in values[:4])
            return f"enum({shown}{', ...' if len(values) > 4 else ''})"
        case TextType(length, pattern):
            return f"text({length})" + (f" matching /{pattern}/" if pattern else "")
