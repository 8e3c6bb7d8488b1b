r"""A TextMate grammar of the rules language, for VS Code, Sublime Text, GitHub and others.

Its words and patterns are those of grammars/rules.lark and of the language's own tables; nothing is
listed twice. What the parser knows from its state a highlighter guesses from the neighbours on the
line: a word is a type after a name (``born date``), a unit after a value (``18 years``).

    python -m synthtab.lang.editor > grammars/rules.tmLanguage.json
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from lark import Lark
from lark.lexer import PatternStr

from synthtab.lang.calls import FUNCTIONS
from synthtab.lang.parse import parser

SCOPE = "source.rules"

# Where a word stands in a theme; a word of the grammar that is not here is a keyword like others.
_SCOPES = {
    "storage.type.declaration": ("table", "rule", "const"),
    "storage.modifier": ("optional", "key", "unique"),
    "keyword.operator.word": ("and", "or", "not", "iff", "in", "is", "between", "like"),
    "constant.language": ("true", "false", "null"),
    "keyword.control": ("when", "then", "else", "case"),
}
_TOKENS = {
    "COMMENT": "comment.line.number-sign",
    "DESCRIPTION": "string.quoted.double",
    "STRING": "string.quoted.single",
    "DATETIME": "constant.other.datetime",
    "DATE": "constant.other.date",
    "NUMBER": "constant.numeric",
    "COMPARE": "keyword.operator.comparison",
}
"""Terminals that look the same wherever they stand, in the order they are tried."""


def textmate() -> dict[str, Any]:
    """Return the TextMate grammar, as plain data for JSON."""
    words = _Words(parser())
    name = f"(?:{words.patterns['NAME']}|{words.patterns['QUOTED']})"
    word_rules = [
        {"match": rf"\b(?:{'|'.join(found)})\b", "name": f"{scope}.rules"}
        for scope, found in words.by_scope()
    ]
    return {
        "information_for_contributors": ["Made by python -m synthtab.lang.editor: change that."],
        "name": "SynthTab rules",
        "scopeName": SCOPE,
        "fileTypes": ["rules"],
        "patterns": [
            *({"match": words.patterns[t], "name": f"{s}.rules"} for t, s in _TOKENS.items()),
            _captured(
                rf"\b(matching)(\s*)({words.patterns['REGEX']})",
                {1: "keyword.operator.word", 3: "string.regexp"},
            ),
            _captured(
                rf"\b(const)\s+({name})(?=\s*=)",
                {1: "storage.type.declaration", 2: "variable.other.constant"},
            ),
            _captured(
                rf"\b(table|rule)\s+({name})",
                {1: "storage.type.declaration", 2: "entity.name.type"},
            ),
            {
                "begin": r"\bcase\b",
                "end": rf"\b{words.patterns['END']}",
                "beginCaptures": {"0": {"name": "keyword.control.rules"}},
                "endCaptures": {"0": {"name": "keyword.control.rules"}},
                "patterns": [{"include": "$self"}],
            },
            *(
                {"match": rf"\b{words.patterns[t]}", "name": "keyword.other.rules"}
                for t in words.phrases
            ),
            *word_rules,
            _captured(
                rf"({name})\s+(datetime)\s*\(\s*({words.patterns['RESOLUTION']})\s*\)",
                {1: "variable.other.column", 2: "support.type", 3: "constant.language"},
            ),
            _captured(
                rf"({name})\s+({'|'.join(words.types)})\b",
                {1: "variable.other.column", 2: "support.type"},
            ),
            {
                "match": rf"\b(?:{'|'.join(dict.fromkeys(FUNCTIONS))})(?=\s*\()",
                "name": "support.function.rules",
            },
            {"match": words.after_value(), "name": "keyword.other.unit.rules"},
            {"match": name, "name": "variable.other.rules"},
            {"match": r"->|\.\.|[-+*/]", "name": "keyword.operator.rules"},
        ],
    }


def text() -> str:
    """Return the grammar as the text of its file."""
    return json.dumps(textmate(), indent=2, ensure_ascii=False) + "\n"


class _Words:
    """What the lark grammar says of words and tokens."""

    def __init__(self, lark: Lark) -> None:
        self.patterns = {t.name: t.pattern.to_regexp() for t in lark.terminals}
        plain = {
            t.name: t.pattern.value for t in lark.terminals if isinstance(t.pattern, PatternStr)
        }
        first = [r.expansion[0].name for r in lark.rules if r.origin.name == "type"]
        # The longest first: `datetime` begins with `date`.
        self.types = sorted({plain[name] for name in first}, key=lambda w: (-len(w), w))
        skipped = {*self.types, "matching", "const"}
        self.words = sorted(w for w in plain.values() if w.isalpha() and w not in skipped)
        self.phrases = sorted(
            name
            for name, pattern in self.patterns.items()
            if name not in (*plain, "END", "UNIT", "RESOLUTION") and pattern[:1].isalpha()
        )

    def by_scope(self) -> list[tuple[str, list[str]]]:
        """Return the words of each scope, those of no scope of their own last."""
        named = [(scope, [w for w in self.words if w in ws]) for scope, ws in _SCOPES.items()]
        known = {w for _, words in named for w in words}
        return [*named, ("keyword.other", [w for w in self.words if w not in known])]

    def after_value(self) -> str:
        """Return the pattern of a unit of time: behind a digit, a name or a bracket and a space."""
        last = [re.match(r"(?:\w+\\s\+)?(\w+)", self.patterns[p]) for p in self.phrases]
        words = sorted({*self.words, *(found[1] for found in last if found)})
        barred = "".join(rf"(?<!\b{word} )" for word in words)
        return rf"(?<=[\w)`] ){barred}\b{self.patterns['UNIT']}"


def _captured(match: str, scopes: dict[int, str]) -> dict[str, Any]:
    """Return a pattern whose groups have scopes of their own."""
    captures = {str(at): {"name": f"{scope}.rules"} for at, scope in scopes.items()}
    return {"match": match, "captures": captures}


if __name__ == "__main__":
    sys.stdout.write(text())
