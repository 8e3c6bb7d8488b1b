"""What rows have written, cell by cell: read, and put together to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.generate.drawn import Drawn
from synthtab.generate.language.slots import Slot
from synthtab.generate.language.spelling import NULL, quoted, read
from synthtab.generate.texts import Fingerprints
from synthtab.schema import Column, TextType

Strings = NDArray[np.object_]


@dataclass(frozen=True)
class Written:
    """Values of one column (rows,): codes (0 of texts), nulls, strings of texts, what is none."""

    codes: Codes
    nulls: Mask
    malformed: Mask
    texts: Strings | None = None


@dataclass(frozen=True)
class Walked:
    """Values by column, and per row the log-weight and whether it met a dead end."""

    values: Mapping[str, Written]
    log_weight: NDArray[np.float64]
    dead: Mask


class NoValue(Enum):
    """What stands in a slot instead of a value."""

    NULL = 0
    NOTHING = 1


def assembled(
    columns: Sequence[Column], walked: Walked, fingerprints: Mapping[str, Fingerprints]
) -> Drawn:
    """Put values together to a batch of ``columns``, with one pool."""
    rows, values = len(walked.dead), walked.values
    texts = {name: w.texts for name, w in values.items() if w.texts is not None}
    joined = np.concatenate(list(texts.values())) if texts else np.empty(0, dtype=object)
    pool, numbers = np.unique(joined, return_inverse=True)
    codes_of = dict(zip(texts, numbers.reshape(-1, rows).astype(np.int64), strict=True))
    names = tuple(c.name for c in columns)
    nulls = np.stack([values[name].nulls for name in names], axis=1)
    codes = np.stack([codes_of.get(name, values[name].codes) for name in names], axis=1)
    malformed, copied = walked.dead.copy(), np.zeros(rows, dtype=bool)
    for name, written in values.items():
        malformed |= written.malformed
        if name in texts and name in fingerprints:
            copied |= ~written.nulls & fingerprints[name].known(texts[name])
    batch = Batch(names, np.where(nulls, 0, codes), nulls, pool)
    return Drawn(batch, walked.log_weight, malformed, walked.dead, copied)


def read_values(slot: Slot, spelled: Sequence[bytes | None]) -> Written:
    """Read values out of what rows have written in a slot."""
    rows = len(spelled)
    codes, nulls = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=bool)
    malformed = np.zeros(rows, dtype=bool)
    text = isinstance(slot.column.type, TextType)
    strings = np.full(rows, "", dtype=object)
    known: dict[bytes | None, int | str | NoValue] = {}
    for row, written in enumerate(spelled):
        if written not in known:
            known[written] = read_value(slot, written)
        match known[written]:
            case NoValue.NULL:
                nulls[row] = True
            case str() as string:
                strings[row] = string
            case int() as code:
                codes[row] = code
            case _:
                malformed[row] = True
                codes[row] = 0 if text else slot.lo
    return Written(codes, nulls, malformed, strings if text else None)


def read_value(slot: Slot, written: bytes | None) -> int | str | NoValue:
    """Return the value that the bytes in a slot begin with."""
    if written is None or not written.startswith(slot.opening):
        return NoValue.NOTHING
    try:
        body = ('"' if slot.quote_is_open else "") + _cut(slot, written).decode("utf-8")
    except UnicodeDecodeError:
        return NoValue.NOTHING
    if body == NULL and slot.column.optional:
        return NoValue.NULL
    found = read(slot.column, body)
    return NoValue.NOTHING if found is None else found


def _cut(slot: Slot, written: bytes) -> bytes:
    """Return a value's bytes without what stands before it and the forced text behind it."""
    body = written[len(slot.opening) :]
    if not quoted(slot.column) or not (slot.quote_is_open or body.startswith(b'"')):
        end = body.find(slot.after[len(slot.closing) : len(slot.closing) + 1])
        return body if end < 0 else body[:end]
    at = 0 if slot.quote_is_open else 1
    while at < len(body) and body[at] != 0x22:
        at += 2 if body[at] == 0x5C else 1
    return body[: at + 1]
