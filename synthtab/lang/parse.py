"""From text to tables, finding as many mistakes as possible in one go.

After a syntax error the column or rule it is in is blanked out and the rest is parsed again, so one
bad line does not hide the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from synthtab.diagnostics import Diagnostic, Source
from synthtab.ir import nodes
from synthtab.ir.typing import check, too_deep
from synthtab.lang.mistakes import Place, explain
from synthtab.lang.resources import grammar_text
from synthtab.lang.tree import ToNodes

MAX_SYNTAX_ERRORS = 20
_NAME = r"(?:[^\W\d]\w*|`(?:[^`\n]|``)+`)"
# A line that begins a new item. The word after a name tells a declaration from a continued rule.
_ITEM = re.compile(
    rf"""^[ \t]*(?P<item>
        (?P<table>table\b(?=[ \t]+{_NAME}[ \t]*(?:\{{|$))) | (?P<close>\}})
      | rule\b | const\b(?=[ \t]+{_NAME}[ \t]*=) | (?:key|unique)[ \t]*\( | (?P<wrong>--|//
        |(?:and|or|not|when|then|else|iff|case|is|between|like|null|true|false)[ \t]+
        (?:integer|decimal|datetime|date|boolean|enum|text)\b)
      | (?!(?:and|or|not|when|then|else|iff|case|is|in|between|like|matching)\b)
        {_NAME}[ \t]+(?!(?:and|or|not|then|else|end|iff|is|in|between|like|matching
        |years?|months?|weeks?|days?|hours?|minutes?|seconds?)\b)[^\W\d]\w*
    )""",
    re.MULTILINE | re.VERBOSE,
)
_QUOTED_OR_COMMENT = re.compile(r"'(?:[^'\n]|'')*'|\"(?:[^\"\n]|\"\")*\"|`(?:[^`\n]|``)+`|#[^\n]*")

# Reading takes about 15 s a million characters; more than this is no file for people.
MAX_CHARACTERS = 500_000


@dataclass(frozen=True)
class Parsed:
    """What could be read, and every finding; with errors among them the tables are not whole."""

    tables: tuple[nodes.Table, ...]
    diagnostics: tuple[Diagnostic, ...]
    source: Source
    constants: tuple[nodes.Constant, ...] = ()


@cache
def parser() -> Lark:
    """Return the parser of the language, made once."""
    return Lark(
        grammar_text("rules.lark"),
        parser="lalr",
        lexer="contextual",
        propagate_positions=True,
        maybe_placeholders=True,
    )


def productions() -> tuple[tuple[str, str | None, tuple[str, ...]], ...]:
    """Return the language's compiled productions: (what, its alias, its symbols).

    Terminals are in capitals; which text each stands for is for the caller to know
    (:mod:`synthtab.lang.constrain`).
    """
    return tuple(
        (str(r.origin.name), r.alias, tuple(str(s.name) for s in r.expansion))
        for r in parser().rules
    )


def literal_terminals() -> dict[str, str]:
    """Return the text of each terminal that is one fixed word or sign."""
    fixed = (t for t in parser().terminals if type(t.pattern).__name__ == "PatternStr")
    return {str(t.name): str(t.pattern.value) for t in fixed}


def parse(text: str, name: str = "<text>") -> Parsed:
    """Parse and check a rules file given as text; nothing is raised for its mistakes.

    Line ends may be of any kind, and a byte-order mark is skipped.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    source = Source(name, text)
    if len(text) > MAX_CHARACTERS:
        message = f"{name} has {len(text):,} characters; {MAX_CHARACTERS:,} can be read at most"
        help_ = "rules are for people to review: split the file, or state many rules as one"
        return Parsed((), (Diagnostic("E117", message, None, help_, source),), source)
    if not _QUOTED_OR_COMMENT.sub(_blank_comment, text).strip():
        help_ = "a model begins like this: table person { age integer }"
        return Parsed(
            (), (Diagnostic("E115", f"{name} has no tables", None, help_, source),), source
        )
    tree, left, found = _recover(text, source)
    if tree is None:
        return Parsed((), tuple(found), source)
    maker = ToNodes(source)
    try:
        whole = maker.transform(tree)
    except (RecursionError, VisitError) as error:
        if isinstance(error, VisitError) and not isinstance(error.orig_exc, RecursionError):
            raise
        return Parsed((), (*found, too_deep(None, source)), source)
    found += maker.found
    # A finding about what was blanked out would only repeat the syntax error there.
    lost = _blanked(text, left)
    names = set(re.findall(r"\w+", lost))
    for finding in check(whole.tables, source, whole.constants):
        unknown = re.search(r"no (?:column|table|reference) `(.*)`", finding.message)
        if lost and unknown and names & set(re.findall(r"\w+", unknown[1])):
            continue
        if lost and finding.code in ("E231", "E241"):
            continue
        found.append(finding)
    found.sort(key=lambda d: (d.span.line, d.span.column) if d.span else (0, 0))
    return Parsed(whole.tables, tuple(dict.fromkeys(found)), source, whole.constants)


def _recover(text: str, source: Source) -> tuple[Tree[Token] | None, str, list[Diagnostic]]:
    """Parse, blanking out what does not parse; return the tree, the text left, and the findings."""
    found: list[Diagnostic] = []
    work = text
    while True:
        try:
            return parser().parse(work), work, found
        except UnexpectedInput as error:
            place = _place(text, work, error)
            finding = explain(place, source)
            if found and finding.span == found[-1].span:
                return None, work, found
            found.append(finding)
            start, end = place.token if finding.code == "E107" else place.item
            if len(found) >= MAX_SYNTAX_ERRORS:
                return None, work, found
            if place.at_end:
                closed = f"{work}\n}}"
                try:
                    return parser().parse(closed), work, found
                except UnexpectedInput:
                    return None, work, found
            if start == end or not work[start:end].strip() or place.in_header:
                return None, work, found
            blank = re.sub(r"[^\n]", " ", work[start:end])
            work = work[:start] + blank + work[end:]


def _place(text: str, work: str, error: UnexpectedInput) -> Place:
    """Find the item an error belongs to, and what the parser could have gone on with."""
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    position = len(work.rstrip()) if at_end else int(error.pos_in_stream or 0)
    length = 1
    if isinstance(error, UnexpectedToken) and not at_end:
        length = max(1, len(error.token))
    expected: set[str] = set()
    if isinstance(error, UnexpectedToken):
        expected = set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedCharacters):
        expected = set(error.allowed or ())
    items = list(_ITEM.finditer(_mask(work)))
    starts = [m for m in items if m.start("item") <= position]
    # An item may always begin where one does: then it is the one before that is not complete.
    last = starts[-1] if len(starts) > 1 and not at_end else None
    early = last is not None and last.start("item") == position and last["wrong"] is None
    if early:
        starts.pop()
    start = starts[-1].start("item") if starts else 0
    header = bool(starts) and starts[-1]["table"] is not None
    if starts and starts[-1]["close"]:
        start = min(position, start + 1)
    after = (m.start("item") for m in items if m.start("item") >= max(position, start + 1))
    end = next(after, len(work))
    if end == len(work) and not at_end:
        # A brace that closes the table on the item's last line is not part of the item.
        brace = _mask(work).rfind("}", position)
        end = brace if brace > start else end
    token = (position, position + length)
    if early:
        end_of_item = len(text[:position].rstrip())
        token = (end_of_item, end_of_item + 1)
    item = (start, max(start, end))
    return Place(text, position, token, item, frozenset(expected), header, at_end, early)


def _mask(text: str) -> str:
    """Replace what is quoted or commented by blanks of the same length."""
    return _QUOTED_OR_COMMENT.sub(lambda m: m[0] if m[0][0] == "`" else " " * len(m[0]), text)


def _blank_comment(found: re.Match[str]) -> str:
    return "" if found[0].startswith("#") else found[0]


def _blanked(text: str, left: str) -> str:
    return "".join(a if a != b else " " for a, b in zip(text, left, strict=False)).strip()
