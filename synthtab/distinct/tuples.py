"""Different tuples of values for keys: how many there are, and n of them without a repeat.

The values of each column are numbered, and so are their tuples; a pseudo-random permutation of
these numbers gives different tuples however many are asked for, in time that grows with them alone.
NULLs take no part: a unique rule lets rows with one be.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, concat
from synthtab.distinct.language import Language, language, readable
from synthtab.distinct.permute import MAX_SIZE, Permutation
from synthtab.errors import InfeasibleError, UsageError
from synthtab.schema import (
    DAY_SECONDS,
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    TextType,
    domain,
)

# Where an end of a range is not declared, values keep to about so many whole units or days, and to
# so many times the tuples that are needed.
FREE_UNITS, FREE_DAYS, ROOM = 10_000, 21_915, 16

_Space = range | Language


def count(column: Column) -> int:
    """Return how many different values other than NULL a column can hold.

    Of a text that is its pattern's strings of at most its length; where there are more than
    2**1000, longer ones are left out. Raises UsageError for a pattern that is too large to count.
    """
    return _size(_everything(column))


def unrank(column: Column, index: int) -> int | str:
    """Return the value numbered ``index`` of those counted: a code, or the string of a text.

    Each value has one number. Raises UsageError for a number there is not.
    """
    space = _everything(column)
    if not 0 <= index < _size(space):
        raise UsageError(
            f"column `{column.name}` has no value number {index:,}; "
            f"its {_size(space):,} values are numbered from 0"
        )
    return space.one(index) if isinstance(space, Language) else space[index]


def capacity(columns: Sequence[Column]) -> int:
    """Return how many different tuples of values other than NULL the columns can hold."""
    return prod(count(c) for c in columns)


def distinct(
    columns: Sequence[Column], n: int, rng: np.random.Generator, taken: Batch | None = None
) -> Batch:
    """Draw ``n`` different tuples, none of them among the rows of ``taken``, without a NULL.

    Each set of tuples is as likely as any other, to the eye of pseudo-random numbers, out of all
    there can be; where readable values are enough (printable characters, moderate lengths, numbers
    near the declared end of a range), out of these. ``taken`` has at least these columns. Raises
    InfeasibleError, saying how many tuples can exist, where ``n`` are too many; UsageError for a
    negative number.
    """
    if n < 0:
        raise UsageError(f"cannot draw {n:,} different values; ask for none or more")
    used = _present(columns, taken)
    need = n + (0 if used is None else len(used))
    spaces: list[_Space] = [_preferred(c, need) for c in columns]
    if prod(map(_size, spaces)) < need:
        spaces = [_everything(c) for c in columns]
    most = prod(map(_size, spaces))
    found = _tuples(columns, spaces, min(need, most), rng)
    if used is not None and len(used):
        found = found.take(~_among(columns, found, used))
    if len(found) < n:
        raise InfeasibleError(_too_many(columns, n, most, most - len(found) if used else 0))
    return found.take(np.arange(n))


def _too_many(columns: Sequence[Column], n: int, most: int, gone: int) -> str:
    names = ", ".join(f"`{c.name}`" for c in columns)
    what = "values of column" if len(columns) == 1 else "tuples of columns"
    left = f", {gone:,} of which are taken" if gone else ""
    return (
        f"{n:,} different {what} {names} were asked for, and there are {most:,}{left}; "
        "ask for fewer, or widen the ranges or patterns"
    )


def _everything(column: Column) -> _Space:
    if isinstance(column.type, TextType):
        return language(column.type)
    lo, hi = domain(column)
    return range(lo, hi + 1)


def _preferred(column: Column, need: int) -> _Space:
    """Return the values of a column that one would choose for a key."""
    kind = column.type
    if isinstance(kind, TextType):
        return readable(kind)
    lo, hi = domain(column)
    if isinstance(kind, EnumType | BooleanType):
        return range(lo, hi + 1)
    match kind:
        case DateType():
            size = FREE_DAYS
        case DatetimeType(resolution):
            size = FREE_DAYS * (DAY_SECONDS // resolution)
        case DecimalType(_, scale):
            size = FREE_UNITS * 10**scale
        case _:
            size = FREE_UNITS
    size = max(size, ROOM * need)
    if column.lo is None and column.hi is None:
        lo = max(lo, 1)
    elif column.lo is None:
        lo = max(lo, hi - size + 1)
    if column.hi is None:
        hi = min(hi, lo + size - 1)
    return range(lo, hi + 1)


def _size(space: _Space) -> int:
    # len() of a range ends at an int64.
    return space.size if isinstance(space, Language) else max(0, space.stop - space.start)


def _tuples(
    columns: Sequence[Column], spaces: Sequence[_Space], n: int, rng: np.random.Generator
) -> Batch:
    """Return ``n`` different tuples of the spaces, which hold as many."""
    most = prod(map(_size, spaces))
    if most > MAX_SIZE:
        return _sparse(columns, spaces, n, rng)
    left = Permutation(most, int(rng.integers(2**63))).at(np.arange(n))
    cells = []
    for space in spaces:
        left, own = np.divmod(left, max(1, _size(space)))
        cells.append(own + space.start if isinstance(space, range) else _spelled(space, own))
    return _batch(columns, cells)


def _spelled(space: Language, numbers: NDArray[np.int64]) -> NDArray[np.object_]:
    few, inverse = np.unique(numbers, return_inverse=True)
    return space.many(few)[inverse.reshape(-1)]


def _sparse(
    columns: Sequence[Column], spaces: Sequence[_Space], n: int, rng: np.random.Generator
) -> Batch:
    """Draw tuples out of more than 2**62: repeats are next to none, and drawn again."""
    found = _batch(columns, [_drawn(s, n, rng) for s in spaces])
    while True:
        found = found.take(~_repeated(found))
        missing = n - len(found)
        if not missing:
            return found
        more = _batch(columns, [_drawn(s, missing, rng) for s in spaces])
        found = concat([found, more], _texts(columns))


def _drawn(
    space: _Space, n: int, rng: np.random.Generator
) -> NDArray[np.int64] | NDArray[np.object_]:
    if isinstance(space, Language):
        return space.draw(n, rng)
    return rng.integers(space.start, space.stop - 1, n, endpoint=True)


def _batch(
    columns: Sequence[Column], cells: Sequence[NDArray[np.int64] | NDArray[np.object_]]
) -> Batch:
    """Put columns of codes (n,) and of strings (n,) together to a batch."""
    texts = [np.asarray(c) for c in cells if c.dtype == object]
    pool, numbers = np.empty(0, dtype=object), np.empty(0, dtype=np.int64)
    if texts:
        # A dictionary keeps apart what NumPy's sorting of strings would, at half the time.
        place: dict[str, int] = {}
        strings = np.concatenate(texts)
        numbers = np.array([place.setdefault(t, len(place)) for t in strings], dtype=np.int64)
        pool = np.empty(len(place), dtype=object)
        pool[:] = list(place)
    rows = len(cells[0]) if cells else 0
    coded = iter(numbers.reshape(len(texts), rows) if texts else ())
    codes = [next(coded) if c.dtype == object else np.asarray(c, dtype=np.int64) for c in cells]
    whole = np.stack(codes, axis=1) if codes else np.zeros((rows, 0), dtype=np.int64)
    return Batch(tuple(c.name for c in columns), whole, np.zeros(whole.shape, dtype=bool), pool)


def _texts(columns: Sequence[Column]) -> list[str]:
    return [c.name for c in columns if isinstance(c.type, TextType)]


def _present(columns: Sequence[Column], taken: Batch | None) -> Batch | None:
    """Return the tuples of ``taken`` that have no NULL, each once."""
    if taken is None:
        return None
    own = taken.select([c.name for c in columns])
    own = own.take(np.flatnonzero(~own.nulls.any(axis=1)))
    return own.take(~_repeated(own))


def _among(columns: Sequence[Column], rows: Batch, used: Batch) -> NDArray[np.bool_]:
    """Say of each row (n,) whether it is one of ``used``."""
    both = concat([used, rows], _texts(columns))
    return _repeated(both)[len(used) :]


def _repeated(rows: Batch) -> NDArray[np.bool_]:
    """Say of each row (n,) whether an earlier one is equal."""
    order = np.lexsort((np.arange(len(rows)), *rows.codes.T[::-1]))
    same = np.zeros(len(rows), dtype=bool)
    same[order[1:]] = (rows.codes[order[1:]] == rows.codes[order[:-1]]).all(axis=1)
    return same
