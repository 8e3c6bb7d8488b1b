"""HTML and SVG made of typed functions, so that nothing reaches the page without being escaped.

Text is ``str``, markup is :class:`Markup`: a plain string put anywhere into the page is text, and
comes out as the reader should see it. Only this module, and the style and script that we ship, make
Markup of strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

VOID = frozenset({"meta", "link", "input", "br", "hr", "col"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
# What XML and HTML have no place for, and what turns the direction of the text around it.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


@dataclass(frozen=True)
class Markup:
    """A piece of the page that is markup already."""

    text: str

    def __str__(self) -> str:
        return self.text


Content: TypeAlias = "Markup | str | int | Iterable[Content] | None"
"""What may stand inside an element; None and empty sequences leave nothing behind."""
Attribute: TypeAlias = "str | int | float | bool | None"
"""An attribute's value: True writes the bare name, False and None leave the attribute out."""


def tag(name: str, /, *content: Content, **attributes: Attribute) -> Markup:
    """Return an element.

    A name that is a word of Python ends in ``_``, and ``_`` inside it stands for ``-``
    (``class_="wide"``, ``aria_label="..."``). Raises ValueError for a name that is none.
    """
    named = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()}
    return element(name, named, *content)


def element(name: str, attributes: Mapping[str, Attribute], *content: Content) -> Markup:
    """Return an element whose attributes are named as they stand in the page."""
    parts = [f"<{_checked(name)}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        shown = "" if value is True else f'="{escape(_seen(_number(value)))}"'
        parts.append(f" {_checked(key)}{shown}")
    parts.append(">")
    if name in VOID:
        if any(True for c in content if c not in (None, "")):
            raise ValueError(f"<{name}> holds nothing")
        return Markup("".join(parts))
    return Markup(f"{''.join(parts)}{join(content)}</{name}>")


def join(content: Content) -> Markup:
    """Return content as markup: text is escaped, markup stays as it is."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int):
        return Markup(escape(_seen(str(content)), quote=False))
    return Markup("".join(join(part).text for part in content))


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is no name of an element or attribute")
    return name


def _number(value: Attribute) -> str:
    # Coordinates: a tenth of a unit of the picture is more than a screen shows.
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _seen(text: str) -> str:
    return _UNSEEN.sub("\ufffd", text)
