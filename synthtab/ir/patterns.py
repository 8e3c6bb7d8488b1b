"""The regular expressions that mean the same to Python, RE2 (DuckDB) and Rust (Outlines).

A pattern always has to fit the whole value. What the three engines read differently, or not at all,
is refused with a word on what to write instead.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_REPEAT = 1000  # RE2's limit
_INSTEAD = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "w": "[A-Za-z0-9_]",
    "W": "[^A-Za-z0-9_]",
    "s": "[ \\t\\r\\n]",
    "S": "[^ \\t\\r\\n]",
}
_ANCHORS = "bBAzZG<>"
_CONTROLS = "ntrfv"
_HEX = "0123456789abcdefABCDEF"


class PatternError(ValueError):
    """A pattern is malformed, or (``unsupported``) outside the common dialect."""

    def __init__(self, message: str, position: int, *, help_: str, unsupported: bool) -> None:
        super().__init__(message)
        self.position = position
        self.help = help_
        self.unsupported = unsupported


@dataclass(frozen=True)
class Lengths:
    """The least and greatest number of characters a pattern can match; None is no limit."""

    least: int
    most: int | None


def check_pattern(pattern: str) -> Lengths:
    """Check a pattern against the common dialect and return the lengths of what it matches.

    Raises PatternError with the position in the pattern and what to write instead.
    """
    reader = _Reader(pattern)
    lengths = reader.alternatives()
    if reader.at < len(pattern):
        raise reader.malformed("')' has no '(' before it", "write \\) for the character itself")
    return lengths


class _Reader:
    """Recursive descent over one pattern; ``at`` is the next character."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def alternatives(self) -> Lengths:
        found = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            found.append(self.sequence())
        mosts = [f.most for f in found if f.most is not None]
        most = max(mosts) if len(mosts) == len(found) else None
        return Lengths(min(f.least for f in found), most)

    def sequence(self) -> Lengths:
        least, most = 0, 0
        endless = False
        while self.peek() not in ("", "|", ")"):
            item = self.repeated()
            least += item.least
            if item.most is None:
                endless = True
            else:
                most += item.most
        return Lengths(least, None if endless else most)

    def repeated(self) -> Lengths:
        item = self.atom()
        lo, hi = self.repeat()
        if (lo, hi) == (1, 1):
            return item
        if self.peek() == "?":  # lazy: the same set of whole matches
            self.at += 1
        if self.peek() and self.peek() in "*+?{":
            raise self.malformed(
                "a repeat of a repeat", "put the first repeat into (?: ... )", unsupported=True
            )
        most = 0 if item.most == 0 else None if hi is None or item.most is None else item.most * hi
        return Lengths(item.least * lo, most)

    def repeat(self) -> tuple[int, int | None]:
        sign = self.peek()
        if sign and sign in "*+?":
            self.at += 1
            return (1 if sign == "+" else 0), (1 if sign == "?" else None)
        if sign != "{":
            return 1, 1
        end = self.pattern.find("}", self.at)
        body = self.pattern[self.at + 1 : end] if end > 0 else ""
        low, comma, high = body.partition(",")
        if not _is_count(low) or (high and not _is_count(high)):
            raise self.malformed(
                "'{' does not begin a repeat like {2}, {2,} or {2,5}",
                "write \\{ for the character itself",
            )
        lo = int(low)
        hi = int(high) if high else (None if comma else lo)
        if max(lo, hi or 0) > MAX_REPEAT:
            raise self.malformed(
                f"a repeat of more than {MAX_REPEAT}",
                f"at most {MAX_REPEAT} is supported; leave the upper count out for no limit",
                unsupported=True,
            )
        if hi is not None and lo > hi:
            raise self.malformed(
                f"the repeat {{{body}}} has its counts the wrong way round", f"write {{{hi},{lo}}}"
            )
        self.at = end + 1
        return lo, hi

    def atom(self) -> Lengths:
        sign = self.peek()
        if sign == "(":
            return self.group()
        if sign == "[":
            return self.character_class()
        if sign == "\\":
            self.escape()
            return Lengths(1, 1)
        if sign in ("^", "$"):
            raise self.malformed(
                f"the anchor '{sign}'",
                "leave it out: a pattern always fits the whole value"
                f" (\\{sign} is the character itself)",
                unsupported=True,
            )
        if sign in "*+?{":
            raise self.malformed(
                f"'{sign}' has nothing before it to repeat",
                f"write \\{sign} for the character itself",
            )
        if sign in "]}":
            raise self.malformed(
                f"'{sign}' closes nothing", f"write \\{sign} for the character itself"
            )
        self.at += 1
        return Lengths(1, 1)

    def group(self) -> Lengths:
        start = self.at
        if self.pattern.startswith("(?:", start):
            self.at += 3
        elif self.pattern.startswith("(?", start):
            raise self.special_group()
        else:
            self.at += 1
        inside = self.alternatives()
        if self.peek() != ")":
            raise self.malformed("'(' is never closed", "add the ')'", at=start)
        self.at += 1
        return inside

    def special_group(self) -> PatternError:
        rest = self.pattern[self.at + 2 :]
        if rest.startswith(("=", "!", "<=", "<!")):
            return self.malformed(
                "look-around",
                "say it with a rule: `x matching /.../ and not (x matching /.../)`",
                unsupported=True,
            )
        if rest.startswith(("P<", "<", "P=")):
            return self.malformed("a named group", "write (?: ... )", unsupported=True)
        return self.malformed(
            f"the group '(?{rest[:1]}'",
            "write (?: ... ); flags are not supported",
            unsupported=True,
        )

    def character_class(self) -> Lengths:
        start = self.at
        self.at += 1
        if self.peek() == "^":
            self.at += 1
        if self.peek() == "]":
            raise self.malformed("an empty character class", "write \\] for the character itself")
        while self.peek() != "]":
            low = self.class_member(start)
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", "", "-"):
                self.at += 1
                high = self.class_member(start)
                if low > high:
                    raise self.malformed(
                        f"the range {low}-{high} runs backwards", f"write {high}-{low}"
                    )
        self.at += 1
        return Lengths(1, 1)

    def class_member(self, start: int) -> str:
        sign = self.peek()
        if not sign:
            raise self.malformed("'[' is never closed", "add the ']'", at=start)
        if sign == "\\":
            return self.escape()
        if sign == "[":
            raise self.malformed(
                "'[' within a character class",
                "write \\[ for the character itself",
                unsupported=True,
            )
        if self.pattern[self.at : self.at + 2] in ("&&", "~~", "--"):
            raise self.malformed(
                f"'{sign}{sign}' within a character class",
                f"write the character once, as \\{sign}",
                unsupported=True,
            )
        self.at += 1
        return sign

    def escape(self) -> str:
        letter = self.pattern[self.at + 1 : self.at + 2]
        if not letter:
            raise self.malformed("a lone '\\' at the end", "write \\\\ for the character itself")
        if letter in _INSTEAD:
            raise self.malformed(
                f"'\\{letter}', which engines read differently",
                f"write {_INSTEAD[letter]}",
                unsupported=True,
            )
        if letter in _ANCHORS:
            raise self.malformed(
                f"the anchor '\\{letter}'",
                "leave it out: a pattern always fits the whole value",
                unsupported=True,
            )
        if letter.isdigit():
            raise self.malformed(
                f"the back-reference '\\{letter}'", "write the alternatives out", unsupported=True
            )
        if letter in _CONTROLS:
            self.at += 2
            return {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}[letter]
        if letter == "x":
            code = self.pattern[self.at + 2 : self.at + 4]
            if len(code) == 2 and all(c in _HEX for c in code):
                self.at += 4
                return chr(int(code, 16))
            raise self.malformed("'\\x' without two hexadecimal digits", "write \\x41 for A")
        if letter.isalnum() or letter == "_" or not letter.isascii() or not letter.isprintable():
            raise self.malformed(
                f"the escape '\\{letter}'",
                "write the character itself; \\ goes before punctuation only",
                unsupported=True,
            )
        self.at += 2
        return letter

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def malformed(
        self, message: str, help_: str, *, at: int | None = None, unsupported: bool = False
    ) -> PatternError:
        return PatternError(
            message, self.at if at is None else at, help_=help_, unsupported=unsupported
        )


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
