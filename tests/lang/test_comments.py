"""Formatting keeps comments: all of them, once, with what they are about."""

import re
from pathlib import Path

import pytest

from synthtab.lang.comments import format_with_comments
from synthtab.lang.parse import Parsed, parse

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("rules/*.rules"), *ROOT.glob("bench/published/*.rules")])
TEXT = """# What this is,
# in two lines.

# The age of majority.
const legal_age=18   # since 1975


table person { # people
  id integer key   # a number
  # Before the column.
  age integer in 0 .. 120

  # Before the rule, which is long,
  # in two lines.
  rule adult "has a # in it": age >= legal_age # behind
  rule spread:
    # within the rule
    age > 3 and   # within it as well
    age < 99

  rule other: age != 50


  # At the end of the table.
}
# Between tables.

table t { code text(9) matching /[A-Z]{2}#'/ flag boolean } # after the brace
# The last.
"""
EXPECTED = """# What this is,
# in two lines.

# The age of majority.
const legal_age = 18  # since 1975

table person {  # people
  id  integer key  # a number
  # Before the column.
  age integer in 0 .. 120

  # Before the rule, which is long,
  # in two lines.
  rule adult "has a # in it": age >= legal_age  # behind
  # within the rule
  rule spread: age > 3 and age < 99  # within it as well

  rule other: age != 50
  # At the end of the table.
}

# Between tables.

table t {
  code text(9) matching /[A-Z]{2}#'/
  flag boolean
}  # after the brace

# The last.
"""


def formatted(parsed: Parsed) -> str:
    return format_with_comments(parsed.tables, parsed.constants, parsed.source)


def comments(text: str) -> list[str]:
    plain = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"|/[^/\n]*/", "", text)
    return sorted(c.rstrip() for c in re.findall(r"#[^\n]*", plain))


def test_comments_stay_with_what_they_are_about() -> None:
    made = formatted(parse(TEXT))
    assert made == EXPECTED
    assert formatted(parse(made)) == made


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_shipped_files_keep_all_they_say(path: Path) -> None:
    text = path.read_text("utf-8")
    parsed = parse(text)
    made = formatted(parsed)
    again = parse(made)
    assert repr(again.tables) == repr(parsed.tables)
    assert again.constants == parsed.constants
    assert comments(made) == comments(text)
    assert formatted(again) == made


@pytest.mark.parametrize(
    "text",
    [
        "table t { a integer }",
        "table t{a integer rule r:a>1 rule q:a<9}table u{b date}",
        "table t { a integer # one\n} # two",
        "# one\n\n\n# two\ntable t {\n# three\n\n# four\n a integer\n\n\n}\n# five\n\n# six",
        "table t {\n  rule r: a > 1 # late\n  a integer # early\n}",
        "table t {\n  a integer # long comment " + "x" * 90 + "\n}",
    ],
)
def test_any_layout(text: str) -> None:
    parsed = parse(text)
    made = formatted(parsed)
    assert comments(made) == comments(text)
    assert repr(parse(made).tables) == repr(parsed.tables)
    assert formatted(parse(made)) == made
