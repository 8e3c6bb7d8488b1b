"""The page's colours in both themes, its style and its script."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

HEAT_LEVELS = 7
"""Steps of the scale that pair errors are shown in."""

# name: (light, dark). Tests hold the contrast of each pair that is read against another.
COLOURS = {
    "page": ("#f5f6f8", "#11151a"),
    "card": ("#ffffff", "#1a2027"),
    "text": ("#1a2027", "#e8ecf0"),
    "quiet": ("#525c68", "#a7b2be"),
    "line": ("#d8dde3", "#353f4a"),
    "control": ("#76818e", "#808c99"),
    "link": ("#0b5394", "#8ac2f5"),
    "real": ("#5d6d83", "#a9b7c8"),
    "real-fill": ("#bcc6d2", "#465566"),
    "synthetic": ("#b3470f", "#f59a5c"),
    "good": ("#17633a", "#84d6a4"),
    "good-back": ("#e3f3e9", "#17362a"),
    "look": ("#7a4b00", "#f0c168"),
    "look-back": ("#fdf1d8", "#3b2f14"),
    "bad": ("#9c1c1c", "#ff9d94"),
    "bad-back": ("#fce6e4", "#4a1f1f"),
    "open": ("#44505c", "#c0cad4"),
    "open-back": ("#e9edf1", "#2a333d"),
    "heat-0": ("#f1f4f7", "#1f272f"),
    "heat-1": ("#d9e5ef", "#25384a"),
    "heat-2": ("#b3cde0", "#2b4d6b"),
    "heat-3": ("#8fb5d2", "#34688f"),
    "heat-4": ("#3f76a3", "#7db1d8"),
    "heat-5": ("#1d4e79", "#abd0ec"),
    "heat-6": ("#0b2b49", "#e4f2fd"),
    "heat-ink-low": ("#1a2027", "#ffffff"),
    "heat-ink-high": ("#ffffff", "#11151a"),
}


def style() -> str:
    """Return the page's style sheet: the colours of both themes, then report.css.

    Paper is light; otherwise the reader's system decides until the page's own switch does.
    """
    light, dark = (_variables(side, scheme) for side, scheme in ((0, "light"), (1, "dark")))
    return (
        f":root{{{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark)"
        f'{{:root:not([data-theme="light"]){{{dark}}}}}\n'
        f'@media screen{{:root[data-theme="dark"]{{{dark}}}}}\n'
        f"{_shipped('report.css')}"
    )


def script() -> str:
    """Return the page's script; without it everything can be read all the same."""
    return _shipped("report.js")


def _variables(side: int, scheme: str) -> str:
    return f"color-scheme:{scheme};" + "".join(
        f"--{name}:{both[side]};" for name, both in COLOURS.items()
    )


@cache
def _shipped(name: str) -> str:
    return files("synthtab.report").joinpath(name).read_text(encoding="utf-8")
