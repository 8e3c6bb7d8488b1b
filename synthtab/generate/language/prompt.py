"""The prompt: schema, rules, figures and examples, under a budget of tokens.

What it says in which words stands in ``grammars/prompt.txt``. Where not all of it fits, it is cut
line by line: passages first, then rows, then figures, then rules, each from the end. The
schema is never cut; where it does not fit alone, that is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from synthtab.errors import UsageError
from synthtab.generate.language.material import Material
from synthtab.lang.resources import grammar_text

FILE = "prompt.txt"
CUT = ("passages", "rows", "statistics", "rules")
"""What is cut, in this order."""

_OWN = "own"
"""The section that a row has for itself."""

Count = Callable[[str], int]


@dataclass(frozen=True)
class Prompt:
    """The text before a row; ``kept`` says how many lines of each part are in it, of how many.

    ``tokens`` of it are at most ``limit``; both are None where there is no tokenizer to count with.
    """

    text: str
    tokens: int | None
    limit: int | None
    kept: Mapping[str, tuple[int, int]]

    @property
    def cut(self) -> tuple[str, ...]:
        """What was left out, a phrase for each part."""
        return tuple(
            f"{of - some:,} of {of:,} {part}" for part, (some, of) in self.kept.items() if some < of
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the text, the tokens, and lines kept of each part."""
        return {
            "text": self.text,
            "tokens": self.tokens,
            "limit": self.limit,
            "kept": {part: {"lines": n, "of": of} for part, (n, of) in self.kept.items()},
            "cut": list(self.cut),
        }


def render(given: Material, count: Count | None = None, limit: int | None = None) -> Prompt:
    """Return as much of what is given as ``limit`` tokens hold.

    ``count`` says how many tokens a text has. Raises UsageError, with both numbers, where the
    schema alone has more.
    """
    sections = _sections(grammar_text(FILE))
    of = {part: len(getattr(given, part)) for part in CUT}
    most = sum(of.values())

    def text(dropped: int) -> str:
        return _text(sections, given, _kept(of, dropped))

    if count is None:
        return Prompt(text(0), None, None, {part: (n, n) for part, n in of.items()})

    @cache
    def tokens(dropped: int) -> int:
        return count(text(dropped))

    dropped = 0
    if limit is not None and tokens(0) > limit:
        if (least := tokens(most)) > limit:
            raise UsageError(
                f"the schema of table `{given.table}` alone takes {least:,} tokens, and there is "
                f"room for {limit:,}: use a model that reads more, give the prompt more tokens, or "
                "declare fewer columns"
            )
        too_few, dropped = 0, most
        while dropped - too_few > 1:
            middle = (too_few + dropped) // 2
            if tokens(middle) <= limit:
                dropped = middle
            else:
                too_few = middle
    left = _kept(of, dropped)
    return Prompt(
        text(dropped), tokens(dropped), limit, {part: (left[part], of[part]) for part in CUT}
    )


def render_own(passages: Sequence[str]) -> str:
    """Return what stands between the prompt and one row: passages of that row's own."""
    own = tuple("- " + " ".join(passage.split()) for passage in passages)
    body = dict(_sections(grammar_text(FILE)))[_OWN]
    filled = [_filled(line, {_OWN: own}, {}) for line in body.split("\n")]
    return "\n" + "\n".join(line for line in filled if line is not None) + "\n"


def _kept(of: Mapping[str, int], dropped: int) -> dict[str, int]:
    """Return how many lines of each part are left when so many are dropped, in the order of CUT."""
    left = {}
    for part in CUT:
        gone = min(dropped, of[part])
        left[part], dropped = of[part] - gone, dropped - gone
    return left


def _text(sections: list[tuple[str, str]], given: Material, kept: Mapping[str, int]) -> str:
    """Return the sections that have something to say, filled in."""
    lines: dict[str, tuple[str, ...]] = {"about": given.about, "columns": given.columns}
    lines |= {part: getattr(given, part)[: kept[part]] for part in CUT}
    lines["passages"] = tuple(f"- {passage}" for passage in lines["passages"])
    words = {"table": given.table, "number": f"{given.number:,}"}
    out = []
    for name, body in sections:
        if name == _OWN:
            continue
        # The last section ends with the row to be written, which comes after no examples too.
        if name == "schema" or name == "rows" or lines[name]:
            filled = [_filled(line, lines, words) for line in body.split("\n")]
            out.append("\n".join(line for line in filled if line is not None))
    return "\n\n".join(out) + "\n"


def _filled(
    line: str, lines: Mapping[str, tuple[str, ...]], words: Mapping[str, str]
) -> str | None:
    """Return a line of the template filled in; None where it stands for lines, and there are none.

    What is filled in is not looked at again: a value may have braces of its own.
    """
    if line.startswith("{") and line.endswith("}") and line[1:-1] in lines:
        found = lines[line[1:-1]]
        return "\n".join(found) if found else None
    parts = line.split("{")
    out = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        out.append(words[name] + rest if brace and name in words else "{" + part)
    return "".join(out)


def _sections(template: str) -> list[tuple[str, str]]:
    """Return the template's sections, by name, in their order."""
    out: list[tuple[str, list[str]]] = []
    for line in template.splitlines():
        if line.startswith("["):
            out.append((line.strip("[] "), []))
        elif not line.startswith("#") and out:
            out[-1][1].append(line)
    return [(name, "\n".join(body).strip("\n")) for name, body in out]
