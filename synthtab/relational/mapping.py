"""Functional dependencies while rows are written: who determines a value has it looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.ir import nodes
from synthtab.relational.structure import NEARLY, Home
from synthtab.schema import TextType

Key = tuple[int | str | None, ...]


@dataclass(frozen=True)
class Dependency:
    """``determinants`` have one set of ``dependents``; ``seen`` says which, in the rows learned."""

    determinants: tuple[str, ...]
    dependents: tuple[str, ...]
    texts: frozenset[str]
    seen: dict[Key, Key]


def dependencies(home: Home, batch: Batch, made: frozenset[str]) -> tuple[Dependency, ...]:
    """Return a table's dependencies between columns that are written, with what rows hold."""
    fixed = home.placed | made
    texts = frozenset(c.name for c in home.table.columns if isinstance(c.type, TextType))
    found = []
    for rule in home.table.rules:
        if isinstance(rule, nodes.DeterminesRule) and (rule.share is None or rule.share >= NEARLY):
            dependents = tuple(c for c in rule.dependents if c not in fixed)
            if dependents and not made & set(rule.determinants):
                keys = _values(batch, rule.determinants, texts)
                values = _values(batch, dependents, texts)
                seen: dict[Key, Key] = {}
                for key, value in zip(keys, values, strict=True):
                    if None not in key:
                        seen.setdefault(key, value)
                found.append(Dependency(rule.determinants, dependents, texts, seen))
    return tuple(found)


class Memory:
    """What one run has given each determinant: what was seen, and then what was written first."""

    def __init__(self, dependency: Dependency) -> None:
        self._what = dependency
        self._seen = dict(dependency.seen)

    def settle(self, batch: Batch) -> dict[str, tuple[Codes, Mask, NDArray[np.object_]]]:
        """Return the cells the dependents of each row of a batch have to hold.

        Codes of text index the array that comes with them. A determinant met for the first time
        keeps what its row holds.
        """
        what = self._what
        keys = _values(batch, what.determinants, what.texts)
        own = _values(batch, what.dependents, what.texts)
        settled = [
            value if None in key else self._seen.setdefault(key, value)
            for key, value in zip(keys, own, strict=True)
        ]
        out = {}
        for at, column in enumerate(what.dependents):
            values = [s[at] for s in settled]
            nulls = np.array([v is None for v in values], dtype=bool)
            if column in what.texts:
                strings = np.array([v or "" for v in values] + [None], dtype=object)[:-1]
                out[column] = np.arange(len(values)), nulls, strings
            else:
                codes = np.array([v or 0 for v in values], dtype=np.int64)
                out[column] = codes, nulls, np.empty(0, dtype=object)
        return out


def _values(batch: Batch, columns: Sequence[str], texts: frozenset[str]) -> list[Key]:
    """Return the rows' values as tuples: codes, strings for text, None for NULL."""
    parts: list[list[int | str | None]] = []
    for column in columns:
        codes, nulls = batch.column(column)
        plain = batch.pool[codes] if column in texts and len(batch.pool) else codes
        values = plain.tolist()
        parts.append([None if n else v for v, n in zip(values, nulls.tolist(), strict=True)])
    return list(zip(*parts, strict=True))
