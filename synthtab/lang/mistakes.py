"""Naming common syntax mistakes, by what stands at and around the place the parser stopped.

The list below is tried in order. Each entry has patterns for the text just before the place, the
text at it, the item (column or rule) around it, and the kind of tokens the parser could have taken.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache

from synthtab.diagnostics import Diagnostic, Source, Span
from synthtab.lang.phrases import MISTAKES, TYPE_ALIASES, Mistake

_TYPES = ("integer", "decimal", "date", "datetime", "boolean", "enum", "text")
_QUOTED = re.compile(r"'(?:[^'\n]|'')*'|\"(?:[^\"\n]|\"\")*\"|#[^\n]*")
_WORDS = {
    "LBRACE": "{",
    "RBRACE": "}",
    "LPAR": "(",
    "RPAR": ")",
    "COLON": ":",
    "COMMA": ",",
    "NAME": "a name",
    "QUOTED": "",
    "END_NAME": "",
    "STRING": "a text in 'single quotes'",
    "NUMBER": "a number",
    "DATE": "a date",
    "DATETIME": "",
    "REGEX": "a pattern between slashes",
    "COMPARE": "a comparison",
    "UNIQUE_OF": "",
    "KEY_OF": "",
    "RESOLUTION": "`second`, `minute` or `hour`",
    "UNIT": "a unit of time",
    "PLUS": "+",
    "MINUS": "-",
    "STAR": "*",
    "SLASH": "/",
    "AT_LEAST": "`at least` and a share",
    "NO_OVERLAP": "",
    "FORBID_PAIR": "",
    "ORDERED_BY": "`ordered by`",
    "OF_FIRST": "",
    "WHERE_FIRST": "",
    "NAMES_COMMA": "",
    "DOT": ".",
    "DESCRIPTION": 'a description in "double quotes"',
    "$END": "the end of the file",
}


@dataclass(frozen=True)
class Place:
    """Where the parser stopped: offsets into ``text``, and what it could have gone on with.

    ``token`` and ``item`` are (start, end); ``in_header`` says that the item is a table's first
    line, ``at_end`` that the text ended too early, ``early`` that the item did.
    """

    text: str
    position: int
    token: tuple[int, int]
    item: tuple[int, int]
    expected: frozenset[str]
    in_header: bool
    at_end: bool
    early: bool


def explain(place: Place, source: Source) -> Diagnostic:
    """Return the finding for one syntax error: the mistake it is, or what was expected instead."""
    if place.at_end:
        return _at_end(place, source)
    before = place.text[place.item[0] : place.position]
    here = place.text[place.position :]
    item = _QUOTED.sub(lambda m: " " * len(m[0]), place.text[place.item[0] : place.item[1]])
    for mistake in MISTAKES:
        span = _match(mistake, before, here, item, place)
        if span is not None:
            message, help_ = mistake.message, mistake.help
            return Diagnostic(mistake.code, message, _span(place.text, *span), help_, source)
    return _wrong_type(place, before, source) or _plain(place, source)


def _match(
    mistake: Mistake, before: str, here: str, item: str, place: Place
) -> tuple[int, int] | None:
    """Return the stretch of text a mistake is about, None where it is another one."""
    start, end = place.token
    if mistake.expects and not mistake.expects <= place.expected:
        return None
    if mistake.item is not None:
        found = _compiled(mistake.item).search(item)
        if not found:
            return None
        group = 1 if found.re.groups else 0
        start, end = (place.item[0] + at for at in found.span(group))
    if mistake.here is not None:
        found = _compiled(mistake.here).match(here)
        if not found:
            return None
        if mistake.item is None:
            end = place.position + max(1, found.end())
    if mistake.before is not None:
        found = _compiled(f"(?:{mistake.before})\\Z").search(before)
        if not found:
            return None
        if mistake.item is None and found.re.groups:
            start = place.item[0] + found.start(1)
    return start, end


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


def _at_end(place: Place, source: Source) -> Diagnostic:
    quoted_out = _QUOTED.sub(lambda m: " " * len(m[0]), place.text)
    missing = quoted_out.count("{") > quoted_out.count("}")
    headers = list(re.finditer(r"^[ \t]*(table\b[^\n{]*)", quoted_out, re.MULTILINE))
    if missing and headers:
        header = headers[-1]
        name = place.text[header.start(1) : header.end(1)].removeprefix("table").strip()
        return Diagnostic(
            "E106",
            f"the `{{` of table {name} is never closed",
            _span(place.text, header.start(1), header.end(1)),
            "add a `}` after its last column or rule",
            source,
        )
    return Diagnostic(
        "E101",
        "the text ends in the middle of something",
        _span(place.text, place.position, place.position + 1),
        _expectation(place.expected),
        source,
    )


def _wrong_type(place: Place, before: str, source: Source) -> Diagnostic | None:
    if not {"INTEGER", "BOOLEAN"} <= place.expected or not re.search(
        r"(?:^|\n|\{)\s*(?:\w+|`[^`]*`)[ \t]+\Z", before
    ):
        return None
    word = re.match(r"\w*", place.text[place.position :])
    shown = word[0] if word and word[0] else place.text[place.position]
    near = TYPE_ALIASES.get(shown.lower()) or next(
        iter(difflib.get_close_matches(shown.lower(), _TYPES, 1)), None
    )
    types = "integer, decimal(p, s), date, datetime, boolean, enum('a', 'b') and text(n)"
    column = before.split()[-1] if before.split() else "a column"
    return Diagnostic(
        "E104",
        f"`{shown}` is not a type for `{column.strip('`')}`",
        _span(place.text, place.position, place.position + len(shown)),
        f"did you mean `{near}`? the types are {types}" if near else f"the types are {types}",
        source,
    )


def _plain(place: Place, source: Source) -> Diagnostic:
    start, end = place.token
    if place.early:
        return Diagnostic(
            "E101",
            "something is missing here",
            _span(place.text, start, end),
            _expectation(place.expected),
            source,
        )
    shown = place.text[start:end].strip() or "this"
    word = re.match(r"\w+", place.text[start:])
    if word and len(word[0]) > len(shown):
        shown, end = word[0], start + word.end()
    return Diagnostic(
        "E101",
        f"`{shown}` is not expected here",
        _span(place.text, start, end),
        _expectation(place.expected),
        source,
    )


def _expectation(expected: frozenset[str]) -> str | None:
    if {"INTEGER", "BOOLEAN"} <= expected:
        return "a column type goes here"
    if {"STRING", "NUMBER", "NAME"} <= expected:
        return "a value goes here: a column, a constant, a function or something in parentheses"
    if {"STRING", "NUMBER"} <= expected:
        return "a constant goes here"
    words = []
    for name in sorted(expected):
        word = _WORDS.get(name, f"`{name.lower()}`" if name.isalpha() else "")
        if word:
            words.append(f"`{word}`" if not word[0].isalpha() and len(word) == 1 else word)
    if not words or len(words) > 10:
        return "an operator, `and`, `or`, or the next column or rule goes here" if words else None
    return "expected " + (
        " or ".join([", ".join(words[:-1]), words[-1]]) if words[1:] else words[0]
    )


def _span(text: str, start: int, end: int) -> Span:
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    end = max(end, start + 1)
    end_line = text.count("\n", 0, end) + 1
    end_column = end - (text.rfind("\n", 0, end) + 1) + 1
    return Span(line, column, end_line, end_column)
