"""Printing a model anew with the comments of the text it came from.

A comment on lines of its own belongs to the item that follows it, or to the end of its table; one
behind an item, or within an item of several lines, belongs to that item. Blank lines between items
are kept, one at a time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from synthtab.diagnostics import Source
from synthtab.ir import nodes
from synthtab.lang.format import WIDTH, Chunk, chunks

# What a `#` or a brace says nothing in, and comments themselves.
_OPAQUE = re.compile(
    r"'(?:[^'\n]|'')*'|\"(?:[^\"\n]|\"\")*\"|`(?:[^`\n]|``)+`|#[^\n]*"
    r"|(?<=matching)\s*/(?:\\.|[^/\\\n])*/"
)


@dataclass
class _Place:
    """What goes with one chunk: the comments above it, the one behind it, a blank line before."""

    above: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    blank: bool = False


@dataclass(frozen=True)
class _Text:
    """A source by lines: the comment of each, whether it has anything else, closing braces."""

    comments: dict[int, str]
    code: frozenset[int]
    closing: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> _Text:
        comments: dict[int, str] = {}

        def blank(found: re.Match[str]) -> str:
            if found[0].startswith("#"):
                line = text.count("\n", 0, found.start()) + 1
                comments[line] = found[0].rstrip()
                return " " * len(found[0])
            return re.sub(r"[^\n]", "x", found[0])

        lines = _OPAQUE.sub(blank, text).split("\n")
        code = frozenset(at for at, line in enumerate(lines, 1) if line.strip())
        closing = tuple(at for at, line in enumerate(lines, 1) for c in line if c == "}")
        return cls(comments, code, closing)

    def blank_before(self, line: int) -> bool:
        """Say whether the item on a line, with its comments, stands after a blank line."""
        line -= 1
        while line in self.comments and line not in self.code:
            line -= 1
        return line > 0 and line not in self.code


def format_with_comments(
    tables: Sequence[nodes.Table], constants: Sequence[nodes.Constant], source: Source
) -> str:
    """Return what was read from a source without syntax errors anew, with the comments it had."""
    text = _Text.of(source.text)
    made = list(chunks(tables, constants, text.closing))
    places, trailing = _assigned(text, made)
    out: list[str] = []
    for chunk, place in zip(made, places, strict=True):
        opened = not out or out[-1].endswith("{")
        if out and out[-1] and (chunk.gap or (place.blank and not opened and not chunk.ends)):
            out.append("")
        above, behind, printed = list(place.above), " ".join(place.behind), chunk.text
        if behind and ("\n" in printed or len(printed) + 2 + len(behind) > WIDTH):
            above += place.behind
        elif behind:
            printed = f"{printed}  {behind}"
        out += [f"{chunk.indent}{comment}".rstrip() for comment in above]
        out.append(printed)
    return "\n".join([*out, *([""] if trailing else []), *trailing]) + "\n"


def closing_lines(text: str) -> tuple[int, ...]:
    """Return the lines (from 1) on which the tables of a rules file end, in order."""
    return _Text.of(text).closing


def comments_of(table: nodes.Table, source: Source) -> tuple[str, ...]:
    """Return the comments above and within a table that was read from a source, without marks.

    Empty for a table that was not read from a text.
    """
    if table.span is None:
        return ()
    text = _Text.of(source.text)
    start = table.span.line
    first = max((line for line in text.code if line < start), default=0) + 1
    last = next((line for line in text.closing if line >= start), start)
    found = (text.comments[line] for line in range(first, last + 1) if line in text.comments)
    return tuple(words for comment in found if (words := comment.lstrip("#").strip()))


def _assigned(text: _Text, made: Sequence[Chunk]) -> tuple[list[_Place], list[str]]:
    """Return what goes with each chunk, and the comments after the last."""
    trailing: list[str] = []
    places = [_Place() for _ in made]
    order = sorted((c.line, at) for at, c in enumerate(made) if c.line is not None)
    starts = [line for line, _ in order]
    ends = [_end(text, line, after) for line, after in zip_longest(starts, starts[1:])]
    for line, comment in sorted(text.comments.items()):
        at = bisect_right(starts, line) - 1
        inside = at >= 0 and line <= ends[at]
        if line in text.code and at >= 0:
            places[order[at][1]].behind.append(comment)
        elif inside:
            places[order[at][1]].above.append(comment)
        elif at + 1 < len(order):
            alone = line + 1 not in text.comments and line + 1 not in text.code
            places[order[at + 1][1]].above += [comment, ""] if alone else [comment]
        else:
            trailing.append(comment)
    for line, at in dict(reversed(order)).items():
        places[at].blank = text.blank_before(line)
    return places, trailing


def _end(text: _Text, start: int, after: int | None) -> int:
    """Return the last line of the item that begins on a line."""
    limit = start + 1 if after is None else max(after, start + 1)
    return max((at for at in range(start, limit) if at in text.code), default=start)
