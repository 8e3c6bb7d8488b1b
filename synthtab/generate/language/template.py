"""A row as JSON: what is written anyway, and where the model's own tokens begin and end.

A row is ``{"age": 39, "sex": "Male"}`` and a line's end, its columns in the Plan's order. Keys and
punctuation are forced: they are put in as whole texts, not drawn. A tokenizer would often break
elsewhere than between the two: `` 39`` and `` "`` are tokens, and so is ``",``. So forced text
ends where the tokenizer breaks before values of the column, what is left of it begins the value,
and the token that ends a value may hold some of the forced text behind. Training uses the same
tokens as decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synthtab.batch import Batch, Mask
from synthtab.errors import DataError
from synthtab.generate.language.slots import Slot
from synthtab.generate.language.spelling import NULL, json_string, quoted, spell, spelled
from synthtab.generate.language.vocabulary import Ids, Vocabulary
from synthtab.generate.texts import texts_of
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    TextType,
)

LONGEST_TEXT = 200
"""More characters are not written of a text."""
_SAMPLES = 48
"""So many values of a column are looked at to see where the tokenizer breaks."""
_OPENING = 4
"""A value's tokens begin at most so many bytes before it."""
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
_END = "}\n"
_ROOM = 6
"""A row written all at once may take so many times the tokens that it has at least."""

RowTokens = tuple[Ids, tuple[bool, ...]]


@dataclass(frozen=True)
class Template:
    """The slots of a row in the order they are written, and the tokens before the first value."""

    vocabulary: Vocabulary
    slots: tuple[Slot, ...]
    first: Ids

    @classmethod
    def of(
        cls,
        vocabulary: Vocabulary,
        columns: Sequence[Column],
        order: Sequence[str],
        domains: Mapping[str, tuple[int, int]],
        batch: Batch | None = None,
    ) -> Template:
        """Lay out a row of ``columns`` in ``order``.

        ``domains`` gives the least and greatest code of every column that is not text. Texts take
        their characters and length from the batch; without one they are printable ASCII, and what
        their pattern has. Raises DataError where a domain is empty, UsageError where the
        vocabulary cannot spell what is needed.
        """
        by_name = {c.name: c for c in columns}
        return cls.made_of(
            vocabulary, [_bare(by_name[name], domains, batch, vocabulary) for name in order]
        )

    @classmethod
    def made_of(cls, vocabulary: Vocabulary, bare: Sequence[Slot]) -> Template:
        """Put forced text around slots that know what their values may be."""
        forced = [
            ("{" if k == 0 else ", ") + f"{json_string(slot.column.name)}: "
            for k, slot in enumerate(bare)
        ]
        vocabulary.require("".join(forced) + _END, "the names of the columns")
        quotes = ['"' if slot.quote_is_open else "" for slot in bare]
        heads = [text + quote for text, quote in zip(forced, quotes, strict=True)]
        cuts = [
            _cut(vocabulary, head, slot, tail)
            for head, slot, tail in zip(heads, bare, [*forced[1:], _END], strict=True)
        ]
        slots = []
        for k, (slot, head, cut) in enumerate(zip(bare, heads, cuts, strict=True)):
            follows = heads[k + 1].encode()[: cuts[k + 1]] if k + 1 < len(heads) else _END.encode()
            after = slot.closing + follows
            example = _example(slot)
            # The bytes that are still to come are tokenised behind those that are written.
            written = head + example
            slots.append(
                Slot(
                    slot.column,
                    slot.lo,
                    slot.hi,
                    slot.alphabet,
                    slot.length,
                    head.encode()[:cut],
                    head.encode()[cut:],
                    after,
                    tuple(_rest(vocabulary, written, after, r) for r in range(len(after) + 1)),
                )
            )
        return cls(vocabulary, tuple(slots), vocabulary.encoded_after("\n", slots[0].before))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns in the order they are written."""
        return tuple(slot.column.name for slot in self.slots)

    @cached_property
    def least_tokens(self) -> int:
        """How many tokens a row has at least, forced text included."""
        return len(self.first) + sum(1 + len(s.forced[-1]) for s in self.slots)

    @cached_property
    def room(self) -> int:
        """How many tokens a row is given that is written all at once, as a model likes."""
        return _ROOM * self.least_tokens + sum(slot.length for slot in self.slots)

    def texts(self, batch: Batch) -> list[str]:
        """Return each row of a batch as it is written, without the line's end."""
        parts = [self._values(slot, batch) for slot in self.slots]
        names = [json_string(name) for name in self.columns]
        return [
            "{" + ", ".join(f"{n}: {v}" for n, v in zip(names, row, strict=True)) + "}"
            for row in zip(*parts, strict=True)
        ]

    def writes(self, batch: Batch) -> Mask:
        """Say which rows of a batch (rows,) can be written as they are."""
        good = np.ones(len(batch), dtype=bool)
        for slot in self.slots:
            codes, nulls = batch.column(slot.column.name)
            if isinstance(slot.column.type, TextType):
                used = np.unique(codes[~nulls])
                whole = [str(text) == fit(slot, str(text)) for text in batch.pool[used]]
                within = np.isin(codes, used[np.array(whole, dtype=bool)])
            else:
                within = (codes >= slot.lo) & (codes <= slot.hi)
            good &= np.where(nulls, slot.column.optional, within)
        return good

    def row_tokens(self, batch: Batch) -> list[RowTokens]:
        """Return the tokens of each row, and which of them are a value's (drawn, not forced).

        They are the tokens that decoding would put in. Texts are cut, and lose characters, where
        they have more than the template can write. Raises DataError for a cell that is NULL in a
        column that is not optional, or outside its domain.
        """
        pieces: list[list[tuple[Ids, Ids]]] = []
        for slot in self.slots:
            values = self._values(slot, batch)
            known = {text: self.value_tokens(slot, text) for text in set(values)}
            pieces.append([known[text] for text in values])
        out = []
        for row in zip(*pieces, strict=True):
            ids, drawn = list(self.first), [False] * len(self.first)
            for own, forced in row:
                ids += [*own, *forced]
                drawn += [True] * len(own) + [False] * len(forced)
            out.append((tuple(ids), tuple(drawn)))
        return out

    def value_tokens(self, slot: Slot, text: str) -> tuple[Ids, Ids]:
        """Return the tokens that write a value's JSON text, and the forced ones behind them."""
        inner = text[1:-1] if text != NULL and quoted(slot.column) else text
        body = text[1:] if slot.quote_is_open else text
        # What follows begins with the quote that a string has already, and NULL has none of.
        follows = slot.after if inner is not text else slot.after[len(slot.closing) :]
        if inner is not text:
            body = body[:-1]
        whole = slot.opening + body.encode() + follows
        found = self.vocabulary.edges(slot.before.decode() + whole.decode("utf-8"))
        if found is not None and len(slot.before) in (0, *found[1]):
            ids, ends = found
            edges = [e - len(slot.before) for e in ends]
            start = 0 if not slot.before else ends.index(len(slot.before)) + 1
            value = len(whole) - len(follows)
            stop = next(k for k, e in enumerate(edges) if e > value)
            return tuple(ids[start : stop + 1]), slot.forced[len(whole) - edges[stop]]
        own = self.vocabulary.spell_out(slot.opening + body.encode() + follows[:1])
        return own, slot.forced[len(follows) - 1]

    def _values(self, slot: Slot, batch: Batch) -> list[str]:
        """Return the JSON text of each cell of a column."""
        codes, nulls = batch.column(slot.column.name)
        if nulls.any() and not slot.column.optional:
            raise DataError(
                f"column {slot.column.name!r} is not optional, but row {int(nulls.argmax())} is "
                "null"
            )
        if isinstance(slot.column.type, TextType):
            fitted = {
                code: fit(slot, str(batch.pool[code])) for code in np.unique(codes[~nulls]).tolist()
            }
            return [
                NULL if null else json_string(fitted[code])
                for code, null in zip(codes.tolist(), nulls.tolist(), strict=True)
            ]
        outside = ~nulls & ((codes < slot.lo) | (codes > slot.hi))
        if outside.any():
            row = int(outside.argmax())
            raise DataError(
                f"column {slot.column.name!r}: {spell(slot.column, int(codes[row]))} in row {row} "
                f"lies outside {spell(slot.column, slot.lo)} .. {spell(slot.column, slot.hi)}, the "
                "range the generator is made for"
            )
        return _with_nulls(spelled(slot.column, np.where(nulls, slot.lo, codes)), nulls)


def fit(slot: Slot, text: str) -> str:
    """Return as much of a text as a slot can write."""
    known = set(slot.alphabet)
    return "".join(c for c in text if c in known)[: slot.length]


def _with_nulls(texts: Iterable[str], nulls: Mask) -> list[str]:
    return [NULL if null else text for text, null in zip(texts, nulls.tolist(), strict=True)]


def bare_slot(
    column: Column, lo: int = 0, hi: int = 0, alphabet: Sequence[str] = (), length: int = 0
) -> Slot:
    """Return a slot that knows what its values may be, and not what stands around them."""
    return Slot(column, lo, hi, tuple(alphabet), length, b"", b"", b"", ())


def _bare(
    column: Column,
    domains: Mapping[str, tuple[int, int]],
    batch: Batch | None,
    vocabulary: Vocabulary,
) -> Slot:
    if column.optional:
        vocabulary.require(NULL, f"column {column.name!r}")
    if isinstance(column.type, TextType):
        alphabet, length = _characters(column.type, column, batch, vocabulary)
        return bare_slot(column, 0, 0, alphabet, length)
    lo, hi = domains[column.name]
    if lo > hi:
        raise DataError(f"column {column.name!r} can hold no value: {lo} .. {hi} is empty")
    vocabulary.require(_letters(column, lo, hi), f"column {column.name!r}")
    return bare_slot(column, lo, hi)


def _letters(column: Column, lo: int, hi: int) -> str:
    """Return the characters that a column which is no text is written in."""
    digits = "0123456789" + ("-" if lo < 0 else "")
    match column.type:
        case EnumType() | BooleanType():
            return "".join(spell(column, code) for code in range(lo, hi + 1))
        case DecimalType():
            return digits + "."
        case DateType():
            return digits + '-"'
        case DatetimeType():
            return digits + '-:T"'
        case _:
            return digits


def _characters(
    kind: TextType, column: Column, batch: Batch | None, vocabulary: Vocabulary
) -> tuple[tuple[str, ...], int]:
    """Return the characters a text column is written in, and how many there may be."""
    seen: Sequence[str] = ()
    if batch is not None:
        codes, nulls = batch.column(column.name)
        seen = [str(text) for text in batch.pool[np.unique(codes[~nulls])]]
    # Names that lost a letter would be learned, and shown, as if they were real.
    used = {c for text in seen for c in text if _is_plain(c)}
    vocabulary.require("".join(sorted(used)), f"a text of column {column.name!r}")
    chosen = texts_of(kind, seen or [_PRINTABLE])
    usable = [c for c in chosen.alphabet if _is_plain(c) and vocabulary.can_spell(c)]
    if not usable:
        vocabulary.require("".join(chosen.alphabet) or "a", f"column {column.name!r}")
    length = max(map(len, seen), default=LONGEST_TEXT)
    least = chosen.length if kind.pattern is not None else 1
    return tuple(usable), max(least, min(kind.max_length, length, LONGEST_TEXT))


def _is_plain(character: str) -> bool:
    r"""Say whether JSON writes a character as it is, or by one letter behind a backslash."""
    return len(json_string(character)) <= 4 and not "\ud800" <= character <= "\udfff"


def _rest(vocabulary: Vocabulary, written: str, after: bytes, rest: int) -> Ids:
    """Return the tokens of the last ``rest`` bytes of a forced text."""
    cut = len(after) - rest
    try:
        context = written + after[:cut].decode()
    except UnicodeDecodeError:
        context = written
    return vocabulary.encoded_after(context, after[cut:])


def _example(slot: Slot) -> str:
    """Return a value as it stands in a row, without the quotes."""
    return next(iter(_samples(slot)), "")


def _samples(slot: Slot) -> Iterator[str]:
    """Yield values as they stand in a row behind its forced text, without the closing quote."""
    cut = slice(1, -1) if slot.quote_is_open else slice(0, -1 if quoted(slot.column) else None)
    if isinstance(slot.column.type, TextType):
        for character in slot.alphabet[:: max(1, len(slot.alphabet) // _SAMPLES)]:
            yield json_string(character * 2)[cut]
    else:
        span, parts = slot.hi - slot.lo, _SAMPLES - 1
        for code in sorted({slot.lo + span * k // parts for k in range(parts + 1)}):
            yield spell(slot.column, code)[cut]
    if slot.column.optional:
        yield NULL


def _cut(vocabulary: Vocabulary, head: str, slot: Slot, tail: str) -> int:
    """Return how many bytes of a forced text are sure to end where the tokenizer breaks."""
    common: set[int] | None = None
    size = len(head.encode())
    for sample in _samples(slot):
        close = '"' if quoted(slot.column) and sample != NULL else ""
        found = vocabulary.edges(head + sample + close + tail)
        if found is None:
            return size
        edges = {e for e in found[1] if max(1, size - _OPENING) <= e <= size}
        common = edges if common is None else common & edges
    return max(common or {size})
