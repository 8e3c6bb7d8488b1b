"""Names, texts, patterns and dates that are easily got wrong; few, so that they meet often."""

from __future__ import annotations

from datetime import date

NAMES = (
    "a",
    "b",
    "total amount",
    'say "hi"',
    "select",
    "naïve ☃",
    "it's",
    "back`tick",
    "min",
    "0",
    "Order By",
    "A",
    "x.y",
    "and",
    "date",
    "%s",
    "length",
    "a;b",
    "c0",
    "r1",
)
TEXTS = (
    "",
    "a",
    "ab",
    "A1",
    "naïve ☃",
    "it's",
    'x"y',
    "a\nb",
    "50%",
    "a_b",
    "e\u0301",
    "👩‍👧",
    "b",
    "abab",
    "junior",
    "A",
    "\\",
    "a.b",
)
PATTERNS = (
    "[a-z]*",
    "a.*",
    "[A-Z][0-9]",
    ".+",
    "(a|b)+",
    "[^a]*",
    "..",
    "(?:ab|a)b?",
    "it's",
    "\\.",
    "[%_a-z]{1,3}",
    "☃|a",
    "",
    "a\\.b|\\\\",
    "[\\s\\S]?".replace("\\s\\S", "^z"),
)
LIKES = ("%", "a%", "_", "%a", "a_b", "50%", "", "%'%", "it's", "%☃", "_\n_", "a.b", "\\", "%b_b")
ENUMS = (
    ("a", "b", "junior"),
    ("junior", "mid", "senior"),
    ("it's",),
    ("naïve ☃", "a"),
    ("", "A1", "ab"),
    tuple(f"v{k}" for k in range(12)),
    ("b", "a"),
)
DAYS = tuple(
    date.fromisoformat(d)
    for d in (
        "2024-01-31",
        "2024-02-29",
        "2023-02-28",
        "2024-03-31",
        "1970-01-01",
        "1969-12-31",
        "2000-02-29",
        "1900-03-01",
        "2023-12-31",
        "2021-08-30",
        "2024-02-28",
        "2024-03-01",
    )
)
EXTREME_DAYS = (date.min, date.max, date(1, 12, 31), date(9999, 1, 1))
TIMES = ((0, 0, 0), (23, 59, 59), (12, 0, 0), (8, 30, 0), (23, 0, 0), (0, 0, 1), (13, 59, 0))
