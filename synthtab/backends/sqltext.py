"""SQL expressions as text with what is needed to combine them: precedence, and exact arithmetic.

A database's numbers are exact as long as nothing becomes a DOUBLE and nothing overflows, so every
number carries its bounds, and an operand is cast to a wider type (DuckDB's HUGEINT and
DECIMAL(38, s), PostgreSQL's NUMERIC) where the result may not fit otherwise. There is no division:
a quotient is kept as a numerator and a common denominator, and comparisons multiply both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from math import lcm

from synthtab.errors import UsageError
from synthtab.schema import Value

OR, AND, NOT, COMPARE, SUM, PRODUCT, ATOM = range(7)

_INT32, _INT64, _WIDEST, _DECIMAL = range(4)
_LIMIT = {_INT32: 2**31 - 1, _INT64: 2**63 - 1}
_SAFE_DIGITS, _MAX_DIGITS = 18, 38


class NotSaidError(UsageError):
    """A database has no words for a rule; the message says which part of it, and why."""


class TooWideError(NotSaidError):
    """A number of a rule may need more digits than a database computes with exactly."""


@dataclass(frozen=True)
class Arithmetic:
    """How far a database's numbers go.

    ``widest`` is the integer type beyond 64 bits, ``most`` the greatest integer there is and
    ``digits`` those of the longest DECIMAL (None: no end in sight). Without ``decimals`` there are
    none: constants with a point are fractions of integers.
    """

    widest: str
    most: int | None
    digits: int | None
    decimals: bool = True


DUCKDB_NUMBERS = Arithmetic("HUGEINT", 2**127 - 1, _MAX_DIGITS)


@dataclass(frozen=True)
class Sql:
    """An expression and how loosely its outermost operator binds.

    ``beyond`` marks a date that may lie outside a database's calendar: it is written so that it
    compares well with any date inside, and with nothing else.
    """

    text: str
    level: int = ATOM
    beyond: bool = field(default=False, kw_only=True)

    def at(self, level: int) -> str:
        """Return the text, in parentheses if it binds more loosely than ``level``."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass(frozen=True)
class Number(Sql):
    """An expression whose value is a number times ``denominator``.

    ``scale`` is its digits after the point, ``lo`` and ``hi`` bound the expression itself, and
    ``width`` tells its integer type, or that it is a DECIMAL; a ``literal`` is a plain constant.
    """

    denominator: int = 1
    scale: int = 0
    lo: Fraction = Fraction(0)
    hi: Fraction = Fraction(0)
    width: int = _INT64
    literal: bool = False
    arithmetic: Arithmetic = DUCKDB_NUMBERS

    @property
    def digits(self) -> int:
        """Digits that hold every value at this scale."""
        return len(str(int(max(abs(self.lo), abs(self.hi)) * 10**self.scale)))


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def string(text: str) -> str:
    """Quote a string."""
    return "'" + text.replace("'", "''") + "'"


def decimal(
    text: str,
    scale: int,
    lo: Fraction,
    hi: Fraction,
    arithmetic: Arithmetic = DUCKDB_NUMBERS,
) -> Number:
    """Return a DECIMAL column."""
    return _checked(Number(text, ATOM, 1, scale, lo, hi, _DECIMAL, arithmetic=arithmetic))


def integer(
    text: str, lo: int, hi: int, level: int = ATOM, arithmetic: Arithmetic = DUCKDB_NUMBERS
) -> Number:
    """Return an expression that gives a BIGINT between bounds."""
    return Number(text, level, 1, 0, Fraction(lo), Fraction(hi), _INT64, arithmetic=arithmetic)


def constant(value: Fraction, arithmetic: Arithmetic = DUCKDB_NUMBERS) -> Number:
    """Return a constant: an integer or decimal literal, over a denominator where it has none."""
    scale, rest = _decimal_scale(value.denominator)
    if scale > _MAX_DIGITS or not arithmetic.decimals:
        scale, rest = 0, value.denominator
    scaled = value * rest
    if scale == 0:
        text = str(int(scaled))
        width = next((w for w in (_INT32, _INT64) if abs(scaled) <= _LIMIT[w]), _WIDEST)
    else:
        digits = str(abs(int(scaled * 10**scale))).rjust(scale + 1, "0")
        text = ("-" if scaled < 0 else "") + f"{digits[:-scale]}.{digits[-scale:]}"
        width = _DECIMAL
    level = SUM if scaled < 0 else ATOM
    return _checked(Number(text, level, rest, scale, scaled, scaled, width, True, arithmetic))


def literal(value: Value, arithmetic: Arithmetic = DUCKDB_NUMBERS) -> Sql:
    """Return a constant of any type, as standard SQL writes it."""
    match value:
        case bool():
            return Sql("TRUE" if value else "FALSE")
        case str():
            return Sql(string(value))
        case datetime():
            return Sql(f"TIMESTAMP '{value.isoformat(sep=' ', timespec='seconds')}'")
        case date():
            return Sql(f"DATE '{value.isoformat()}'")
        case int() | Decimal():
            return constant(Fraction(value), arithmetic)


def null_number(arithmetic: Arithmetic = DUCKDB_NUMBERS) -> Number:
    """Return NULL."""
    return Number("CAST(NULL AS INTEGER)", width=_INT32, arithmetic=arithmetic)


def _decimal_scale(denominator: int) -> tuple[int, int]:
    """Split a denominator into a number of decimal places and what no decimal places cover."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator //= 2
        twos += 1
    while denominator % 5 == 0:
        denominator //= 5
        fives += 1
    return max(twos, fives), denominator


def _checked(number: Number) -> Number:
    decimal = number.width == _DECIMAL or number.scale
    limits = number.arithmetic
    too_long = limits.digits is not None and number.digits > limits.digits
    if too_long or (not decimal and _too_large(number, _WIDEST)):
        most = limits.digits or len(str(limits.most)) - 1
        raise TooWideError(
            f"{number.text} may need {number.digits} digits, and a database computes exactly with"
            f" {most}; declare narrower ranges for its columns"
        )
    return number


def _too_large(number: Number, width: int) -> bool:
    limit = number.arithmetic.most if width == _WIDEST else _LIMIT[width]
    return limit is not None and max(abs(number.lo), abs(number.hi)) > limit


def add(left: Number, right: Number, sign: int = 1) -> Number:
    """Return ``left + right``, or ``left - right`` for a negative sign."""
    left, right = same_denominator([left, right])
    ends = (right.lo, right.hi) if sign > 0 else (-right.hi, -right.lo)
    result = Number(
        "",
        SUM,
        left.denominator,
        max(left.scale, right.scale),
        left.lo + ends[0],
        left.hi + ends[1],
        max(left.width, right.width),
        arithmetic=left.arithmetic,
    )
    left, result = _room(left, right, result)
    operator = "+" if sign > 0 else "-"
    text = f"{left.at(SUM)} {operator} {right.at(PRODUCT)}"
    return _checked(replace(result, text=text))


def multiply(left: Number, right: Number) -> Number:
    """Return ``left * right``."""
    corners = [a * b for a in (left.lo, left.hi) for b in (right.lo, right.hi)]
    result = Number(
        "",
        PRODUCT,
        left.denominator * right.denominator,
        left.scale + right.scale,
        min(corners),
        max(corners),
        max(left.width, right.width),
        arithmetic=left.arithmetic,
    )
    _checked(replace(result, text=f"{left.text} * {right.text}"))
    left, result = _room(left, right, result)
    text = f"{left.at(PRODUCT)} * {right.at(ATOM)}"
    return replace(result, text=text, literal=False)


def times(number: Number, factor: int) -> Number:
    """Return the expression multiplied by a whole constant; a constant is multiplied at once."""
    if factor == 1:
        return number
    if number.literal:
        made = constant(number.lo * factor, number.arithmetic)
        return replace(made, denominator=number.denominator)
    made = constant(Fraction(factor), number.arithmetic)
    return replace(multiply(made, number), denominator=number.denominator)


def negate(number: Number) -> Number:
    """Return ``-number``."""
    if number.literal:
        made = constant(-number.lo, number.arithmetic)
        return replace(made, denominator=number.denominator)
    result = replace(number, lo=-number.hi, hi=-number.lo, level=SUM)
    if number.width == _INT32:
        return replace(result, text=f"-CAST({number.text} AS BIGINT)", width=_INT64)
    return replace(result, text=f"-{number.at(ATOM)}")


def over(number: Number, divisor: Fraction) -> Number:
    """Return the number divided by a constant that is not 0."""
    inverse = 1 / divisor
    scaled = times(number, abs(inverse.numerator))
    scaled = replace(scaled, denominator=number.denominator * inverse.denominator)
    return negate(scaled) if divisor < 0 else scaled


def over_unit(number: Number, unit: int) -> Number:
    """Return a number of units as the number meant: it stands for itself over ``unit``."""
    return replace(number, denominator=number.denominator * unit)


def same_denominator(numbers: Sequence[Number]) -> list[Number]:
    """Multiply numbers by what brings them to one denominator."""
    common = lcm(*(n.denominator for n in numbers))
    return [replace(times(n, common // n.denominator), denominator=common) for n in numbers]


def comparable(numbers: Sequence[Number]) -> list[Number]:
    """Bring numbers to one denominator, and check that one DECIMAL type holds them all."""
    aligned = same_denominator(numbers)
    scale = max(n.scale for n in aligned)
    for number in aligned:
        _checked(replace(number, scale=scale))
    return aligned


def summand(number: Number) -> Number:
    """Return the number as sums take it.

    DuckDB 2.0 fails on some sums of narrow DECIMALs over a window; one of full width is well.
    """
    if number.width != _DECIMAL or number.arithmetic.digits is None:
        return number
    return cast(number, f"DECIMAL({number.arithmetic.digits}, {number.scale})")


def total(number: Number, text: str, most: int) -> Number:
    """Return ``text``, the sum of at most ``most`` values of a number (none of them: NULL)."""
    width = number.width if number.width == _DECIMAL else _WIDEST
    lo, hi = min(number.lo * most, number.lo), max(number.hi * most, number.hi)
    limit = number.arithmetic.most
    if limit is not None and not number.arithmetic.decimals:
        # SQLite's sum() itself stops with an error at 64 bits; it is never wrong.
        lo, hi = max(lo, Fraction(-limit)), min(hi, Fraction(limit))
    return _checked(
        replace(number, text=text, level=ATOM, lo=lo, hi=hi, width=width, literal=False)
    )


def one_type(numbers: Sequence[Number]) -> list[Number]:
    """Bring numbers that one expression chooses between to one denominator and one type.

    DuckDB gives ``coalesce(x, y)`` and the like the scale of the wider DECIMAL, and rounds the
    other to it without a word; so those of smaller scale are cast.
    """
    aligned = comparable(numbers)
    scale = max(n.scale for n in aligned)
    digits = aligned[0].arithmetic.digits
    return [
        replace(cast(n, f"DECIMAL({digits}, {scale})"), scale=scale)
        if digits and n.width == _DECIMAL and n.scale < scale and not n.literal
        else n
        for n in aligned
    ]


def _room(left: Number, right: Number, result: Number) -> tuple[Number, Number]:
    """Cast the left operand where the result may not fit the type it would have."""
    limits = left.arithmetic
    if result.width == _DECIMAL:
        safe = max(result.digits, left.digits, right.digits) < _SAFE_DIGITS
        if safe or limits.digits is None:
            return left, result
        return cast(left, f"DECIMAL({limits.digits}, {left.scale})"), result
    if not _too_large(result, result.width):
        return left, result
    width = _WIDEST if _too_large(result, _INT64) else _INT64
    if not limits.decimals:  # there is one integer type
        return left, replace(result, width=width)
    name = limits.widest if width == _WIDEST else "BIGINT"
    return cast(left, name), replace(result, width=width)


def cast(number: Number, kind: str) -> Number:
    """Return the number cast to a type that holds it."""
    return replace(number, text=f"CAST({number.text} AS {kind})", level=ATOM)


def chosen(text: str, numbers: Sequence[Number]) -> Number:
    """Return an expression that yields one of several comparable numbers."""
    return Number(
        text,
        ATOM,
        numbers[0].denominator,
        max(n.scale for n in numbers),
        min(n.lo for n in numbers),
        max(n.hi for n in numbers),
        max(n.width for n in numbers),
        arithmetic=numbers[0].arithmetic,
    )
