"""Is there a string that matches these patterns and not those? Decided, not tried.

Patterns are walked through side by side by their derivatives (Brzozowski 1964): what is left of a
pattern to match after a character. Breadth first, so the string found is a shortest one.
"""

from __future__ import annotations

import re._parser as sre  # type: ignore[import-not-found]
from collections.abc import Iterable, Sequence
from typing import Any

# Places looked at before giving up.
MAX_STATES = 4_000
_DOTALL = 16
_LAST = 0x10FFFF
# Ends of the alphabet's stretches: all code points but the surrogates, which are no characters.
_ALPHABET = ((0, 0xD7FF), (0xE000, _LAST))
_NICE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,:;/+*#'()"

Ranges = tuple[tuple[int, int], ...]
# An expression: ("none",), ("empty",), ("set", ranges), ("cat", first, rest), ("alt", options),
# or ("rep", inner, least, most or None).
Expr = tuple[Any, ...]
NONE: Expr = ("none",)
EMPTY: Expr = ("empty",)


class TooLargeError(Exception):
    """The search was given up."""


def shortest(
    wanted: Sequence[tuple[str, bool]],
    literals: Iterable[tuple[str, bool]],
    max_length: int,
    length: int | None = None,
) -> str | None:
    """Return a shortest string for which all is as wanted; None where there is none.

    ``wanted`` pairs patterns with whether they match, ``literals`` strings with whether it is them;
    ``length`` asks for exactly so many characters. Raises TooLargeError where neither was decided.
    """
    try:
        return _search(wanted, literals, max_length, length)
    except RecursionError:  # a pattern or literal as long as that
        raise TooLargeError from None


def _search(
    wanted: Sequence[tuple[str, bool]],
    literals: Iterable[tuple[str, bool]],
    max_length: int,
    length: int | None,
) -> str | None:
    parts = [(_sequence(list(sre.parse(p)), dotall=False), yes) for p, yes in wanted]
    parts += [(_literal(text), yes) for text, yes in literals]
    expressions = tuple(e for e, _ in parts)
    verdict = tuple(yes for _, yes in parts)
    letters = _representatives(expressions)
    limit = max_length if length is None else min(length, max_length)
    if length is not None and length > max_length:
        return None
    level: dict[tuple[Expr, ...], str] = {expressions: ""}
    seen = set(level)
    for depth in range(limit + 1):
        if length is None or depth == length:
            for state, text in level.items():
                if all(_nullable(e) == yes for e, yes in zip(state, verdict, strict=True)):
                    return text
        following: dict[tuple[Expr, ...], str] = {}
        for state, text in level.items():
            for letter in letters:
                after = tuple(_derive(e, ord(letter)) for e in state)
                hopeless = any(e == NONE and yes for e, yes in zip(after, verdict, strict=True))
                if hopeless or (length is None and after in seen):
                    continue
                seen.add(after)
                following.setdefault(after, text + letter)
                if len(seen) + len(following) > MAX_STATES:
                    raise TooLargeError
        if not following:
            return None
        level = following
    return None


def _nullable(expr: Expr) -> bool:
    match expr:
        case ("empty",):
            return True
        case ("cat", first, rest):
            return _nullable(first) and _nullable(rest)
        case ("alt", options):
            return any(map(_nullable, options))
        case ("rep", inner, least, _):
            return least == 0 or _nullable(inner)
    return False


def _derive(expr: Expr, code: int) -> Expr:
    """Return what is left to match after a character."""
    match expr:
        case ("set", ranges):
            return EMPTY if any(lo <= code <= hi for lo, hi in ranges) else NONE
        case ("cat", first, rest):
            left = _cat(_derive(first, code), rest)
            return _alt([left, _derive(rest, code)]) if _nullable(first) else left
        case ("alt", options):
            return _alt([_derive(o, code) for o in options])
        case ("rep", inner, least, most):
            fewer = _rep(inner, max(0, least - 1), None if most is None else most - 1)
            return _cat(_derive(inner, code), fewer)
    return NONE


def _cat(first: Expr, rest: Expr) -> Expr:
    if NONE in (first, rest):
        return NONE
    if first == EMPTY:
        return rest
    if rest == EMPTY:
        return first
    if first[0] == "cat":
        return ("cat", first[1], _cat(first[2], rest))
    return ("cat", first, rest)


def _alt(options: Iterable[Expr]) -> Expr:
    flat: set[Expr] = set()
    for option in options:
        flat |= option[1] if option[0] == "alt" else {option}
    flat.discard(NONE)
    if not flat:
        return NONE
    return next(iter(flat)) if len(flat) == 1 else ("alt", frozenset(flat))


def _rep(inner: Expr, least: int, most: int | None) -> Expr:
    if most == 0 or inner in (EMPTY, NONE):
        return EMPTY if least == 0 or inner == EMPTY else NONE
    if _nullable(inner):
        least = 0  # the empty string may stand for any of the repeats
    return inner if (least, most) == (1, 1) else ("rep", inner, least, most)


def _literal(text: str) -> Expr:
    out = EMPTY
    for character in reversed(text):
        code = ord(character)
        out = _cat(("set", ((code, code),)), out)
    return out


def _sequence(parsed: Sequence[tuple[Any, Any]], *, dotall: bool) -> Expr:
    out = EMPTY
    for op, argument in reversed(parsed):
        out = _cat(_expression(str(op), argument, dotall=dotall), out)
    return out


def _expression(op: str, argument: Any, *, dotall: bool) -> Expr:
    """Turn one piece of Python's parse tree into an expression."""
    match op:
        case "LITERAL":
            return ("set", ((argument, argument),))
        case "NOT_LITERAL":
            return ("set", _outside([(argument, argument)]))
        case "ANY":
            return ("set", _ALPHABET if dotall else _outside([(10, 10)]))
        case "IN":
            negated = any(str(o) == "NEGATE" for o, _ in argument)
            given = [
                (a, a) if str(o) == "LITERAL" else a for o, a in argument if str(o) != "NEGATE"
            ]
            return ("set", _outside(given) if negated else tuple(given))
        case "BRANCH":
            return _alt([_sequence(list(o), dotall=dotall) for o in argument[1]])
        case "SUBPATTERN":
            inside = dotall or bool(argument[1] & _DOTALL)
            return _sequence(list(argument[-1]), dotall=inside)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = argument
            limit = None if most is sre.MAXREPEAT else int(most)
            return _rep(_sequence(list(inner), dotall=dotall), int(least), limit)
    raise ValueError(f"{op} is not of the common dialect")


def _outside(ranges: Sequence[tuple[int, int]]) -> Ranges:
    left = []
    for start, last in _ALPHABET:
        for lo, hi in sorted(ranges):
            if start <= lo - 1:
                left.append((start, min(lo - 1, last)))
            start = max(start, hi + 1)
        if start <= last:
            left.append((start, last))
    return tuple((lo, hi) for lo, hi in left if lo <= hi)


def _representatives(expressions: Iterable[Expr]) -> str:
    """Return one character of each kind the expressions tell apart, a readable one if possible."""
    sets = list(dict.fromkeys(s for e in expressions for s in _sets(e)))
    ends = {start for ranges in sets for lo, hi in ranges for start in (lo, hi + 1)}
    points = [*map(ord, _NICE), *(lo for lo, _ in _ALPHABET), *sorted(ends)]
    kinds: dict[tuple[bool, ...], str] = {}
    for point in points:
        if any(lo <= point <= hi for lo, hi in _ALPHABET):
            kind = tuple(any(lo <= point <= hi for lo, hi in ranges) for ranges in sets)
            kinds.setdefault(kind, chr(point))
    return "".join(kinds.values())


def _sets(expr: Expr) -> Iterable[Ranges]:
    match expr:
        case ("set", ranges):
            yield ranges
        case ("cat", first, rest):
            yield from _sets(first)
            yield from _sets(rest)
        case ("alt", options):
            for option in options:
                yield from _sets(option)
        case ("rep", inner, _, _):
            yield from _sets(inner)
