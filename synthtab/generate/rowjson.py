"""A row as one JSON object, and back: what language models read and write in a conversation.

Whole numbers and decimals are numbers, dates and times are strings of ISO 8601, booleans ``true``
and ``false``, enums and texts strings, NULL is ``null``. Decimals are read digit by digit: no float
comes between. What is written is in the one spelling of language/spelling.py; what is read may be
in any that JSON has for a value, as nothing need mask what is said in a conversation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from synthtab.backends.grammar import column_regex, datetime_regex
from synthtab.errors import UsageError
from synthtab.generate.language.spelling import NULL, json_string, spell
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    Value,
    domain,
    type_domain,
    type_name,
)
from synthtab.solver.inquiry import Cell
from synthtab.solver.rowcells import cell_of

MOST_DIGITS = 40
"""A number of more digits is none of any column, and is not looked at further."""


class UnreadableRowError(UsageError):
    """A text that holds no row of the columns; the message says why."""


def write_row(columns: Sequence[Column], cells: Mapping[str, Cell]) -> str:
    """Return a row's cells (codes, strings, None) as one JSON object on one line."""
    parts = [f"{json_string(c.name)}: {_text(c, cells[c.name])}" for c in columns]
    return "{" + ", ".join(parts) + "}"


def read_row(columns: Sequence[Column], text: str) -> dict[str, Cell]:
    """Return the cells of the first JSON object in a text; what stands around it is let be.

    A value may lie outside its column's range, but not outside its type. Raises UnreadableRowError.
    """
    start = text.find("{")
    if start < 0:
        raise UnreadableRowError("there is no JSON object in it")
    decoder = json.JSONDecoder(
        parse_float=_number,
        parse_int=_number,
        parse_constant=_refuse,
        object_pairs_hook=_once,
    )
    try:
        found, _ = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise UnreadableRowError(f"it is no JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise UnreadableRowError("its brackets are nested too deep") from None
    names = {c.name for c in columns}
    missing = [c.name for c in columns if c.name not in found]
    extra = [name for name in found if name not in names]
    if missing or extra:
        said = [f"it lacks {_listed(missing)}"] if missing else []
        said += [f"it has {_listed(extra)}, which is no column"] if extra else []
        raise UnreadableRowError(" and ".join(said))
    return {c.name: _cell(c, found[c.name]) for c in columns}


def row_grammar(columns: Sequence[Column]) -> str:
    """Return the grammar of such objects in the dialect that llguidance reads, keys in order.

    A value keeps its column's type and range, a text its length; patterns are left to the check.
    """
    body: list[str] = []
    rules = []
    for at, column in enumerate(columns):
        # The grammar's strings have the same escapes as those of JSON.
        body.append(json_string(f"{'{' if at == 0 else ', '}{json_string(column.name)}: "))
        body.append(f"v{at}")
        options = _options(column) + ([json_string(NULL)] if column.optional else [])
        rules.append(f"v{at}: {' | '.join(options)}")
    return "\n".join([f"start: {' '.join(body)} {json_string('}')}", *rules]) + "\n"


def _options(column: Column) -> list[str]:
    lo, hi = domain(column)
    match column.type:
        case EnumType(values):
            return [json_string(json_string(v)) for v in values[lo : hi + 1]]
        case BooleanType():
            return [json_string(word) for word in ["false", "true"][lo : hi + 1]]
        case TextType(length, _):
            return [rf'/"([^"\\\x00-\x1f]){{0,{length}}}"/']
        case IntegerType() | DecimalType():
            return [f"/{_slashed(column_regex(column))}/"]
        case DatetimeType(resolution):
            return [f'/"{_slashed(datetime_regex(lo, hi, resolution, mark="T"))}"/']
        case _:
            return [f'/"{_slashed(column_regex(column))}"/']


def _slashed(regex: str) -> str:
    return regex.replace("/", r"\/")


def _text(column: Column, cell: Cell) -> str:
    if cell is None:
        return NULL
    if isinstance(cell, str):
        return json_string(cell)
    lo, hi = type_domain(column.type)
    return spell(column, cell) if lo <= cell <= hi else str(cell)


def _cell(column: Column, value: Any) -> Cell:
    made = _value(column, value)
    try:
        cell = cell_of(column, made)
    except ValueError as error:
        raise UnreadableRowError(f"{column.name}: {error}") from None
    lo, hi = type_domain(column.type)
    if isinstance(cell, int) and not lo <= cell <= hi:
        raise UnreadableRowError(f"{column.name}: {made} is no {type_name(column.type)}")
    return cell


def _value(column: Column, value: Any) -> Value | None:
    """Return a value of JSON as one of the column's type; what is none is let through."""
    if value is None:
        return None
    if isinstance(value, dict | list):
        raise UnreadableRowError(f"{column.name}: a value is wanted, and no object or list")
    try:
        if isinstance(value, str) and isinstance(column.type, DateType):
            return date.fromisoformat(value)
        if isinstance(value, str) and isinstance(column.type, DatetimeType):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                raise ValueError("a zone")
            return moment
    except ValueError:
        kind = type_name(column.type)
        raise UnreadableRowError(f"{column.name}: {value!r} is no {kind}") from None
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise UnreadableRowError(f"{column.name}: half a character is none")
    whole = isinstance(value, Decimal) and value == value.to_integral_value()
    if whole and isinstance(column.type, IntegerType):
        return int(value)
    made: Value = value
    return made


def _number(text: str) -> Decimal:
    found = Decimal(text)
    if len(text) > MOST_DIGITS or abs(found.adjusted()) > MOST_DIGITS:
        raise UnreadableRowError(f"{text[:MOST_DIGITS]}... is no number of any column")
    return found


def _refuse(constant: str) -> NoReturn:
    raise UnreadableRowError(f"{constant} is no value of any column")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableRowError("a key stands in it twice")
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
