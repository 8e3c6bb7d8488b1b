"""SQL's column types in the language's terms, with a word where one is not quite the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from synthtab.schema import (
    BooleanType,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

MOST_DIGITS = 18
OPEN_LENGTH = 1000
"""Characters of a text column that declares no length; a CHECK on its length may say better."""

_T = exp.DataType.Type
_INTEGERS = {
    _T.TINYINT, _T.SMALLINT, _T.MEDIUMINT, _T.INT, _T.BIGINT, _T.UTINYINT, _T.USMALLINT,
    _T.UMEDIUMINT, _T.UINT, _T.UBIGINT, _T.SERIAL, _T.SMALLSERIAL, _T.BIGSERIAL, _T.YEAR,
}  # fmt: skip
_UNSIGNED = {_T.UTINYINT, _T.USMALLINT, _T.UMEDIUMINT, _T.UINT, _T.UBIGINT}
_DECIMALS = {_T.DECIMAL, _T.DECIMAL32, _T.DECIMAL64, _T.DECIMAL128, _T.BIGDECIMAL}
_FLOATS = {_T.FLOAT, _T.DOUBLE, _T.UDOUBLE}
_MONEY = {_T.MONEY, _T.SMALLMONEY}
_TEXTS = {
    _T.CHAR, _T.NCHAR, _T.VARCHAR, _T.NVARCHAR, _T.BPCHAR, _T.TEXT, _T.TINYTEXT, _T.MEDIUMTEXT,
    _T.LONGTEXT, _T.NAME,
}  # fmt: skip
DATETIMES = {_T.TIMESTAMP, _T.DATETIME, _T.DATETIME2, _T.SMALLDATETIME, _T.TIMESTAMP_S,
              _T.TIMESTAMP_MS, _T.TIMESTAMP_NS, _T.TIMESTAMPNTZ}  # fmt: skip
ZONED = {_T.TIMESTAMPTZ, _T.TIMESTAMPLTZ}

Found = tuple[ColumnType | None, str | None]


def column_type(kind: exp.DataType | None, enums: Mapping[str, Sequence[str]]) -> Found:
    """Return the type, None where the language has none, and what has to be said about it.

    ``enums`` are types declared by CREATE TYPE ... AS ENUM, by their names in small letters.
    """
    if kind is None:
        return TextType(OPEN_LENGTH), "no type is declared; texts taken"
    shown = kind.sql()
    arguments = [int(p.name) for p in kind.expressions if p.name.lstrip("-").isdigit()]
    own = str(kind.args.get("kind") or shown).strip('"').split(".")[-1].lower()
    if own in enums:
        return EnumType(tuple(enums[own])), None
    what = kind.this
    if what in (_T.ENUM, _T.ENUM8, _T.ENUM16) and kind.expressions:
        return EnumType(tuple(e.name for e in kind.expressions)), None
    if what in _INTEGERS:
        return IntegerType(), None
    if what in _DECIMALS:
        return _decimal(arguments)
    if what in _MONEY:
        return DecimalType(MOST_DIGITS, 2), None
    if what in _FLOATS:
        return DecimalType(MOST_DIGITS, 6), "a float; 6 digits after the point taken"
    if what in _TEXTS:
        if arguments:
            return TextType(arguments[0]), None
        return TextType(OPEN_LENGTH), f"no length is declared; {OPEN_LENGTH} characters taken"
    if what == _T.UUID:
        return TextType(36, "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), None
    if what in (_T.DATE, _T.DATE32):
        return DateType(), None
    if what in DATETIMES:
        return DatetimeType(), None
    if what in ZONED:
        return DatetimeType(), "a moment with a time zone; dates and times without one taken"
    if what in (_T.BOOLEAN, _T.BIT):
        return BooleanType(), None
    return None, f"the language has no type for {shown}, so the column is left out"


def is_unsigned(kind: exp.DataType) -> bool:
    """Say whether a type of integers has none below 0."""
    return kind.this in _UNSIGNED


def _decimal(arguments: Sequence[int]) -> Found:
    if not arguments:
        return DecimalType(MOST_DIGITS, 4), "no digits are declared; 18 taken, 4 after the point"
    precision, scale = (*arguments, 0)[:2]
    if precision <= MOST_DIGITS and 0 <= scale <= precision:
        return DecimalType(precision, scale), None
    scale = max(0, min(scale, MOST_DIGITS))
    return DecimalType(MOST_DIGITS, scale), f"the language has at most {MOST_DIGITS} digits"
