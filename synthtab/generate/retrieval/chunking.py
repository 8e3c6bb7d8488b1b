"""Long texts in pieces that overlap, cut where a reader would pause; Markdown by its sections."""

from __future__ import annotations

import re

from synthtab.errors import UsageError

Span = tuple[int, int]

# Where a piece may end, the better places first: paragraph, line, sentence, word.
_PAUSES = ("\n\n", "\n", ". ", " ")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")


def check_sizes(size: int, overlap: int) -> None:
    """Raise UsageError where pieces of ``size`` characters cannot overlap by ``overlap``."""
    if size < 1:
        raise UsageError(f"size={size!r}; a passage is of 1 character or more, and 800 is usual")
    if not 0 <= overlap <= size // 2:
        raise UsageError(
            f"overlap={overlap!r}; passages of {size:,} characters overlap by 0 to {size // 2:,}"
        )


def spans(text: str, size: int, overlap: int) -> tuple[Span, ...]:
    """Return the first and one past the last character of each piece, in order.

    Together they cover the text; none is longer than ``size``, and each begins at most ``overlap``
    characters before the one before it ends. Raises UsageError where the sizes do not fit.
    """
    check_sizes(size, overlap)
    found: list[Span] = []
    start = 0
    while start < len(text):
        end = _end(text, start, size, overlap)
        found.append((start, end))
        if end == len(text):
            break
        start = _start(text, end, overlap)
    return tuple(found)


def pieces(text: str, size: int, overlap: int) -> tuple[str, ...]:
    """Return the pieces themselves, without blanks around them, and without blank ones."""
    cut = (text[a:b].strip() for a, b in spans(text, size, overlap))
    return tuple(piece for piece in cut if piece)


def sections(text: str) -> tuple[tuple[str, str], ...]:
    """Return a Markdown text as (heading, section with its heading); what is first may have none.

    Only headings marked by ``#`` count, and none within a fenced block of code.
    """
    found: list[tuple[str, list[str]]] = [("", [])]
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        heading = None if fence else _HEADING.match(line.rstrip("\r\n"))
        if mark is not None and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        if heading is not None:
            found.append((heading[1], []))
        found[-1][1].append(line)
    joined = ((heading, "".join(lines)) for heading, lines in found)
    return tuple((heading, section) for heading, section in joined if section.strip())


def _end(text: str, start: int, size: int, overlap: int) -> int:
    """Return where a piece ends: at a pause in its second half, else where it is full."""
    full = start + size
    if full >= len(text):
        return len(text)
    least = start + max(size // 2, overlap + 1)
    for pause in _PAUSES:
        at = text.rfind(pause, max(start, least - len(pause)), full)
        if at >= 0:
            return at + len(pause)
    return full


def _start(text: str, end: int, overlap: int) -> int:
    """Return where the next piece begins: with a word, if one begins within the overlap."""
    for at in range(end - overlap, end):
        if text[at - 1].isspace() and not text[at].isspace():
            return at
    return end - overlap if overlap and not text[end - 1].isspace() else end
