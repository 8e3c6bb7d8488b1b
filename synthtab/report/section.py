"""A section of the page, and where it stands: in a page of one table or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthtab.assess.assessment import Form, Interval, Left
from synthtab.report.markup import Content, Markup, tag
from synthtab.report.svg import sign
from synthtab.report.text import LEVELS, figure, interval, reason


@dataclass(frozen=True)
class Section:
    """A titled part of the page. ``table`` is named where the page is about several."""

    ident: str
    title: str
    body: Content
    table: str | None = None
    level: str | None = None

    def render(self) -> Markup:
        """Return the section as a landmark named by its heading."""
        own = self.table is not None and self.title != self.table
        heading = tag(
            "h2",
            (tag("span", self.table, class_="of name"), " ") if own else None,
            self.title,
            id=f"{self.ident}-title",
        )
        return tag(
            *("section", heading, self.body),
            id=self.ident,
            class_=self.level,
            aria_labelledby=f"{self.ident}-title",
        )


@dataclass(frozen=True)
class Place:
    """Where a table's sections stand: what their ids begin with, and the table's name if needed."""

    prefix: str = ""
    table: str | None = None

    def ident(self, name: str) -> str:
        """Return an id for a part of this table's sections."""
        return f"{self.prefix}{name}"

    def section(self, name: str, title: str, *body: Content, level: str | None = None) -> Section:
        """Return a section of this table."""
        return Section(self.ident(name), title, body, self.table, level)


def mark(level: str, words: str | None = None) -> Markup:
    """Return a level as a badge: its sign, its colour and a word."""
    return tag("span", sign(level), words or LEVELS[level], class_=f"mark {level}")


def paragraph(*content: Content) -> Markup:
    """Return a paragraph."""
    return tag("p", *content)


def quiet(*content: Content) -> Markup:
    """Return a paragraph of less weight."""
    return tag("p", *content, class_="quiet")


def note(*content: Content, level: str = "") -> Markup:
    """Return a paragraph that is set apart."""
    return tag("p", *content, class_=f"note {level}".rstrip())


def absent(what: str, *how: Content) -> Markup:
    """Say that a part is missing, and how to get it."""
    return tag("p", tag("strong", what), " ", how, class_="note")


def not_assessed(what: str, left: Sequence[Left], *parts: str) -> Markup:
    """Say that some parts are missing: with the reason, or that nobody asked for them."""
    asked_for = ("This report was made of other parts (", code("--parts"), ").")
    return absent(what, reason(left, *parts) or asked_for)


def bracketed(value: float | None, bounds: Interval | None, form: Form = "number") -> Content:
    """Return a figure, and beneath it its interval in brackets where there is one."""
    shown = figure(value, form)
    return shown if bounds is None else (shown, tag("small", f"({interval(bounds, form)})"))


def code(words: str) -> Markup:
    """Return what is to be typed, or a name from the data."""
    return tag("code", words)
