r"""Regular expressions of other tools, written anew in the dialect of the rules language.

Ours fit the whole value and know no anchors; others search (JSON Schema), match at the start
(pandera's ``str_matches``) or fit the whole value as well (Frictionless). Shorthands are taken as
ASCII: ``\d`` is ``[0-9]``, ``\w`` is ``[A-Za-z0-9_]``.
"""

from __future__ import annotations

import re
import warnings
from enum import Enum

from synthtab.ir.patterns import PatternError, check_pattern

ANYTHING = r"(?:.|\n)*"

_SHORTHANDS = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\r\n\f\v"}
_NAMED_GROUP = re.compile(r"\(\?P?<[A-Za-z_]\w*>")
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})|\\u\{([0-9a-fA-F]{1,6})\}")
_PUNCTUATION = frozenset("\\^$.|?*+()[]{}-/")


class Fit(Enum):
    """Which part of a value a foreign pattern has to fit."""

    SOMEWHERE = "anywhere in the value"
    START = "at the start of the value"
    WHOLE = "the whole value"


class InexpressibleError(Exception):
    """Something that the rules language cannot say; the message says why."""


def escaped(text: str) -> str:
    """Return the pattern of one text."""
    return "".join(f"\\{c}" if c in _PUNCTUATION else c for c in text)


def translated(pattern: str, fit: Fit) -> str:
    """Return a pattern for whole values that says the same.

    Anchors are understood at the ends of the pattern and of its alternatives. Raises
    InexpressibleError with the reason.
    """
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            re.compile(_UNICODE.sub("u", _NAMED_GROUP.sub("(?:", pattern)))
    except re.error as error:
        raise InexpressibleError(f"it is not a regular expression: {error}") from error
    made = []
    for alternative in _alternatives(pattern):
        body, starts, ends = _anchors(alternative)
        before = "" if starts or fit is not Fit.SOMEWHERE else ANYTHING
        after = "" if ends or fit is Fit.WHOLE else ANYTHING
        made.append(f"{before}{_Translator(body).run()}{after}")
    whole = "|".join(made)
    try:
        check_pattern(whole)
    except PatternError as error:
        raise InexpressibleError(f"{error}: {error.help}") from error
    return whole


def _alternatives(pattern: str) -> list[str]:
    """Split a pattern at the ``|`` that stand in no group and no class."""
    found, depth, start, at = [], 0, 0, 0
    in_class = False
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            at += 1
        elif in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == "|" and depth == 0:
            found.append(pattern[start:at])
            start = at + 1
        at += 1
    return [*found, pattern[start:]]


def _anchors(alternative: str) -> tuple[str, bool, bool]:
    """Return an alternative without the anchors at its ends, and whether it had them."""
    starts = alternative.startswith(("^", r"\A"))
    if starts:
        alternative = alternative.removeprefix("^").removeprefix(r"\A")
    for anchor in ("$", r"\Z", r"\z"):
        head = alternative.removesuffix(anchor)
        trailing = len(head) - len(head.rstrip("\\"))
        if head != alternative and trailing % 2 == 0:
            return head, starts, True
    return alternative, starts, False


class _Translator:
    """Writes one alternative anew, sign by sign."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def run(self) -> str:
        out = []
        while self.at < len(self.pattern):
            out.append(self.item())
        return "".join(out)

    def item(self) -> str:
        sign = self.pattern[self.at]
        if sign == "\\":
            return self.escape(in_class=False)
        if sign == "[":
            return self.character_class()
        if sign == "(":
            named = _NAMED_GROUP.match(self.pattern, self.at)
            if named:
                self.at = named.end()
                return "(?:"
        self.at += 1
        return sign

    def character_class(self) -> str:
        out = ["["]
        self.at += 1
        if self.pattern.startswith("^", self.at):
            out.append("^")
            self.at += 1
        if self.pattern.startswith("]", self.at):
            raise InexpressibleError(
                "']' first in a character class is read differently by engines"
            )
        while self.pattern[self.at] != "]":
            sign = self.pattern[self.at]
            if sign == "\\":
                out.append(self.escape(in_class=True))
                continue
            self.at += 1
            doubled = sign in "&~" and self.pattern[self.at] == sign
            out.append(f"\\{sign}" if sign == "[" or doubled else sign)
        self.at += 1
        return "".join([*out, "]"])

    def escape(self, *, in_class: bool) -> str:
        found = _UNICODE.match(self.pattern, self.at)
        if found:
            self.at = found.end()
            code = int(found[1] or found[2], 16)
            if code > 0x10FFFF:
                raise InexpressibleError(f"{found[0]} is no character")
            return escaped(chr(code))
        letter = self.pattern[self.at + 1 : self.at + 2]
        self.at += 2
        if letter in _SHORTHANDS:
            return _SHORTHANDS[letter] if in_class else f"[{_SHORTHANDS[letter]}]"
        if letter.lower() in _SHORTHANDS and letter:
            if in_class:
                raise InexpressibleError(f"\\{letter} within a character class has no equal here")
            return f"[^{_SHORTHANDS[letter.lower()]}]"
        # What is neither is for the check of the whole to accept or refuse.
        plain = letter in " \"'#%&,:;<=>@_`~!" or (letter and not letter.isascii())
        return letter if plain and not in_class else f"\\{letter}"
