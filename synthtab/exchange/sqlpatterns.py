"""Patterns of SQL (LIKE, GLOB, regular expressions) as those of the language."""

from __future__ import annotations

import re

from synthtab.ir.patterns import PatternError, check_pattern

_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": " \\t\\r\\n\\f\\v"}
_ANY = "(?:.|\\n)"
_SPECIAL = set("\\.+*?()|[]{}^$/")


def whole(pattern: str) -> str:
    """Return what a search for ``pattern`` (as PostgreSQL's ~ does) asks of the whole text.

    Raises ValueError, saying why, where the language has no such pattern.
    """
    text = pattern
    start, end = text.startswith("^"), text.endswith("$") and not text.endswith("\\$")
    text = text[1:] if start else text
    text = text[:-1] if end else text
    if text.startswith("(?:") and text.endswith(")") and _one_group(text):
        text = text[3:-1]
    elif "|" in text and (start or end):
        raise ValueError("an anchor binds to one side of `|` only; put the rest into (?: ... )")
    text = _plain(text)
    made = ("" if start else f"{_ANY}*") + (text if start and end else f"(?:{text})")
    made += "" if end else f"{_ANY}*"
    return checked(made)


def checked(pattern: str) -> str:
    """Return a pattern of the language. Raises ValueError where it is none."""
    try:
        check_pattern(pattern)
    except PatternError as error:
        raise ValueError(f"patterns have no such thing: {error} ({error.help})") from error
    return pattern


def from_glob(pattern: str) -> tuple[str | None, str]:
    """Return (like pattern, regular expression) of a GLOB; no LIKE where it has classes."""
    like: list[str] | None = []
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "[":
            end = pattern.index("]", at + (3 if pattern.startswith("[^]", at) else 2))
            inside = pattern[at + 1 : end]
            parts.append(_class(inside))
            single = len(inside) == 1 and inside in "*?["
            like = [*like, inside] if like is not None and single else None
            at = end + 1
            continue
        parts.append({"*": f"{_ANY}*", "?": _ANY}.get(sign, _escaped(sign)))
        if like is not None:
            wild = {"*": "%", "?": "_"}
            like = None if sign in "%_" else [*like, wild.get(sign, sign)]
        at += 1
    return (None if like is None else "".join(like)), _counted(parts)


def one_class(pattern: str) -> str | None:
    """Return the class that a GLOB such as ``*[^a-z]*`` looks for; None for another GLOB."""
    if len(pattern) < 3 or not (pattern.startswith("*") and pattern.endswith("*")):
        return None
    inner = pattern[1:-1]
    if inner.startswith("[") and inner.endswith("]") and "[" not in inner[1:]:
        return _class(inner[1:-1])
    return _escaped(inner) if len(inner) == 1 and inner not in "*?[" else None


def negated(made: str) -> str:
    """Return the class of all other characters."""
    if made == ".":
        return "\\n"
    if made.startswith("[^"):
        inside = made[2:-1]
        return (
            inside
            if len(inside) == 1 or (len(inside) == 2 and inside[0] == "\\")
            else f"[{inside}]"
        )
    return f"[^{made[1:-1]}]" if made.startswith("[") else f"[^{made}]"


def counted(pattern: str, op: str, count: int) -> str | None:
    """Return ``[a-z]*`` with the least or greatest count; None for another pattern."""
    one = re.fullmatch(r"(\[(?:\\.|[^\]\\])+\]|\\?.)(\*|\+|\{\d+,\})", pattern)
    if one is None:
        return None
    letters, least = one.group(1), {"*": "0", "+": "1"}.get(one.group(2), one.group(2)[1:-2])
    if op == ">=":
        return f"{letters}+" if count == 1 else f"{letters}{{{count},}}"
    return f"{letters}{{{least},{count}}}"


def _class(inside: str) -> str:
    if inside == "^\n":
        return "."
    away = inside.startswith("^") and len(inside) > 1
    body = inside[1:] if away else inside
    escaped = "".join(f"\\{c}" if c in "\\]^[/" else c for c in body).replace("\n", "\\n")
    if escaped.endswith("-") and len(escaped) > 1:
        escaped = f"{escaped[:-1]}\\-"
    if not away and (len(body) == 1):
        return _escaped(body)
    return f"[{'^' if away else ''}{escaped}]"


def _counted(parts: list[str]) -> str:
    """Write equal parts that follow each other once, with a count."""
    out: list[str] = []
    at = 0
    while at < len(parts):
        count = 1
        while at + count < len(parts) and parts[at + count] == parts[at]:
            count += 1
        short = (
            count > 1 and (parts[at].startswith("[") or count > 3) and not parts[at].endswith("*")
        )
        out.append(f"{parts[at]}{{{count}}}" if short else parts[at] * count)
        at += count
    return "".join(out)


def _escaped(character: str) -> str:
    if character == "\n":
        return "\\n"
    return f"\\{character}" if character in _SPECIAL else character


def _one_group(text: str) -> bool:
    """Say whether ``(?: ... )`` is one group around everything."""
    depth, inside, at = 0, False, 0
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 2
            continue
        if inside:
            inside = sign != "]"
        elif sign == "[":
            inside = True
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth == 0 and at < len(text) - 1:
                return False
        at += 1
    return True


def _plain(pattern: str) -> str:
    r"""Write ``[^\n]`` as ``.``, and ``\d`` and the like as the classes they mean."""
    pattern = pattern.replace("[^\\n]", ".")

    def said(found: re.Match[str]) -> str:
        letters = _CLASSES[found.group(1)]
        before = pattern[: found.start()]
        inside = before.count("[") - before.count("\\[") > before.count("]") - before.count("\\]")
        return letters if inside else f"[{letters}]"

    return re.sub(r"(?<!\\)\\([dws])", said, pattern)
