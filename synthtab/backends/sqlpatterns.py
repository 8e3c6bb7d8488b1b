"""Patterns of the common dialect (ir/patterns.py) for PostgreSQL's `~` and SQLite's GLOB."""

from __future__ import annotations

import re._parser as sre  # type: ignore[import-not-found]
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

# A pattern becomes at most so many GLOBs, each of at most so many characters.
MOST_GLOBS = 32
MOST_LENGTH = 2000


def repeats(pattern: str) -> Iterator[int]:
    """Yield the counts of a pattern's repeats, where they have an end."""
    yield from _counts(sre.parse(pattern))


def _counts(value: Any) -> Iterator[int]:
    if isinstance(value, sre.SubPattern):
        for op, argument in value:
            if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
                yield from (n for n in argument[:2] if n != sre.MAXREPEAT)
            yield from _counts(argument)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _counts(item)


def without_dots(pattern: str) -> str:
    r"""Return the pattern with ``.`` as a class that leaves the newline out, and ``\x41`` as it is.

    PostgreSQL's ``.`` matches a newline, and its ``\x`` takes as many digits as follow.
    """
    out = []
    at, inside = 0, False
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            if pattern[at + 1] == "x":
                out.append(f"\\u00{pattern[at + 2 : at + 4]}")
                at += 4
                continue
            out.append(pattern[at : at + 2])
            at += 2
            continue
        if sign == "." and not inside:
            out.append("[^\\n]")
        else:
            inside = sign == "[" if not inside else sign != "]"
            out.append(sign)
        at += 1
    return "".join(out)


def globs(pattern: str) -> list[str] | None:
    """Return GLOBs of which one fits exactly where the pattern does; None where there are none.

    There are some for patterns whose every repeat has an end.
    """
    found = _sequence(list(sre.parse(pattern)))
    return None if found is None else list(dict.fromkeys(found))


def one_class(pattern: str) -> tuple[str, int, int | None] | None:
    """Return the GLOB of one character, and how often it may come, of a pattern that repeats one.

    None for other patterns. No upper count means that there is no limit.
    """
    items = list(sre.parse(pattern))
    if len(items) != 1 or items[0][0] not in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return None
    least, most, inner = items[0][1]
    inside = list(inner)
    if len(inside) == 1 and inside[0][0] is sre.SUBPATTERN:
        inside = list(inside[0][1][3])
    if len(inside) != 1:
        return None
    made = _character(*inside[0])
    return None if made is None else (made, least, None if most == sre.MAXREPEAT else most)


def outside(glob_class: str) -> str:
    """Return the GLOB of a character that the one given does not fit."""
    special = {"[^^]": "^", "[^^-]": "[-^]", "[-^]": "[^^-]"}
    if glob_class in special:
        return special[glob_class]
    if glob_class.startswith("[^"):
        return "[" + glob_class[2:]
    if glob_class.startswith("["):
        return "[^" + glob_class[1:]
    return f"[^{glob_class}]"


def like_glob(pattern: str) -> str:
    """Return the GLOB of a LIKE pattern; SQLite's own LIKE takes capitals for small letters."""
    wild = {"%": "*", "_": "?"}
    return "".join(wild.get(c) or _literal(c) for c in pattern)


def _literal(character: str) -> str:
    return f"[{character}]" if character in "*?[" else character


def _sequence(items: Sequence[Any]) -> list[str] | None:
    parts: list[list[str]] = []
    for op, argument in items:
        made = _item(op, argument)
        if made is None:
            return None
        parts.append(made)
        count = 1
        for part in parts:
            count *= len(part)
        if count > MOST_GLOBS:
            return None
    whole = ["".join(chosen) for chosen in product(*parts)]
    return None if any(len(w) > MOST_LENGTH for w in whole) else whole


def _item(op: Any, argument: Any) -> list[str] | None:
    if op is sre.SUBPATTERN:
        return _sequence(list(argument[3]))
    if op is sre.BRANCH:
        options = [_sequence(list(branch)) for branch in argument[1]]
        if any(o is None for o in options):
            return None
        return [text for o in options if o is not None for text in o]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return _repeated(*argument)
    made = _character(op, argument)
    return None if made is None else [made]


def _repeated(least: int, most: Any, inner: Any) -> list[str] | None:
    once = _sequence(list(inner))
    if once is None or most == sre.MAXREPEAT or most > MOST_LENGTH:
        return None
    out: list[str] = []
    for count in range(least, most + 1):
        if len(once) > 1 and len(once) ** count > MOST_GLOBS:
            return None
        out += ["".join(chosen) for chosen in product(once, repeat=count)]
        if len(out) > MOST_GLOBS:
            return None
    return out


def _character(op: Any, argument: Any) -> str | None:
    """Return the GLOB of what matches one character."""
    if op is sre.LITERAL:
        return None if argument == 0 else _literal(chr(argument))
    if op is sre.NOT_LITERAL:
        return _class([(argument, argument)], negated=True)
    if op is sre.ANY:
        return "[^\n]"
    if op is not sre.IN:
        return None
    negated = argument[0][0] is sre.NEGATE
    members = argument[1:] if negated else argument
    ranges = []
    for kind, value in members:
        if kind is sre.LITERAL:
            ranges.append((value, value))
        elif kind is sre.RANGE:
            ranges.append(value)
        else:
            return None
    return _class(ranges, negated=negated)


def _class(ranges: Sequence[tuple[int, int]], *, negated: bool) -> str | None:
    """Write a class: in GLOB `]` has to come first, `-` last, and `^` anywhere but first."""
    singles = {chr(a) for a, b in ranges if a == b}
    spans = [(chr(a), chr(b)) for a, b in ranges if a != b]
    if any(a == 0 for a, _ in ranges) or any(c in "]-^" for span in spans for c in span):
        return None
    if not negated and not spans and len(singles) == 1:
        return _literal(singles.pop())
    special = {c for c in "]^-" if c in singles}
    body = "".join(f"{a}-{b}" for a, b in spans) + "".join(sorted(singles - special))
    body = ("]" if "]" in special else "") + body
    if "^" in special:
        if not body:  # only with `-`, as a single one was written above, or negated
            if not negated:
                return "[-^]"
            return "[^^-]" if "-" in special else "[^^]"
        body += "^"
    return f"[{'^' if negated else ''}{body}{'-' if '-' in special else ''}]"
