"""Findings about a rules file: a stable code, a place in the source, a message, a way out.

Rendered as compilers do: ``error[E201]: message``, ``--> file:line:col``, the source line with
carets, then ``help:``. Each code has a page of its own under docs/errors/.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Source:
    """A text and the name it is shown under (a file's path, or ``<python>``)."""

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """Return line ``number`` (1-based) without its line end, or '' past the end."""
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True)
class Span:
    """A stretch of source: 1-based line and column of the first character, and one past the last."""

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
        """Return the finding as text of several lines, without colour and without a last newline."""
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
        place = {"file": self.source.name if self.source else None}
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
