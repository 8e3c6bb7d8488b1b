"""Texts to try a parser with: words in any order, sentences of the grammar, shipped files changed.

Every source is a function of a random generator, so that a text is found again by its seed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from lark import Lark
from lark.grammar import NonTerminal, Rule, Symbol
from lark.lexer import PatternStr

from synthtab.lang.resources import grammar_text

ROOT = Path(__file__).parents[1]

_TEXT = """
table rule const unique key optional matching in integer decimal date datetime boolean enum text at
least determines no overlap forbid pair when then iff and or not between is null like case else end
true false count sum avg min max abs coalesce length previous increasing non_decreasing gap_free per
ordered by of via where distinct years days a b t u id x.y t.a 3 98% 0.5 2020-01-01 'x' "d" `q r`
/[a-z]/ { } ( ) : , .. -> . + - * / = != < <= > >= #
"""
WORDS = (*_TEXT.split(), "\n")
HEAD = """const c = 3
const late = 2020-05-01
table u { k integer key n decimal(8, 2) f boolean w datetime }
table t {
  id integer key
  a integer in 0 .. 9 -> t.id
  b date optional
  x text(3) matching /[a-z]*/
  e enum('x', 'y')
  d decimal(6, 2) in 0 .. 100 optional
  m datetime(minute)
  f boolean
  u_k integer optional -> u.k
"""

# Columns of HEAD mostly, those of which conditions are soon made more often.
_NAMES = (*"abdfx" * 2, "id", "e", "m", "u_k", "u", "t", "k", "n", "w", "c", "late", "sum", "zz")
# What a terminal that is given by a pattern may look like.
_SAMPLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "UNIQUE_OF": ("unique",),
        "KEY_OF": ("key",),
        "UNIT": ("years", "month", "days", "hour", "seconds", "weeks"),
        "END": ("end",),
        "AT_LEAST": ("at least",),
        "NO_OVERLAP": ("no overlap",),
        "FORBID_PAIR": ("forbid pair",),
        "PER": ("per",),
        "ORDERED_BY": ("ordered by",),
        "DISTINCT": ("distinct",),
        "OF": ("of",),
        "OF_FIRST": ("of",),
        "WHERE": ("where",),
        "WHERE_FIRST": ("where",),
        "NAMES_COMMA": (",",),
        "NAME": _NAMES,
        "COMPARE": ("<=",),
        "RESOLUTION": ("minute",),
        "END_NAME": ("c", "late", "a", "zz", "`q r`"),
        "QUOTED": ("`a`", "`id`", "`x`", "`f`", "`q r`", "`when`"),
        "STRING": ("'x'", "'y'", "''", "'it''s'", "'\\u{a}'", "'☃'"),
        "DESCRIPTION": ('"said"', '""'),
        "REGEX": ("/[a-z]/", "/(a|b)*c{2,3}/", "/./", "/\\//", "/(/", "/[^☃]?/"),
        "NUMBER": ("0", "1", "3", "12", "98%", "0.5", "1_000", "9223372036854775807"),
        "DATETIME": ("2020-01-01T10:00", "2020-02-29T23:59:59", "2019-02-29T00:00"),
        "DATE": ("2020-01-01", "2020-02-30", "0001-01-01", "9999-12-31"),
    }
)
_CALLED = """
count sum avg min max abs coalesce length previous increasing non_decreasing gap_free year month
weekday date a
"""
_FUNCTIONS = tuple(_CALLED.split())
_TOKEN = re.compile(
    r"'(?:[^'\n]|'')*'|\"(?:[^\"\n]|\"\")*\"|`(?:[^`\n]|``)+`|#[^\n]*|[\d.]+|\w+|\s+|[<>!=]=|->|."
)


def words_in_any_order(rng: random.Random) -> str:
    """Return words of the language in any order, as a file, a rule or items of a table."""
    words = " ".join(rng.choices(WORDS, k=rng.randint(0, 25)))
    return rng.choice((words, f"{HEAD}rule r: {words}\n}}", f"{HEAD}{words}\n}}"))


def any_characters(rng: random.Random) -> str:
    """Return characters of any kind, as a file or a rule."""
    ranges = (
        (32, 126),
        (32, 126),
        (9, 13),
        (0, 31),
        (128, 0x2FFF),
        (0xD800, 0xDFFF),
        (0xE000, 0x10FFFF),
    )
    some = (rng.randint(*rng.choice(ranges)) for _ in range(rng.randint(0, 60)))
    text = "".join(map(chr, some))
    return rng.choice((text, f"{HEAD}rule r: {text}\n}}", f"{HEAD}rule r: x = '{text}'\n}}"))


def sentence(rng: random.Random) -> str:
    """Return a text that the grammar allows: items of a table with columns, or a whole file."""
    if rng.random() < 0.2:
        return _derived(rng, "start", 14)
    items = "\n".join(
        f"  rule r{k}: {_derived(rng, 'body', rng.randint(10, 17))}"
        for k in range(rng.choice((1, 1, 1, 3)))
    )
    return f"{HEAD}{items}\n}}"


def shipped_changed(rng: random.Random) -> str:
    """Return a part of a shipped file with some of its words put elsewhere, left out or doubled."""
    text = rng.choice(_shipped())
    tables = re.split(r"(?m)^(?=table )", text)
    if len(tables) > 3 and rng.random() < 0.8:
        # Small files are judged faster; references to tables left out are one more mistake.
        start = rng.randrange(1, len(tables) - 1)
        tables = [tables[0], *tables[start : start + 2]]
    words = [w for t in tables for w in _TOKEN.findall(t)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(words))
        match rng.randrange(6):
            case 0:
                words[at] = ""
            case 1:
                words.insert(at, rng.choice(words))
            case 2:
                other = rng.randrange(len(words))
                words[at], words[other] = words[other], words[at]
            case 3:
                words[at] = rng.choice(WORDS)
            case 4:
                words[at] = _like(rng, words[at], words)
            case _:
                middle = rng.randint(0, len(words[at]))
                words[at] = words[at][:middle] + chr(rng.randint(32, 126)) + words[at][middle:]
    return "".join(words)


SOURCES: Mapping[str, Callable[[random.Random], str]] = MappingProxyType(
    {
        "words in any order": words_in_any_order,
        "any characters": any_characters,
        "sentences of the grammar": sentence,
        "shipped rules changed": shipped_changed,
    }
)


def _like(rng: random.Random, word: str, words: list[str]) -> str:
    """Return another word of the same kind, which keeps more texts free of syntax errors."""
    kind = next(
        k for k in (r"\d", r"\w", r"'", r"\s", r"[<>!=]", r"[^\w\s]", "") if re.match(k, word)
    )
    others = [w for w in words if re.match(kind, w)]
    return rng.choice(others)


@cache
def _shipped() -> tuple[str, ...]:
    files = sorted((ROOT / "rules").glob("*.rules"))
    return tuple(path.read_text("utf-8") for path in files)


# Sentences of the grammar.


@cache
def _grammar() -> tuple[
    Mapping[Symbol, tuple[Rule, ...]], Mapping[Symbol, int], Mapping[str, tuple[str, ...]]
]:
    """Return the productions of each symbol, the least height of its trees, and terminals' words.

    A terminal that the grammar came to have, and that has no words here, is a KeyError at once.
    """
    lark = Lark(
        grammar_text("rules.lark"), parser="lalr", lexer="contextual", start=["start", "body"]
    )
    productions: dict[Symbol, tuple[Rule, ...]] = {}
    for rule in lark.rules:
        productions[rule.origin] = (*productions.get(rule.origin, ()), rule)
    height: dict[Symbol, int] = {}
    while len(height) < len(productions):
        for origin, rules in productions.items():
            known = [
                1 + max((height.get(s, 0) for s in r.expansion), default=0)
                for r in rules
                if all(s.is_term or s in height for s in r.expansion)
            ]
            if known:
                height.setdefault(origin, min(known))
    fixed = {t.name: t.pattern.value for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    used = {s.name for r in lark.rules for s in r.expansion if s.is_term}
    words = {name: (fixed[name],) if name in fixed else _SAMPLES[name] for name in used}
    return productions, height, words


def _derived(rng: random.Random, symbol: str, depth: int) -> str:
    productions, height, words = _grammar()
    out: list[str] = []
    waiting: list[tuple[Symbol, int]] = [(NonTerminal(symbol), depth)]
    while waiting:
        top, left = waiting.pop()
        if top.is_term:
            called = top.name == "NAME" and waiting and waiting[-1][0].name == "LPAR"
            out.append(rng.choice(_FUNCTIONS if called else words[top.name]))
            continue
        rules = productions[top]
        low = [r for r in rules if _height(r, height) <= left]
        rule = rng.choice(low or [min(rules, key=lambda r: _height(r, height))])
        waiting += [(s, left - 1) for s in reversed(rule.expansion)]
    return " ".join(out)


def _height(rule: Rule, height: Mapping[Symbol, int]) -> int:
    return 1 + max((height.get(s, 0) for s in rule.expansion), default=0)
