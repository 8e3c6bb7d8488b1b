"""What is known of every symbol of a table before a row is learned: schema and statistics, as data.

A network made for one table knows its symbols by number. One that reads many tables has to be told
what a symbol is: the words of its column's name and of its own label, the type, which place of the
value it stands at, where in the order of its place, how often rows have it. All that is here is
numbers and hashed words; what they mean to the network is learned (encoder.py).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from synthtab.generate.places import Calendar, Choice, Symbols
from synthtab.generate.texts import Texts
from synthtab.generate.tokenizer import ColumnLayout, Layout
from synthtab.schema import (
    BooleanType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

BUCKETS = 4096
"""Words and their parts are hashed into so many places; 0 is left for no word."""
SMOOTHING = 0.5
"""Rows counted for a symbol that no row has, so that it stays possible."""

_TYPES = (IntegerType, DecimalType, DateType, DatetimeType, BooleanType, EnumType, TextType)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_WAVES = (1.0, 2.0, 4.0)

Facts = NDArray[np.float32]
Words = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Hashed words of many things: all of them in a row, and where those of each thing begin."""

SYMBOL_FACTS = 9 + 4 * len(_WAVES)
PLACE_FACTS = len(_TYPES) + 12


@dataclass(frozen=True)
class Described:
    """A layout in numbers. V tokens (the one before every row left out), P positions, C columns.

    ``names`` has the words of columns (C), ``labels`` those of tokens (V). ``symbols``
    (V, SYMBOL_FACTS) and ``places`` (P, PLACE_FACTS) are the rest, the first fact of a symbol being
    the logarithm of its frequency; ``position`` (V,) is each token's, ``column`` (P,) each
    position's.
    """

    names: Words
    labels: Words
    symbols: Facts
    places: Facts
    position: NDArray[np.int64]
    column: NDArray[np.int64]


def describe(layout: Layout, rows: Symbols) -> Described:
    """Describe a layout, with the statistics of rows of its symbols (rows, positions).

    Without rows every symbol counts as equally frequent.
    """
    counts = np.full(layout.vocabulary, SMOOTHING)
    tokens = rows + layout.starts[:-1]
    counts += np.bincount(tokens.reshape(-1), minlength=layout.vocabulary)
    symbols, places, labels = [], [], []
    for column in layout.columns:
        for place in range(len(column.sizes)):
            start = layout.starts[column.first + place]
            share = counts[start : start + column.sizes[place]]
            share = share / share.sum()
            symbols.append(_symbol_facts(column, place, share))
            places.append(_place_facts(column, place, share))
            labels.extend(_labels(column, place))
    sizes = np.array(layout.sizes)
    return Described(
        names=_words(name_words(c.column.name) for c in layout.columns),
        labels=_words(labels),
        symbols=np.concatenate(symbols).astype(np.float32),
        places=np.stack(places).astype(np.float32),
        position=np.repeat(np.arange(len(sizes)), sizes),
        column=np.array(layout.column_at, dtype=np.int64),
    )


def _symbol_facts(column: ColumnLayout, place: int, share: NDArray[np.float64]) -> Facts:
    """Return the facts (symbols, facts) of one place; ``share`` says how frequent each is."""
    size, plain = len(share), _plain(column, place)
    number = np.arange(size)
    at, real = number / max(plain - 1, 1), number < plain
    null = (number == column.null) & (place == 0)
    among = np.where(real, share, 0.0)
    among = among / max(among.sum(), 1e-12)
    rank = np.cumsum(among) - among / 2
    value = np.zeros(size)
    if place == 0 and not isinstance(column.places, Texts | Calendar):
        low, high = column.places.bounds(0, np.zeros((1, 0), np.int64))
        middle = (low[0] / 2.0 + high[0] / 2.0) / _unit(column)
        value[:plain] = np.sign(middle) * np.log1p(np.abs(middle)) / 8
    facts = [
        np.log(share) / 4,
        np.log(share * size) / 4,
        np.where(real, at, 0.0),
        np.where(real, rank, 0.0),
        np.where(real, value, 0.0),
        null,
        ~real & ~null,
        number == 0,
        number == plain - 1,
    ]
    for wave in _WAVES:
        for of in (at, rank):
            facts += [
                np.where(real, np.sin(np.pi * wave * of), 0.0),
                np.where(real, np.cos(np.pi * wave * of), 0.0),
            ]
    return np.stack(facts, axis=1).astype(np.float32)


def _place_facts(column: ColumnLayout, place: int, share: NDArray[np.float64]) -> Facts:
    """Return the facts (facts,) of a place: its type, its part of the value, its statistics."""
    size, places = len(share), len(column.sizes)
    entropy = float(-(share * np.log(share)).sum())
    special = float(share[_plain(column, place) :].sum())
    kind = column.places
    facts = [float(isinstance(column.column.type, t)) for t in _TYPES]
    facts += [
        float(column.column.optional),
        place / 4,
        (places - 1 - place) / 4,
        float(place == 0),
        np.log(size) / 4,
        entropy / 4,
        entropy / max(np.log(size), 1e-6),
        special,
        float(isinstance(kind, Choice)),
        float(isinstance(kind, Calendar)),
        float(isinstance(kind, Texts)),
        float(share.max()),
    ]
    return np.array(facts, dtype=np.float32)


def _plain(column: ColumnLayout, place: int) -> int:
    """Return how many symbols of a place are values, or parts of them: not NULL, end or padding."""
    kind = column.places
    return len(kind.alphabet) if isinstance(kind, Texts) else kind.sizes[place]


def _unit(column: ColumnLayout) -> float:
    """Return by what codes are divided to be the numbers they stand for."""
    return 10.0**column.column.type.scale if isinstance(column.column.type, DecimalType) else 1.0


def _labels(column: ColumnLayout, place: int) -> list[tuple[int, ...]]:
    """Return the words of each symbol of a place; none for those that are numbers."""
    size, kind, type_ = column.sizes[place], column.places, column.column.type
    words: list[tuple[int, ...]] = [()] * size
    if isinstance(kind, Texts):
        words[: len(kind.alphabet)] = [(hashed(f"char {c}"),) for c in kind.alphabet]
    elif isinstance(type_, EnumType):
        words[: kind.hi - kind.lo + 1] = [
            label_words(type_.values[code]) for code in range(kind.lo, kind.hi + 1)
        ]
    elif isinstance(type_, BooleanType):
        named = ("false", "true")[kind.lo : kind.hi + 1]
        words[: len(named)] = [label_words(w) for w in named]
    elif isinstance(kind, Calendar):
        part = len(column.sizes) - place
        words[:size] = [(hashed(f"part {part} {s}"),) for s in range(size)] if place else words
    return words


@lru_cache(maxsize=65_536)
def name_words(name: str) -> tuple[int, ...]:
    """Return the hashed words, and parts of words, of a column's name."""
    return _parts(_WORDS.findall(name))


@lru_cache(maxsize=65_536)
def label_words(label: str) -> tuple[int, ...]:
    """Return the hashed words, and parts of words, of a value's label."""
    return (hashed(f"= {label.lower()}"), *_parts(_WORDS.findall(label)[:6]))


def _parts(words: Sequence[str]) -> tuple[int, ...]:
    out: list[int] = []
    for word in words:
        framed = f"<{word.lower()}>"
        out.append(hashed(framed))
        out += [hashed(framed[k : k + 4]) for k in range(len(framed) - 3)]
    return tuple(out)


def hashed(text: str) -> int:
    """Return the bucket of a text, 1 to BUCKETS - 1: the same on every machine."""
    return 1 + zlib.crc32(text.encode()) % (BUCKETS - 1)


def _words(things: Iterable[Sequence[int]]) -> Words:
    """Return words in the form of an embedding bag; a thing without any has the bucket 0."""
    filled = [tuple(words) or (0,) for words in things]
    begins = np.cumsum([0, *map(len, filled)], dtype=np.int64)[:-1]
    return np.array([w for words in filled for w in words], dtype=np.int64), begins
