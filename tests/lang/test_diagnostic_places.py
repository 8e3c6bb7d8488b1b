"""Every finding points at its place: line, column and what is under the carets, for each code.

The texts are the examples of docs/errors, whose codes tests/lang/test_error_pages.py checks.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from test_error_pages import BLOCK, PAGES, findings

from synthtab.diagnostics import CODES, Diagnostic

NO_PLACE = {
    "E100": "the text could not be read; the message gives the line",
    "E115": "there is nothing to point at",
    "E116": "what is nested too deeply has no one place",
    "E117": "the text is not read",
    "E230": "only Python can say it",
    "E232": "only Python can say it",
    "E233": "only Python can say it",
}
PLACES: dict[str, tuple[int, int, str]] = {
    "E101": (3, 19, ">"),
    "E102": (3, 19, "=="),
    "E103": (3, 21, '"high"'),
    "E104": (2, 7, "int"),
    "E105": (4, 13, "if"),
    "E106": (3, 23, "'n/a"),
    "E107": (2, 14, ","),
    "E108": (2, 20, ". 1"),
    "E109": (3, 25, "AND"),
    "E110": (3, 3, "when"),
    "E111": (3, 22, "2014-02-30"),
    "E113": (3, 20, "1e6"),
    "E114": (2, 15, "not null"),
    "E201": (3, 14, "salry"),
    "E202": (3, 16, "yeer(born)"),
    "E203": (2, 7, "person"),
    "E204": (3, 3, "age decimal(4, 1)"),
    "E205": (4, 8, "sane"),
    "E206": (3, 21, "'hihg'"),
    "E207": (3, 22, "null"),
    "E210": (3, 16, "hired > '2014-01-01'"),
    "E211": (4, 19, "name"),
    "E212": (3, 15, "age"),
    "E213": (5, 14, "n > 3"),
    "E214": (4, 20, "hours"),
    "E215": (4, 29, "2 months"),
    "E216": (4, 22, "pause"),
    "E217": (3, 14, "name > 'm'"),
    "E218": (4, 13, "coalesce(a)"),
    "E220": (2, 3, "pay decimal(2, 10)"),
    "E221": (2, 3, "name text(0)"),
    "E222": (2, 3, "level enum('low', 'high', 'low')"),
    "E223": (2, 23, "120.5"),
    "E224": (2, 3, "code text(8) matching /[A-Z/"),
    "E225": (2, 3, "code text(8) matching /^\\d{4}$/"),
    "E226": (2, 23, "key"),
    "E227": (3, 18, "key"),
    "E228": (4, 3, "unique (a, a)"),
    "E231": (1, 7, "person"),
    "E240": (3, 19, "-> teem.id"),
    "E241": (3, 17, "-> team.name"),
    "E242": (3, 19, "-> team.id"),
    "E243": (5, 28, "team.budget"),
    "E244": (6, 27, "airport.reach"),
    "E245": (5, 18, "sum(amount) per shop"),
    "E246": (5, 15, "abs(amount) per shop"),
    "E247": (6, 27, "previous(balance, 0)"),
    "E248": (3, 8, "grown"),
    "E249": (4, 3, "key (id) where active"),
    "E250": (4, 8, "place"),
    "E251": (5, 8, "free"),
    "E252": (4, 71, "salary"),
    "E253": (1, 7, "limit"),
    "E260": (2, 3, "name text(60) ~ like_nam"),
    "E261": (2, 3, "size enum('s', 'm', 'l') ~ weights('m': 3, 'xl': 1)"),
    "E262": (2, 3, "pay decimal(10, 2) ~ normal(52_000, -18_000)"),
    "E301": (4, 8, "young"),
    "E302": (2, 3, "age integer in 120 .. 0"),
    "E304": (5, 3, "key (row_no, letter)"),
    "E305": (3, 22, "-> employee.id"),
    "E306": (3, 8, "enough"),
    "W201": (3, 20, "10.125"),
    "W202": (3, 20, "0"),
    "W203": (2, 3, "pay decimal(4, 2) in 0 .. 500"),
    "W204": (6, 15, "non_decreasing(balance) per account ordered by booked_on"),
    "W303": (1, 7, "person"),
    "W304": (5, 8, "less_than_price"),
    "W305": (4, 8, "plausible"),
    "W306": (6, 18, "ward = 'child' and age >= 65"),
    "W307": (3, 3, "country enum('DE', 'FR', 'IT')"),
    "W308": (3, 3, "left  date in 1990-01-01 .. 1999-12-31 optional"),
    "W309": (3, 3, "phone text(20) optional"),
    "W310": (2, 3, "status enum('open', 'waiting', 'closed')"),
    "W311": (2, 3, "born  date in 1950-01-01 .. 2020-12-31"),
    "W312": (3, 21, "-> folder.id"),
    "W313": (3, 22, "-> clerk.id"),
}


def provoked(code: str) -> Diagnostic:
    """Return the first finding of a code in its page's bad example."""
    bad, _ = BLOCK.findall((PAGES / f"{code}.md").read_text("utf-8"))
    budget = 0.01 if code == "W303" else 5.0
    found = findings(*bad, whole=code[1] == "3", budget_s=budget)
    return next(d for d in found if d.code == code)


def test_every_code_has_a_place_or_a_reason_to_have_none() -> None:
    assert {*PLACES, *NO_PLACE} == set(CODES)
    assert not PLACES.keys() & NO_PLACE.keys()


@pytest.mark.parametrize("code", PLACES)
def test_the_carets_stand_under_what_is_meant(code: str) -> None:
    finding = provoked(code)
    line, column, marked = PLACES[code]
    assert finding.source is not None
    assert finding.span is not None
    assert (finding.span.line, finding.span.column) == (line, column)
    # A condition that ends too early is missing something up to the next item.
    last = finding.span.end_column - 1 if finding.span.end_line == line else None
    assert finding.source.line(line)[column - 1 : last] == marked
    shown = finding.render().splitlines()
    assert shown[1] == f"  --> {finding.source.name}:{line}:{column}"
    at = shown[4].index("^")
    assert shown[4][at:] == "^" * len(marked)
    assert shown[3][at:].startswith(marked)


@pytest.mark.parametrize("code", NO_PLACE)
def test_what_has_no_place_is_shown_without_one(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    finding = provoked(code)
    assert finding.span is None
    assert "-->" not in finding.render()
