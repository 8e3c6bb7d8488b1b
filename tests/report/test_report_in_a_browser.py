"""The report as readers meet it, in Chromium: by eye, keyboard, screen reader and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_assessments import HOSTILE, assessment, bare

from bench.browser import browser, missing
from synthtab.assess.assessment import Assessments
from synthtab.report.opening import Compared
from synthtab.report.page import page

LACKS = missing()
pytestmark = pytest.mark.skipif(LACKS is not None, reason=LACKS or "")
NAMES = Compared("real.csv", "out.csv", "rest.csv", "people.rules")
WIDE = tuple(f"c{k}" for k in range(15))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("reports")
    several = Assessments((assessment(table="customer"), assessment(table="orders", broken=2)))
    hostile = replace(assessment((HOSTILE, "b")), table=HOSTILE, notes=(HOSTILE,))
    pages = {
        "whole": Assessments((assessment(WIDE, broken=3),)),
        "bare": Assessments((bare(),)),
        "several": several,
        "hostile": Assessments((hostile,)),
        "89 columns": Assessments((assessment(tuple(f"column_{k}" for k in range(89))),)),
    }
    for name, found in pages.items():
        files = {table.table: NAMES for table in found.tables}
        (folder / f"{name}.html").write_text(page(found, files), encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


@contextmanager
def opened(chromium: Any, url: str, width: int = 1280, **settings: Any) -> Iterator[Any]:
    """Open a page; fail where it asks for anything else, or says anything on the console."""
    context = chromium.new_context(viewport={"width": width, "height": 900}, **settings)
    asked, said = [], []
    try:
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        tab.route(re.compile("^(?!file:)"), lambda route: route.abort())
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        tab.goto(url)
        yield tab
    finally:
        context.close()
    assert set(asked) == {url}
    assert said == []


def colour(tab: Any) -> str:
    return str(tab.evaluate("getComputedStyle(document.body).backgroundColor"))


def focused(tab: Any) -> str:
    """Return what has the focus, in a few words."""
    return str(
        tab.evaluate(
            """() => {
              const at = document.activeElement;
              const table = at.querySelector(":scope > table");
              return at.id || (table ? `scroll ${table.id}` : at.textContent.trim());
            }"""
        )
    )


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["whole", "bare", "several", "hostile", "89 columns"])
def test_the_page_never_scrolls_sideways(
    chromium: Any, reports: dict[str, str], name: str, width: int
) -> None:
    with opened(chromium, reports[name], width) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert tab.evaluate("document.documentElement.scrollWidth") == width


def test_the_verdict_is_what_is_seen_first(chromium: Any, reports: dict[str, str]) -> None:
    with opened(chromium, reports["whole"], 360) as tab:
        tops = tab.locator("main > *").evaluate_all("a => a.map(x => [x.id, x.offsetTop])")
        assert min(tops, key=lambda found: found[1])[0] == "verdict"
        assert tab.locator("#verdict .sentence").bounding_box()["y"] < 400
        marks = tab.locator("#verdict .mark").all_inner_texts()
        assert marks[0] == "Problem"
        assert "Good" in marks


def test_everything_is_reached_by_keyboard_in_order(chromium: Any, reports: dict[str, str]) -> None:
    with opened(chromium, reports["whole"]) as tab:
        tab.keyboard.press("Tab")
        assert focused(tab) == "Skip to the verdict"
        assert tab.locator(".skip").bounding_box()["y"] >= 0
        seen = []
        for _ in range(60):
            tab.keyboard.press("Tab")
            seen.append(focused(tab))
        expected = ["theme", "See the rules, one by one", "What was compared", "rules-table-filter"]
        expected += ["scroll rules-table", "Rule", "Synthetic rows that break it", "scroll scores"]
        places = [seen.index(what) for what in expected]
        assert places == sorted(places)
        outline = "e => getComputedStyle(e).outlineStyle"
        assert tab.evaluate(f"({outline})(document.activeElement)") != "none"


def test_the_skip_link_goes_to_the_verdict(chromium: Any, reports: dict[str, str]) -> None:
    with opened(chromium, reports["whole"]) as tab:
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        assert tab.url.endswith("#verdict")
        tab.keyboard.press("Tab")
        assert focused(tab) == "See the rules, one by one"


@pytest.mark.parametrize("system", ["light", "dark"])
def test_colours_follow_the_system_until_they_are_switched(
    chromium: Any, reports: dict[str, str], system: str
) -> None:
    light, dark = "rgb(245, 246, 248)", "rgb(17, 21, 26)"
    own, other = (light, dark) if system == "light" else (dark, light)
    with opened(chromium, reports["whole"], color_scheme=system) as tab:
        switch = tab.get_by_role("button", name="Dark colours")
        assert colour(tab) == own
        assert switch.get_attribute("aria-pressed") == str(system == "dark").lower()
        switch.focus()
        tab.keyboard.press("Enter")
        assert colour(tab) == other
        assert switch.get_attribute("aria-pressed") == str(system == "light").lower()
        tab.reload()
        assert colour(tab) == other
        tab.get_by_role("button", name="Dark colours").click()
        assert colour(tab) == own


def test_the_accessibility_tree_has_landmarks_headings_and_names(
    chromium: Any, reports: dict[str, str]
) -> None:
    with opened(chromium, reports["whole"]) as tab:
        assert tab.get_by_role("banner").count() == 1
        assert tab.get_by_role("main").count() == 1
        assert tab.get_by_role("navigation", name="Contents").count() == 1
        assert tab.get_by_role("contentinfo").count() == 1
        assert tab.get_by_role("heading", level=1).inner_text() == "Synthetic rows of people"
        titles = tab.get_by_role("heading", level=2).all_inner_texts()
        for title in ["Verdict", "Rules", "Likeness", "Usefulness", "Privacy", "Privacy ledger"]:
            assert title in titles
            assert tab.get_by_role("region", name=title, exact=True).count() == 1
        rules = tab.get_by_role("table", name="Rules and declarations")
        assert rules.get_by_role("columnheader").count() == 5
        assert rules.get_by_role("rowheader").count() == 12
        pictures = tab.get_by_role("img", name=re.compile("^Distribution of c"))
        assert pictures.count() == 12
        assert tab.get_by_role(
            "img", name=re.compile("^Heat map of the errors of 105 pairs")
        ).count()
        snapshot = tab.locator("#verdict").aria_snapshot()
        assert 'region "Verdict"' in snapshot
        assert snapshot.index("heading") < snapshot.index("list") < snapshot.index("Problem")


def test_tables_are_sorted_by_their_headings(chromium: Any, reports: dict[str, str]) -> None:
    with opened(chromium, reports["whole"]) as tab:
        rules = tab.locator("#rules-table")
        first = rules.locator("tbody tr").first.locator("th code").first
        assert first.inner_text() == "cap"
        by_name = rules.get_by_role("button", name="Rule", exact=True)
        by_name.focus()
        tab.keyboard.press("Enter")
        assert first.inner_text() == "adult"
        assert rules.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
        tab.keyboard.press("Enter")
        assert first.inner_text() == "rule_8"
        rules.get_by_role("button", name="Synthetic rows that break it").click()
        assert rules.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
        assert first.inner_text() == "cap"


def test_tables_are_filtered_by_words(chromium: Any, reports: dict[str, str]) -> None:
    with opened(chromium, reports["whole"]) as tab:
        box = tab.get_by_role("searchbox", name="Show rows with").first
        box.fill("salary AT most")
        rows = tab.locator("#rules-table tbody tr")
        assert [row.is_visible() for row in rows.all()].count(True) == 1
        assert tab.get_by_role("status").first.inner_text() == "1 of 11"
        box.fill("")
        assert all(row.is_visible() for row in rows.all())


def test_without_a_script_all_of_it_can_be_read(chromium: Any, reports: dict[str, str]) -> None:
    with opened(chromium, reports["whole"], java_script_enabled=False) as tab:
        assert not tab.locator("#theme").is_visible()
        assert tab.locator("#rules-table tbody tr").count() == 11
        more = tab.locator("#columns > details")
        assert not more.locator("figure").first.is_visible()
        more.locator("> summary").click()
        assert more.locator("figure").first.is_visible()


def test_paper_is_light_unfolded_and_without_controls(
    chromium: Any, reports: dict[str, str]
) -> None:
    with opened(chromium, reports["whole"], color_scheme="dark") as tab:
        tab.emulate_media(media="print")
        scheme = "getComputedStyle(document.documentElement)"
        assert tab.evaluate(f"{scheme}.getPropertyValue('--card')") == "#ffffff"
        assert tab.evaluate(f"{scheme}.colorScheme") == "light"
        for control in ("#theme", "nav", ".filter", ".skip", "summary"):
            assert not tab.locator(control).first.is_visible(), control
        assert tab.locator("#columns > details figure").first.is_visible()
        assert not tab.locator("#all-pairs").is_visible()
        assert not tab.locator("#columns figure table").first.is_visible()
        for kept in ("#columns figure", "#rules-table tr", "#verdict li"):
            style = "e => getComputedStyle(e).breakInside"
            assert tab.locator(kept).first.evaluate(style) == "avoid"
        assert (
            tab.locator("#rules-table thead").evaluate("e => getComputedStyle(e).display")
            == "table-header-group"
        )
        printed = tab.pdf()
        assert printed.startswith(b"%PDF")
        assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 30


def test_nothing_moves_for_those_who_asked_for_that(chromium: Any, reports: dict[str, str]) -> None:
    smooth = "getComputedStyle(document.documentElement).scrollBehavior"
    with opened(chromium, reports["bare"], reduced_motion="reduce") as tab:
        assert tab.evaluate(smooth) == "auto"
    with opened(chromium, reports["bare"], reduced_motion="no-preference") as tab:
        assert tab.evaluate(smooth) == "smooth"


def test_names_from_the_data_stay_text(chromium: Any, reports: dict[str, str]) -> None:
    with opened(chromium, reports["hostile"]) as tab:
        assert tab.get_by_role("heading", level=1).inner_text() == f"Synthetic rows of {HOSTILE}"
        assert tab.locator("script").count() == 1


def test_the_policy_holds_against_what_is_put_into_the_page(
    chromium: Any, reports: dict[str, str], tmp_path: Path
) -> None:
    """Should anything ever get past the escaping, the browser still does not run or fetch it."""
    clean = chromium.new_context()
    tab = clean.new_page()
    tab.goto(reports["bare"])
    text = tab.evaluate("fetch ? document.documentElement.outerHTML : ''")
    attack = '<script>document.title="run"</script><img src="https://example.org/x.png">'
    broken = tmp_path / "attacked.html"
    broken.write_text(text.replace("</main>", attack + "</main>"), encoding="utf-8")
    refused = []
    tab.on("console", lambda message: refused.append(message.text))
    tab.goto(broken.as_uri())
    assert tab.title() != "run"
    assert len([line for line in refused if "Content Security Policy" in line]) >= 2
    clean.close()
