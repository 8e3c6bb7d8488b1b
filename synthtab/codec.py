"""Arrow arrays to codes: what counts as a value of each column type, and what does not.

Everything works on whole arrays. Strings are reduced to their distinct values first, so a column of
a million cells with a hundred values costs a hundred. Numbers never pass through a float: a decimal
is read digit by digit into its scaled integer, and a float column is read through the shortest text
that stands for it (``0.1`` is 0.1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.errors import DataError
from synthtab.schema import (
    DAY_SECONDS,
    INT64_MAX,
    MAX_DAY,
    MIN_DAY,
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    type_name,
)

TRUE_WORDS = ("true", "1", "yes", "t", "y", "1.0")
FALSE_WORDS = ("false", "0", "no", "f", "n", "0.0")
EXAMPLES_SHOWN = 3

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ZERO_TIME = r"(?:[T ]00:00(?::00(?:\.0+)?)?)?$"
_TIME = r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.0+)?)?)?$"


@dataclass(frozen=True)
class Problem:
    """Cells of one column that are no values of its type: how many, and the first few of them.

    ``examples`` pairs a row number, counted from 1 at the first row of data, with the cell's text.
    """

    column: Column
    count: int
    examples: tuple[tuple[int, str], ...]

    def render(self) -> str:
        """Return one line: the column, the offending cells, what is accepted."""
        shown = ", ".join(f"{_short(value)} in row {row:,}" for row, value in self.examples)
        more = self.count - len(self.examples)
        rest = f" and {more:,} more" if more else ""
        name, kind = self.column.name, self.column.type
        return f"column {name!r} ({type_name(kind)}): {shown}{rest}; accepted: {accepted(kind)}"


def accepted(kind: ColumnType) -> str:
    """Say which cells a column of this type takes."""
    match kind:
        case IntegerType():
            return f"whole numbers from -{INT64_MAX} to {INT64_MAX}"
        case DecimalType(precision, scale):
            return (
                f"numbers of at most {precision - scale} digits before the point "
                f"and {scale} after it"
            )
        case DateType():
            return "dates as 2024-12-31 (a time of day only if it is midnight)"
        case DatetimeType(resolution):
            unit = {1: "seconds", 60: "minutes", 3600: "hours"}[resolution]
            return f"local times as 2024-12-31 23:59:00, whole {unit}, without a zone"
        case BooleanType():
            return "true or false (also 1/0, yes/no, t/f, y/n)"
        case EnumType(values):
            shown = ", ".join(repr(v) for v in values[:20])
            more = f" and {len(values) - 20} more" if len(values) > 20 else ""
            return shown + more
        case TextType():
            return "text"


def encode_arrays(
    columns: Sequence[Column], arrays: Sequence[pa.Array], first_row: int = 1
) -> tuple[Batch, tuple[Problem, ...]]:
    """Encode arrays of equal length, one per column, into a batch.

    ``first_row`` is the number that problems give the first row. A cell that is no value of its
    type is NULL in the batch and counted in the problems; the caller decides what that means.
    """
    rows = len(arrays[0]) if arrays else 0
    codes = np.zeros((rows, len(columns)), dtype=np.int64)
    nulls = np.zeros((rows, len(columns)), dtype=np.bool_)
    problems: list[Problem] = []
    texts: dict[int, pa.Array] = {}
    for at, (column, array) in enumerate(zip(columns, arrays, strict=True)):
        if isinstance(column.type, TextType):
            texts[at], bad = _as_text(array)
            nulls[:, at] = _bools(pc.is_null(texts[at]))
        else:
            codes[:, at], nulls[:, at], bad = _encode_array(column.type, array)
        if bad.any():
            problems.append(_problem(column, array, bad, first_row))
    pool = _pool(list(texts.values()))
    for at, array in texts.items():
        codes[:, at] = _ints(pc.index_in(array, value_set=pool))
    codes[nulls] = 0
    strings = np.array(pool.to_pylist(), dtype=object)
    batch = Batch(tuple(c.name for c in columns), codes, nulls, strings)
    return batch, tuple(problems)


def merge_problems(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Put the problems of successive batches together, one per column, in order of columns seen."""
    merged: dict[str, Problem] = {}
    for new in problems:
        old = merged.get(new.column.name)
        if old is not None:
            examples = (old.examples + new.examples)[:EXAMPLES_SHOWN]
            new = Problem(new.column, old.count + new.count, examples)
        merged[new.column.name] = new
    return tuple(merged.values())


def misfit(name: str, problems: Sequence[Problem]) -> DataError:
    """Return the error for data called ``name`` that have cells of wrong types."""
    return DataError("\n".join([f"{name} does not fit:", *(p.render() for p in problems)]))


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "...")


def _problem(column: Column, array: pa.Array, bad: Mask, first_row: int) -> Problem:
    at = np.flatnonzero(bad)
    examples = tuple(
        (int(row) + first_row, str(array[int(row)].as_py())) for row in at[:EXAMPLES_SHOWN]
    )
    return Problem(column, len(at), examples)


def _ints(array: pa.Array) -> Codes:
    return np.asarray(pc.fill_null(pc.cast(array, pa.int64()), 0))


def _bools(array: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(array, False)).astype(np.bool_)


def _is_string(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _nan_to_null(array: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)


def _as_text(array: pa.Array) -> tuple[pa.Array, Mask]:
    """Return the cells as strings, and which have no textual form (lists, some bytes)."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if _is_string(kind):
        return array.cast(pa.large_string()), np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_floating(kind):
        array = _nan_to_null(array)
    try:
        return array.cast(pa.large_string()), np.zeros(len(array), dtype=np.bool_)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return pa.nulls(len(array), pa.large_string()), _bools(pc.is_valid(array))


def _pool(arrays: Sequence[pa.Array]) -> pa.Array:
    if not arrays:
        return pa.array([], pa.large_string())
    return pc.drop_null(pa.concat_arrays([pc.unique(a) for a in arrays])).unique()


def _encode_array(kind: ColumnType, array: pa.Array) -> tuple[Codes, Mask, Mask]:
    """Return codes, nulls and bad cells of an array; a bad cell is null besides."""
    source = array.type
    if pa.types.is_dictionary(source):
        return _through(kind, array.dictionary, array.indices)
    if _is_string(source):
        coded = array.dictionary_encode()
        return _through(kind, coded.dictionary, coded.indices)
    if pa.types.is_null(source):
        rows = len(array)
        return np.zeros(rows, np.int64), np.ones(rows, np.bool_), np.zeros(rows, np.bool_)
    typed = _encode_typed(kind, array)
    if typed is not None:
        return typed
    text, lost = _as_text(array)
    codes, nulls, bad = _encode_array(kind, text)
    return codes, nulls | lost, bad | lost


def _through(kind: ColumnType, values: pa.Array, indices: pa.Array) -> tuple[Codes, Mask, Mask]:
    """Encode the distinct values, then spread the result over the cells."""
    if len(values) == 0:
        rows = len(indices)
        return np.zeros(rows, np.int64), np.ones(rows, np.bool_), np.zeros(rows, np.bool_)
    if _is_string(values.type):
        codes, empty, bad = _encode_strings(kind, values.cast(pa.large_string()))
    else:
        codes, empty, bad = _encode_array(kind, values)
    absent = _bools(pc.is_null(indices))
    at = _ints(indices)
    bad_cells = bad[at] & ~absent
    return codes[at], absent | empty[at] | bad_cells, bad_cells


def _encode_typed(kind: ColumnType, array: pa.Array) -> tuple[Codes, Mask, Mask] | None:
    """Encode integers, booleans, dates and timestamps directly; None where text is the way."""
    source = array.type
    nulls = _bools(pc.is_null(array))
    if pa.types.is_unsigned_integer(source) and source.bit_width == 64:
        return None
    if pa.types.is_integer(source):
        values = _ints(array)
        match kind:
            case IntegerType():
                bad = values < -INT64_MAX
            case DecimalType(_, scale):
                limit = _limit(kind) // 10**scale
                bad = (values > limit) | (values < -limit)
                values = np.where(bad, 0, values) * 10**scale
            case BooleanType():
                bad = (values != 0) & (values != 1)
            case _:
                return None
        return values, nulls | bad, bad & ~nulls
    if pa.types.is_boolean(source) and isinstance(kind, BooleanType):
        return _bools(array).astype(np.int64), nulls, np.zeros(len(array), np.bool_)
    if pa.types.is_date(source) and isinstance(kind, DateType | DatetimeType):
        seconds = _ints(array.cast(pa.date32()).cast(pa.int32())) * DAY_SECONDS
        return _moments(kind, seconds, nulls, np.zeros(len(array), np.bool_))
    if pa.types.is_timestamp(source) and isinstance(kind, DateType | DatetimeType):
        if source.tz is not None:
            return np.zeros(len(array), np.int64), np.ones(len(array), np.bool_), ~nulls
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[source.unit]
        seconds, rest = np.divmod(_ints(array.cast(pa.int64())), per_second)
        return _moments(kind, seconds, nulls, rest != 0)
    return None


def _moments(
    kind: DateType | DatetimeType, seconds: Codes, nulls: Mask, bad: Mask
) -> tuple[Codes, Mask, Mask]:
    tick = DAY_SECONDS if isinstance(kind, DateType) else kind.resolution
    codes, rest = np.divmod(seconds, tick)
    outside = (seconds < MIN_DAY * DAY_SECONDS) | (seconds >= (MAX_DAY + 1) * DAY_SECONDS)
    bad = (bad | (rest != 0) | outside) & ~nulls
    return codes, nulls | bad, bad


def _encode_strings(kind: ColumnType, values: pa.Array) -> tuple[Codes, Mask, Mask]:
    """Encode distinct strings. Blanks around a value do not count; nothing but blanks is NULL."""
    trimmed = pc.utf8_trim_whitespace(values)
    nulls = _bools(pc.is_null(values)) | _bools(pc.equal(trimmed, ""))
    match kind:
        case IntegerType():
            codes, good = _numbers(trimmed, 0, INT64_MAX)
        case DecimalType(_, scale):
            codes, good = _numbers(trimmed, scale, _limit(kind))
        case DateType():
            seconds, good = _iso(trimmed, _DATE + _ZERO_TIME)
            codes = seconds // DAY_SECONDS
        case DatetimeType(resolution):
            seconds, good = _iso(trimmed, _DATE + _TIME)
            codes, rest = np.divmod(seconds, resolution)
            good &= rest == 0
        case BooleanType():
            found = pc.index_in(
                pc.utf8_lower(trimmed),
                value_set=pa.array((*FALSE_WORDS, *TRUE_WORDS), trimmed.type),
            )
            good = _bools(pc.is_valid(found))
            codes = (_ints(found) >= len(FALSE_WORDS)).astype(np.int64)
        case EnumType(declared):
            options = pa.array(declared, values.type)
            found = pc.index_in(values, value_set=options)
            found = pc.coalesce(found, pc.index_in(trimmed, value_set=options))
            good = _bools(pc.is_valid(found)) & _bools(pc.is_valid(values))
            codes = _ints(found)
            nulls &= ~good
        case _:
            raise TypeError(f"{kind} has no codes outside a batch")
    bad = ~good & ~nulls
    return np.where(good, codes, 0), nulls | bad, bad


def _limit(kind: DecimalType) -> int:
    return min(int(10**kind.precision) - 1, INT64_MAX)


def _numbers(values: pa.Array, scale: int, limit: int) -> tuple[Codes, Mask]:
    """Read decimal numerals as integers times ``10**scale``; say which could be, within the limit.

    Plain numerals are cast to 128-bit decimals, whose bytes are the scaled integer already;
    the rare rest (exponents, ``.5``) is read one by one, exactly.
    """
    plain = pc.match_substring_regex(values, rf"^[+-]?0*[0-9]{{1,19}}(?:\.[0-9]{{0,{scale}}}0*)?$")
    digits = pc.if_else(pc.fill_null(plain, False), values, "0")
    digits = pc.replace_substring_regex(digits, r"^\+", "")
    digits = pc.replace_substring_regex(digits, rf"(\.[0-9]{{0,{scale}}})0*$", r"\1")
    digits = pc.replace_substring_regex(digits, r"^(-?)0+([0-9])", r"\1\2")
    low, high = _words(digits.cast(pa.decimal128(38, scale)))
    good = _bools(plain) & (high == low >> 63) & (low >= -limit) & (low <= limit)
    codes = np.where(good, low, 0)
    for at in np.flatnonzero(~_bools(plain)):
        text = values[int(at)].as_py()
        if text is not None and _NUMBER.fullmatch(text):
            scaled = Fraction(text) * 10**scale
            if scaled.denominator == 1 and abs(scaled) <= limit:
                codes[at], good[at] = int(scaled), True
    return codes, good


def _words(decimals: pa.Array) -> tuple[Codes, Codes]:
    """Return the low and high 64-bit halves of 128-bit decimals (Arrow is little-endian)."""
    words = np.frombuffer(decimals.buffers()[1], dtype=np.int64).reshape(-1, 2)
    words = words[decimals.offset : decimals.offset + len(decimals)]
    return words[:, 0].copy(), words[:, 1].copy()


def _iso(values: pa.Array, pattern: str) -> tuple[Codes, Mask]:
    """Read ISO dates and times as seconds since 1970; say which are moments of the calendar."""
    good = _bools(pc.match_substring_regex(values, pattern))
    text = pc.if_else(pa.array(good), values, "1970-01-01")

    def part(start: int, stop: int, least: int, most: int) -> Codes:
        piece = pc.utf8_slice_codeunits(text, start, stop)
        number = _ints(pc.if_else(pc.equal(piece, ""), "0", piece))
        np.logical_and(good, (number >= least) & (number <= most), out=good)
        return number

    year, month = part(0, 4, 1, 9999), part(5, 7, 1, 12)
    day = part(8, 10, 1, 31)
    hour, minute, second = part(11, 13, 0, 23), part(14, 16, 0, 59), part(17, 19, 0, 59)
    months: NDArray[np.datetime64] = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    # The 30th of February lands in March, and so gives itself away.
    good &= days.astype("datetime64[M]") == months
    seconds = days.astype(np.int64) * DAY_SECONDS + hour * 3600 + minute * 60 + second
    return seconds, good
