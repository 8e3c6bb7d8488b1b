r"""Names, strings and patterns as the language writes them, both ways.

A quote is doubled within its own kind of quotes. The only escape is ``\u{hex}``, for characters
that cannot stand in a line of text; a backslash is itself otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Words that begin an item, a modifier, a term or an operator. The grammar would accept some of them
# as names in some places; written out they are quoted everywhere.
RESERVED = frozenset(
    {
        *("and", "between", "case", "else", "false", "iff", "in", "is", "key", "like", "matching"),
        *("not", "null", "optional", "or", "rule", "table", "then", "true", "unique", "when"),
    }
)
# Words of the language that the grammar takes for names wherever it can; printed in backticks, they
# are names everywhere.
SOMETIMES = frozenset({"determines", "distinct", "of", "per", "via", "where"})
_PLAIN = re.compile(r"[^\W\d]\w*\Z")
_ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}")
_PATTERN_PAIR = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|(.))")
_PATTERN_CHARACTER = re.compile(r"\\.|.", re.DOTALL)


def write_name(name: str) -> str:
    """Return a name as written in a rules file: plain where it can be, else in backticks."""
    if _PLAIN.match(name) and name not in RESERVED | SOMETIMES:
        return name
    return f"`{_escaped(name).replace('`', '``')}`"


def write_names(names: Sequence[str]) -> str:
    """Return a list of names, as it is written without brackets."""
    return ", ".join(map(write_name, names))


def write_string(text: str) -> str:
    """Return a text constant in single quotes."""
    return f"'{_escaped(text).replace(chr(39), chr(39) * 2)}'"


def write_description(text: str) -> str:
    """Return a rule's description in double quotes."""
    return f'"{_escaped(text).replace(chr(34), chr(34) * 2)}"'


def write_pattern(pattern: str) -> str:
    """Return a pattern between slashes."""
    return f"/{_PATTERN_CHARACTER.sub(_pattern_character, pattern)}/"


def read_quoted(token: str) -> str:
    """Return what a token in quotes of any kind stands for; a plain name is itself."""
    quote = token[0]
    if quote not in "`'\"":
        return str(token)  # a parser's token is a str that prints otherwise
    return _ESCAPE.sub(_unescaped, token[1:-1].replace(quote * 2, quote))


def read_pattern(token: str) -> str:
    """Return the pattern a token between slashes stands for."""

    def plain(found: re.Match[str]) -> str:
        if found[1]:
            return _unescaped(found)
        return "/" if found[2] == "/" else found[0]

    return _PATTERN_PAIR.sub(plain, token[1:-1])


def _escaped(text: str) -> str:
    text = re.sub(r"\\(?=u\{[0-9a-fA-F]{1,6}\})", r"\\u{5c}", text)
    return "".join(_visible(c) for c in text)


def _visible(character: str) -> str:
    """Return the character, or its escape where a reader or a line of text could not hold it."""
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cf", "Cs", "Zl", "Zp") or (kind == "Zs" and character != " "):
        return f"\\u{{{ord(character):x}}}"
    return character


def _pattern_character(found: re.Match[str]) -> str:
    text = found[0]
    if text == "/":
        return r"\/"
    if text == "\\" or (len(text) == 2 and (text[1] in "/u" or _visible(text[1]) != text[1])):
        rest = text[1:]
        return r"\u{5c}" + (r"\/" if rest == "/" else _visible(rest) if rest else "")
    return text if len(text) == 2 else _visible(text)


def _unescaped(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return chr(code) if code <= 0x10FFFF else found[0]
