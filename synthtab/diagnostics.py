"""Findings about a rules file: a stable code, a place in the source, a message, a way out.

Rendered as compilers do: ``error[E201]: message``, ``--> file:line:col``, the source line with
carets, then ``help:``. Each code has a page of its own under docs/errors/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Severity = Literal["error", "warning", "note"]

# Every code there is, with its title: E1xx syntax, E2xx names and types, E3xx what no row can
# satisfy, Wxxx warnings of the same groups. docs/errors/ has a page for each.
CODES: Mapping[str, str] = MappingProxyType(
    {
        "E100": "the file is not UTF-8 text",
        "E101": "something unexpected, or missing",
        "E102": "an operator of another language",
        "E103": "the wrong kind of quotes",
        "E104": "not a column type",
        "E105": "`if`, or `when` and `then` not in pairs",
        "E106": "a bracket or quote is not closed, or not opened",
        "E107": "items are not separated by commas or semicolons",
        "E108": "a malformed list or range",
        "E109": "a word of the language in capitals",
        "E110": "a word of the language used as a name",
        "E111": "not a date or time",
        "E113": "a malformed number",
        "E114": "a modifier that is wrong or said twice",
        "E115": "no tables",
        "E116": "nested too deeply",
        "E117": "a rules file that is too long",
        "E201": "unknown column",
        "E202": "unknown function",
        "E203": "two tables of one name",
        "E204": "two columns of one name",
        "E205": "two rules of one name",
        "E206": "not a value of the enum",
        "E207": "`null` used as a value",
        "E210": "a comparison of different types",
        "E211": "an operand of the wrong type",
        "E212": "a value where a condition is needed",
        "E213": "a condition where a value is needed",
        "E214": "division by something that varies",
        "E215": "a length of time that does not fit",
        "E216": "not a whole number of units",
        "E217": "an order where there is none",
        "E218": "the wrong number of arguments",
        "E220": "impossible digits of a decimal",
        "E221": "impossible length of a text",
        "E222": "an enum value listed twice",
        "E223": "a range that does not fit its column",
        "E224": "a malformed pattern",
        "E225": "a pattern that engines read differently",
        "E226": "an optional key",
        "E227": "two keys",
        "E228": "a key or unique rule with repeated or no columns",
        "E230": "a constant of no type of the language",
        "E231": "a table without columns",
        "E232": "an empty name",
        "E233": "an unknown resolution of a datetime",
        "E240": "unknown table",
        "E241": "a reference to what is no key",
        "E242": "a reference between columns that do not fit",
        "E243": "no such reference",
        "E244": "an ambiguous reference",
        "E245": "a look beyond the row where there can be none",
        "E246": "a clause the function does not take",
        "E247": "rows without an order",
        "E248": "an impossible share",
        "E249": "a key with exceptions",
        "E250": "a list of columns that repeats one or is empty",
        "E251": "an interval between columns that have none",
        "E252": "a pair of rows that are not told apart",
        "E253": "a constant's name is taken",
        "E260": "an unknown shape or kind of text",
        "E261": "a hint that does not fit its column",
        "E262": "a hint with impossible numbers",
        "E301": "rules that contradict each other",
        "E302": "a column that can hold no value",
        "E304": "more rows asked for than can exist",
        "W201": "a constant finer than its column",
        "W202": "division by zero",
        "W203": "a range that says less than it seems",
        "W204": "an order that may not tell rows apart",
        "W303": "not decided in the time there was",
        "W304": "a rule that others imply",
        "W305": "a rule that nothing can break",
        "W306": "a condition that can never hold",
        "W307": "a column that can hold one value only",
        "W308": "a column that is always NULL",
        "W309": "an optional column that is never NULL",
        "W310": "an enum value that no row can take",
        "W311": "a range tighter in effect than declared",
    }
)


@dataclass(frozen=True)
class Source:
    """A text and the name it is shown under (a file's path, or ``<python>``)."""

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """Return line ``number`` (1-based) without its line end, or '' past the end."""
        lines = self.text.split("\n")
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True)
class Span:
    """A stretch of source: 1-based line and column of its first character and one past its last."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Label:
    """A second place a finding points at, with its own words (the other rule of a conflict)."""

    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One finding. ``span`` and ``source`` are absent for models built in Python."""

    code: str
    message: str
    span: Span | None = None
    help: str | None = None
    source: Source | None = None
    severity: Severity = "error"
    labels: tuple[Label, ...] = ()

    def render(self) -> str:
        """Return the finding as text of several lines, without colour or a last newline."""
        out = [f"{self.severity}[{self.code}]: {self.message}"]
        if self.span is not None and self.source is not None:
            out.append(f"  --> {self.source.name}:{self.span.line}:{self.span.column}")
            out.extend(_excerpt(self.source, self.span, ""))
            for label in self.labels:
                out.extend(_excerpt(self.source, label.span, label.text))
        elif self.labels:
            out.extend(f"  - {label.text}" for label in self.labels)
        if self.help is not None:
            out.append(f"help: {self.help}")
        return "\n".join(out)

    def to_dict(self) -> dict[str, object]:
        """Return the finding as plain data for ``--json``."""
        place: dict[str, object] = {"file": self.source.name if self.source else None}
        if self.span is not None:
            place |= {
                "line": self.span.line,
                "column": self.span.column,
                "end_line": self.span.end_line,
                "end_column": self.span.end_column,
            }
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "help": self.help,
            **place,
            "labels": [
                {"line": label.span.line, "column": label.span.column, "text": label.text}
                for label in self.labels
            ],
        }


def _excerpt(source: Source, span: Span, text: str) -> list[str]:
    number = str(span.line)
    margin = " " * len(number)
    line = source.line(span.line)
    # Tabs are shown as one blank each, so that the carets stand under what they mean.
    shown = line.replace("\t", " ")
    last = span.end_column if span.end_line == span.line else len(line) + 1
    carets = "^" * max(1, min(last, len(line) + 1) - span.column)
    under = f"{' ' * (span.column - 1)}{carets} {text}".rstrip()
    return [f"{margin} |", f"{number} | {shown}".rstrip(), f"{margin} | {under}"]
