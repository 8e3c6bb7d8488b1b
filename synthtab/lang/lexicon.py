"""The words a model brings to English: what its tables, columns, values and constants are called.

A column named ``hire_date`` is "hire date", "date of hire", and for what happens then, "hired". A
phrase may have several senses, each with a cost; the reader keeps to the cheapest that fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from synthtab.ir import nodes
from synthtab.lang.inflect import plurals, verb_forms
from synthtab.schema import BooleanType, Column, DatetimeType, DateType, EnumType, IntegerType

Kind = Literal["TABLE", "COLUMN", "EVENT", "FLAG", "VALUE", "CONST"]
KINDS: tuple[Kind, ...] = ("TABLE", "COLUMN", "EVENT", "FLAG", "VALUE", "CONST")
# What a phrase costs: the name itself, without its last small word, a part of it, another word.
NAME, SHORT, PART, SYNONYM = 0, 1, 2, 3
_TIME_WORDS = frozenset({"date", "on", "at", "day", "time", "datetime"})
_TAILS = frozenset({"id", "no", "on", "at", "date", "time", "by", "kg", "cm", "num", "fk", "nr"})
# A last word that says too little to stand for a whole name.
_BARE = frozenset({"id", "on", "at", "by", "to", "no", "of", "day", "date", "time"})
_FUNCTION_WORDS = frozenset(
    ["an", "as", "at", "by", "in", "is", "it", "no", "of", "on", "or", "the", "to"]
)
_SYNONYMS = {
    "salary": ("earn", "earns", "earning", "earnings", "pay", "wage"),
    "birth date": ("birthday", "date of birth"),
    "sex": ("gender",),
    "education num": ("years of education", "years of schooling"),
    "reports to": ("manager", "boss", "supervisor"),
    "manager": ("boss",),
    "weight kg": ("weigh", "weighs"),
    "return": ("bring back",),
}


@dataclass(frozen=True)
class Sense:
    """One thing a phrase can mean: a table, a column, a value of an enum, or a constant.

    ``column`` is that of a COLUMN, EVENT, FLAG or VALUE; ``value`` is that of a VALUE, and the name
    of a CONST.
    """

    kind: Kind
    table: str
    column: str = ""
    value: str = ""
    cost: int = NAME


class Lexicon:
    """All phrases of a model."""

    def __init__(
        self, tables: Sequence[nodes.Table], constants: Sequence[nodes.Constant] = ()
    ) -> None:
        self._senses: dict[tuple[Kind, str], dict[Sense, None]] = {}
        for table in tables:
            for phrase in _with_plurals(words_of(table.name)):
                self._add(phrase, Sense("TABLE", table.name))
            last = words_of(table.name)[-1:]
            for phrase in _with_plurals(last):
                self._add(phrase, Sense("TABLE", table.name, cost=PART))
            for column in table.columns:
                self._add_column(table, column)
        for constant in constants:
            self._add(" ".join(words_of(constant.name)), Sense("CONST", "", "", constant.name))

    def senses(self, kind: Kind, phrase: str) -> list[Sense]:
        """Return what a phrase can mean, cheapest first."""
        return sorted(self._senses.get((kind, normal(phrase)), ()), key=lambda s: s.cost)

    def phrases(self, kind: Kind) -> list[str]:
        """Return all phrases of a kind, longest first."""
        return sorted({p for k, p in self._senses if k == kind}, key=lambda p: (-len(p), p))

    def names(self) -> list[str]:
        """Return what tables, columns and values are called, as whole names."""
        kinds = ("TABLE", "COLUMN", "VALUE", "CONST")
        named = (k for k, senses in self._senses.items() if any(s.cost == NAME for s in senses))
        return sorted({phrase for kind, phrase in named if kind in kinds})

    def words(self) -> set[str]:
        """Return every single word of all phrases."""
        return {w for _, phrase in self._senses for w in re.findall(r"\w+", phrase)}

    def _add(self, phrase: str, sense: Sense) -> None:
        if phrase:
            self._senses.setdefault((sense.kind, normal(phrase)), {})[sense] = None

    def _add_column(self, table: nodes.Table, column: Column) -> None:
        for phrase, cost in _column_phrases(column.name, words_of(table.name)):
            self._add(phrase, Sense("COLUMN", table.name, column.name, cost=cost))
        match column.type:
            case DateType() | DatetimeType():
                for phrase, cost in _event_phrases(column.name):
                    self._add(phrase, Sense("EVENT", table.name, column.name, cost=cost))
            case BooleanType() | IntegerType() if _is_flag(column):
                for phrase in {" ".join(words_of(column.name)), *words_of(column.name)[-1:]}:
                    self._add(phrase, Sense("FLAG", table.name, column.name))
            case EnumType(values):
                for value in values:
                    for phrase in _value_phrases(value):
                        self._add(phrase, Sense("VALUE", table.name, column.name, value))


def _is_flag(column: Column) -> bool:
    """Say whether a column is true or false, or 1 or 0."""
    return isinstance(column.type, BooleanType) or (column.lo, column.hi) == (0, 1)


def words_of(name: str) -> list[str]:
    """Split a name into its words, in small letters: ``hire_date`` and ``HireDate`` alike."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [w.lower() for w in re.split(r"[\W_]+", spaced) if w]


def normal(phrase: str) -> str:
    """Return a phrase as the lexicon keeps it: small letters, one blank between words."""
    return re.sub(r"[\s_]+", " ", phrase.strip().lower())


def _with_plurals(words: Sequence[str]) -> list[str]:
    """Return a phrase with its last word, or the one before "of", in both numbers."""
    if not words:
        return []
    at = words.index("of") - 1 if "of" in words[1:] else len(words) - 1
    return [" ".join([*words[:at], form, *words[at + 1 :]]) for form in plurals(words[at])]


def _column_phrases(name: str, table: Sequence[str]) -> Iterator[tuple[str, int]]:
    words = words_of(name)
    yield " ".join(words), NAME
    yield normal(name), NAME
    wholes = [words]
    if len(words) > 1 and words[-1] in _TAILS:
        wholes.append(words[:-1])
    if len(words) > 1 and words[-1] in _TIME_WORDS:
        wholes += [["date", "of", *words[:-1]], [*words[:-1], "date"]]
    for whole in wholes:
        for phrase in _with_plurals(whole):
            yield phrase, NAME if whole == words else SHORT
        for said in _SYNONYMS.get(" ".join(whole), ()):
            yield said, SYNONYM
    stem = [w for w in words if w not in _TIME_WORDS]
    if len(stem) == 1 and len(words) == 2 and words[-1] in _TIME_WORDS:
        for form in verb_forms(stem[0]):
            yield f"{form} date", PART
            yield f"date of {form}", PART
    # Without the table's own name, and the head alone: "hours" for weekly_hours.
    if len(words) > len(table) and words[: len(table)] == list(table):
        for phrase in _with_plurals(words[len(table) :]):
            yield phrase, PART
    for head in [words[-1:]] if len(words) > 1 and words[-1] not in _TAILS | _BARE else []:
        for phrase in _with_plurals(head):
            yield phrase, PART


def _event_phrases(name: str) -> Iterator[tuple[str, int]]:
    stem = [w for w in words_of(name) if w not in _TIME_WORDS]
    if len(stem) == 1:
        for form in verb_forms(stem[0]):
            yield form, NAME


def _value_phrases(value: str) -> list[str]:
    """Return how a value of an enum may be said without quotes: only what begins like a word."""
    if len(value) < 2 or not value[0].isalpha():
        return []
    words = value.lower().split()
    said = {" ".join(words), *_with_plurals(words)}
    spaced = re.split(r"[\s_-]+", value.lower())
    said |= set(_with_plurals([w for w in spaced if w]))
    return sorted(p for p in said if len(p) > 1 and p not in _FUNCTION_WORDS)


def pattern(phrases: Sequence[str]) -> str:
    """Return a regular expression for phrases, with any blanks between their words."""
    if not phrases:
        return r"\x00nothing"  # no sentence has that
    return "|".join(r"\s+".join(map(_escape, p.split(" "))) for p in phrases)


def _escape(word: str) -> str:
    return re.escape(word).replace("/", r"\/")
