"""Controlled English to one rule of a model, without any language model.

The sentence is parsed in every way the grammar allows (grammars/english.lark), each parse is read
for every table in every way its words allow, and what does not type-check is dropped. One cheapest
rule has to be left: none is an error that says what is missing, several are one that lists them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput
from lark.lexer import PatternRE, TerminalDef
from lark.visitors import CollapseAmbiguities

from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.typing import check
from synthtab.lang.format import format_rule
from synthtab.lang.lexicon import KINDS, Lexicon, pattern
from synthtab.lang.model import Model
from synthtab.lang.readtables import RuleReader
from synthtab.lang.readterms import Choices, Misfit, World
from synthtab.lang.resources import grammar_text
from synthtab.lang.unreadable import (
    clean,
    refuse_judgements,
    refuse_unreadable,
    where_it_stops,
    words_in,
)

# More readings than these are not looked at: a sentence that has so many is no clear one.
MAX_TREES, MAX_SCRIPTS = 400, 64


class NotUnderstoodError(UsageError):
    """A sentence that states no rule, or not one; ``readings`` are the rules it could state."""

    def __init__(self, message: str, readings: Sequence[Reading] = ()) -> None:
        self.readings = tuple(readings)
        super().__init__(message)


@dataclass(frozen=True)
class Reading:
    """A rule that a sentence states, and the table it belongs to."""

    table: str
    rule: nodes.Rule


def read_english(sentence: str, model: Model, table: str | None = None) -> Reading:
    """Return the rule a sentence states, named after it and with it as its description.

    ``table`` limits the rule to that table. Raises NotUnderstoodError where the sentence states no
    rule of this model, or more than one.
    """
    said = clean(sentence)
    homes = [model.table(table)] if table is not None else list(model.tables)
    reader = _reader(model.tables, model.constants)
    refuse_unreadable(said, reader.lexicon, reader.words, NotUnderstoodError)
    readings, misfits = reader.readings(said, homes)
    if not readings:
        raise NotUnderstoodError(_why_not(misfits))
    if len(readings) > 1:
        raise NotUnderstoodError(_ambiguous(readings, len(homes)), readings)
    found = readings[0]
    home = model.table(found.table)
    rule = replace(found.rule, name=rule_name(said, home), description=said)
    return Reading(found.table, rule)


def rule_name(sentence: str, table: nodes.Table) -> str:
    """Return a name for the rule of a sentence: its main words, one no rule of the table has."""
    plain = re.sub(r"['\"]", "", sentence.lower())
    words = [w for w in re.findall(r"[^\W_]+", plain) if w not in _SMALL]
    name = ""
    for word in words:
        if name and len(name) + len(word) >= MAX_NAME:
            break
        name = f"{name}_{word}" if name else word
    if not name or not name[0].isalpha():
        name = f"rule_{name}".rstrip("_")
    taken = {r.name for r in table.rules}
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique


MAX_NAME = 40
_SMALL = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "to",
        "be",
        "is",
        "are",
        "was",
        "were",
        "must",
        "should",
        "shall",
        "may",
        "can",
        "has",
        "have",
        "had",
        "do",
        "does",
        "it",
        "its",
        "they",
        "their",
        "that",
        "which",
        "who",
        "and",
        "or",
        "than",
        "in",
        "for",
        "with",
        "any",
        "all",
        "there",
        "as",
        "s",
        "each",
        "every",
    ]
)


class _English:
    """A grammar with the words of one model, and what it makes of sentences."""

    def __init__(self, tables: Sequence[nodes.Table], constants: Sequence[nodes.Constant]) -> None:
        self.lexicon = Lexicon(tables, constants)
        self._world = World(
            {t.name: t for t in tables}, {c.name: c for c in constants}, self.lexicon
        )
        own = "\n".join(f"{kind}: /{pattern(self.lexicon.phrases(kind))}/" for kind in KINDS)
        self._lark = Lark(
            f"{grammar_text('english.lark')}\n{own}\n",
            parser="earley",
            lexer="dynamic",
            ambiguity="explicit",
            maybe_placeholders=False,
            g_regex_flags=re.IGNORECASE,
            edit_terminals=_whole_words,
        )
        self.words = frozenset(
            w
            for t in self._lark.terminals
            if t.name not in KINDS
            for w in re.findall(r"[a-z]{1,}", re.sub(r"\\.|\(\?\w", " ", _source(t)).lower())
        ) | _optional_forms(self._lark.terminals)

    def readings(
        self, said: str, homes: Sequence[nodes.Table]
    ) -> tuple[list[Reading], list[Misfit]]:
        """Return the cheapest rules a sentence can state, and why other readings are none."""
        try:
            forest = self._lark.parse(said)
        except UnexpectedInput as error:
            refuse_judgements(
                words_in(re.sub(r"\bat (?:most|least)\b", "", said)),
                self.lexicon.words(),
                NotUnderstoodError,
            )
            raise NotUnderstoodError(where_it_stops(said, error)) from None
        misfits: list[Misfit] = []
        found: dict[tuple[str, nodes.Rule], int] = {}
        for tree in _trees(forest):
            for home in homes:
                for rule, cost in self._each(tree, home, misfits):
                    key = (home.name, rule)
                    found[key] = min(cost, found.get(key, cost))
        least = min(found.values(), default=0)
        return [Reading(*key) for key, cost in found.items() if cost == least], misfits

    def _each(
        self, tree: Tree[Token], home: nodes.Table, misfits: list[Misfit]
    ) -> Iterator[tuple[nodes.Rule, int]]:
        choices: Choices | None = Choices()
        for _ in range(MAX_SCRIPTS):
            if choices is None:
                return
            reader = RuleReader(self._world, home, choices)
            try:
                rule = reader.rule(tree)
                self._check(rule, home)
            except Misfit as misfit:
                misfits.append(misfit)
            else:
                yield rule, choices.cost
            choices = choices.following()

    def _check(self, rule: nodes.Rule, home: nodes.Table) -> None:
        """Raise Misfit where a rule has an error in the model."""
        tables = []
        for table in self._world.tables.values():
            kept = tuple(
                r for r in table.rules if isinstance(r, nodes.UniqueRule | nodes.ReferenceRule)
            )
            more = (replace(rule, name="\x00new"),) if table.name == home.name else ()
            tables.append(replace(table, rules=(*kept, *more)))
        for finding in check(tables, None, tuple(self._world.constants.values())):
            if finding.severity == "error":
                raise Misfit(finding.message, 3)


@lru_cache(maxsize=8)
def _reader(tables: tuple[nodes.Table, ...], constants: tuple[nodes.Constant, ...]) -> _English:
    return _English(tables, constants)


def _trees(forest: Tree[Token]) -> list[Tree[Token]]:
    """Return every parse, without repetition: the part below `start`."""
    trees = CollapseAmbiguities().transform(forest)
    found: dict[Tree[Token], None] = {}
    for tree in trees[:MAX_TREES]:
        body = tree.children[0] if tree.data == "start" else tree
        found[body] = None
    return list(found)


def _source(terminal: TerminalDef) -> str:
    return str(terminal.pattern.value)


def _optional_forms(terminals: Collection[TerminalDef]) -> frozenset[str]:
    """Return words spelled with an optional ending in the grammar: `exceeds?` is two words."""
    out = set()
    for terminal in terminals:
        for word, last in re.findall(r"([a-z]+)([a-z])\?", _source(terminal).lower()):
            out |= {word, word + last}
        for word, ending in re.findall(r"([a-z]+)\(\?:([a-z]+)\)\?", _source(terminal).lower()):
            out |= {word, word + ending}
    return frozenset(out)


def _whole_words(terminal: TerminalDef) -> None:
    """Let a terminal match whole words only, with any blanks between them."""
    if terminal.name in ("WS",) or terminal.name.startswith("__IGNORE"):
        return
    text = terminal.pattern.to_regexp()
    if terminal.name in KINDS or re.search(r"[a-z]", text):
        body = re.sub(r"(?<!\[) (?!\?)", r"\\s+", text) if terminal.name not in KINDS else text
        terminal.pattern = PatternRE(rf"(?:(?<!\w)|(?=\W))(?:{body})(?:(?![\w-])|(?<=\W))", ("i",))


def _why_not(misfits: Sequence[Misfit]) -> str:
    if not misfits:
        return "the sentence states no rule that this model has words for"
    best = max(m.weight for m in misfits)
    reasons = dict.fromkeys(m.reason for m in misfits if m.weight == best)
    return "not understood: " + "; or ".join(list(reasons)[:2])


def _ambiguous(readings: Sequence[Reading], homes: int) -> str:
    lines = [f"  {r.table}: {format_rule(replace(r.rule, name='it'))}" for r in readings]
    tables = {r.table for r in readings}
    way = (
        "name the table, in the sentence or with --table"
        if len(tables) == len(readings) and homes > 1
        else "say it more exactly, naming columns as the rules file does"
    )
    return "\n".join([f"the sentence can mean {len(readings)} rules:", *lines, f"help: {way}"])
