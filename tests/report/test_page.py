import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from made_assessments import HOSTILE, assessment, bare, column, rule, score

from synthtab.assess.assessment import Assessments, Left, PairScore, Relation
from synthtab.report import theme
from synthtab.report.markup import VOID
from synthtab.report.opening import Compared
from synthtab.report.page import page

NAMES = Compared("real.csv", "out.csv", "rest.csv", "people.rules")


def made(found: Assessments, names: Compared = NAMES) -> str:
    return page(found, {table.table: names for table in found.tables})


class Document(HTMLParser):
    """Reads a page, and fails where an element is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()
        self.last = ""
        self.links: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.headings: list[int] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        named = dict(attrs)
        self.tags[tag] += 1
        self.last = str(named["id"]) if tag == "section" else self.last
        assert len(named) == len(attrs), f"<{tag}> has an attribute twice"
        if named.get("id"):
            self.ids[str(named["id"])] += 1
        if "href" in named:
            self.links.append(str(named["href"]))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def words(self) -> str:
        shown = "".join(text for inside, text in self.texts if inside not in ("style", "script"))
        return re.sub(r"\s+", " ", shown)


def several() -> Assessments:
    tables = (
        assessment(table="customer"),
        assessment(table="orders", broken=3, seed=1),
        bare(),
    )
    relation = Relation("orders.customer_id -> customer", (score("children", 0.02, 0.01),))
    return Assessments(tables, (relation,))


SOME = {
    "whole": Assessments((assessment(),)),
    "broken": Assessments((assessment(broken=3),)),
    "bare": Assessments((bare(),)),
    "no column": Assessments((replace(bare(), columns=(), overall=()),)),
    "several": several(),
}


@pytest.fixture(params=SOME)
def document(request: pytest.FixtureRequest) -> Document:
    return Document(made(SOME[request.param]))


def test_every_link_leads_somewhere_in_the_page(document: Document) -> None:
    assert max(document.ids.values()) == 1
    for link in document.links:
        assert link == "data:," or (link[0] == "#" and link[1:] in document.ids), link


def test_what_labels_refer_to_exists(document: Document) -> None:
    refers = [v for _, name, v in document.attributes if name in ("aria-labelledby", "for")]
    assert refers
    assert all(v in document.ids for v in refers)


def test_nothing_is_fetched_and_nothing_runs_but_our_script(document: Document) -> None:
    fetching = {"src", "srcset", "action", "data", "poster", "xlink:href", "formaction"}
    for tag, name, value in document.attributes:
        assert name not in fetching, f"<{tag} {name}={value}>"
        assert not name.startswith("on")
        assert name != "style", "the policy forbids it"
        assert name == "content" or "//" not in str(value)
    style = next(t for inside, t in document.texts if inside == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_our_style_and_script_alone(document: Document) -> None:
    policy = next(v for _, name, v in document.attributes if name == "content" and "src" in str(v))
    for kind in ("style", "script"):
        own = "".join(t for inside, t in document.texts if inside == kind)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in str(policy)
    assert str(policy).startswith("default-src 'none'")


def test_headings_leave_no_level_out(document: Document) -> None:
    assert document.headings[0] == 1
    assert document.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(document.headings))


def test_tables_have_captions_and_scopes(document: Document) -> None:
    count = document.tags
    assert count["table"] == count["caption"] == count["thead"] == count["tbody"]
    scopes = [value for _, name, value in document.attributes if name == "scope"]
    assert len(scopes) == count["th"]
    assert set(scopes) <= {"col", "row"}


def test_pictures_are_named_or_hidden(document: Document) -> None:
    named = sum(name == "role" and value == "img" for _, name, value in document.attributes)
    hidden = sum(name == "aria-hidden" for _, name, _ in document.attributes)
    assert named + hidden == document.tags["svg"]


def test_the_verdict_comes_first(document: Document) -> None:
    assert next(iter(document.ids)) != "content"
    order = list(document.ids)
    assert order.index("verdict") < order.index("contents-title") < order.index(document.last)
    words = document.words()
    assert words.index("Verdict") < words.index("Contents")


def test_parts_that_are_missing_say_how_to_get_them() -> None:
    words = Document(made(SOME["bare"], Compared("a.csv", "b.csv"))).words()
    for said in (
        "The rules were not judged. This report was made of other parts (--parts).",
        "No pair of columns was compared. There are fewer than two columns to compare.",
        "No target was named.",
        "--target COLUMN",
        "No hold-out was given.",
        "--holdout",
        "No guarantee is claimed.",
        "synthtab fit --epsilon",
        "--model DIR",
        "There is no ledger.",
    ):
        assert said in words, said


def test_all_of_an_assessment_is_in_the_page() -> None:
    found = assessment(broken=3)
    words = Document(made(Assessments((found,)))).words()
    verdict = found.verdict()
    assert found.rules is not None
    assert found.utility is not None
    assert found.disclosure is not None
    assert found.guarantee is not None
    for said in (
        verdict.headline,
        *(f.text for f in verdict.findings),
        *(r.name for r in found.rules.rules),
        *(name for name, _ in found.rules.unchecked),
        *(c.name for c in found.columns),
        *(s.definition for s in found.overall),
        *(item.name for item in found.utility.learners),
        *(a.name for a in found.disclosure.attacks),
        *(a.definition for a in found.disclosure.attacks),
        *(cell for row in found.guarantee.ledger for cell in row),
        *(version for _, version in found.versions),
        *(name for name in (NAMES.real, NAMES.synthetic, NAMES.holdout, NAMES.rules) if name),
        found.guarantee.statement,
        "5,000 rows",
    ):
        assert said in words, said


def test_worst_columns_come_first() -> None:
    found = assessment(tuple(f"c{k}" for k in range(20)), seed=5)
    text = made(Assessments((found,)))
    places = [
        (-(c.scores[0].value or 0), text.index(f"<h3><code>{c.name}</code></h3>"))
        for c in found.columns
    ]
    assert [place for _, place in sorted(places)] == sorted(place for _, place in places)
    assert "8 more columns, nearer to the real ones" in text


def test_names_from_the_data_are_harmless() -> None:
    rng = np.random.default_rng(0)
    found = replace(
        assessment((HOSTILE, "b")),
        table=HOSTILE,
        notes=(HOSTILE,),
        left=(Left(HOSTILE, HOSTILE),),
        columns=(replace(column("b", rng), name=HOSTILE, type=HOSTILE), column("b", rng)),
        pairs=(PairScore(HOSTILE, "b", 0.1, None),),
    )
    assert found.rules is not None
    found = replace(found, rules=replace(found.rules, rules=(rule(HOSTILE, 3, HOSTILE),)))
    text = made(Assessments((found,)), Compared(HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    read = Document(text)
    assert read.tags["script"] == 1
    assert "alert" not in "".join(t for inside, t in read.texts if inside == "script")
    assert read.words().count(HOSTILE) >= 10
    assert any(HOSTILE in str(value) for _, name, value in read.attributes if name == "aria-label")


def test_a_wide_table_stays_a_page_that_can_be_sent() -> None:
    names = tuple(f"column_number_{k}" for k in range(89))
    text = made(Assessments((assessment(names),)))
    assert len(text.encode()) < 3_000_000
    document = Document(text)
    assert text.count("<h3><code>column_number_") == 89
    assert "All 3,916 pairs" in document.words()


def test_the_same_assessment_gives_the_same_page() -> None:
    assert made(several()) == made(several())


def test_tables_of_one_page_are_told_apart() -> None:
    found = several()
    words = Document(made(found)).words()
    for table in found.tables:
        assert f"See {table.table}" in words
    assert "orders.customer_id -> customer" in words
    assert words.index("should not be used") < words.index("Contents")


def test_of_many_tables_the_worst_come_first_and_the_contents_fold() -> None:
    tables = [assessment(table=f"t{k}", broken=3 * (k == 5), seed=k) for k in range(6)]
    text = made(Assessments(tuple(tables)))
    words = Document(text).words()
    assert words.index("See t5") < words.index("See t0")
    assert len(re.findall(r"<details><summary class=.name.>t\d</summary>", text)) == 6


def test_a_page_needs_a_table() -> None:
    with pytest.raises(ValueError, match="one table at least"):
        page(Assessments(()), {})


# Contrast, by the rules for accessible web pages (WCAG 2.2): 4.5 for text, 3 for what is drawn.

TEXT = [
    *(("text", back) for back in ("page", "card")),
    *(("quiet", back) for back in ("page", "card")),
    ("link", "page"),
    ("link", "card"),
    *((level, f"{level}-back") for level in ("good", "look", "bad", "open")),
    *(("heat-ink-low", f"heat-{k}") for k in range(theme.HEAT_LEVELS - 3)),
    *(("heat-ink-high", f"heat-{k}") for k in range(theme.HEAT_LEVELS - 3, theme.HEAT_LEVELS)),
]
DRAWN = [(mark, "card") for mark in ("real", "synthetic", "control", "good", "look", "bad", "link")]


def variables(scheme: str) -> dict[str, str]:
    """Return the colours of a theme as the page's style sheet has them."""
    block = re.search(rf"color-scheme:{scheme};([^}}]*)}}", theme.style())
    assert block is not None
    return dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_contrast_the_definition_gives() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "back", "least"), [*((*p, 4.5) for p in TEXT), *((*p, 3.0) for p in DRAWN)]
)
def test_contrast_suffices(scheme: str, ink: str, back: str, least: float) -> None:
    colours = variables(scheme)
    assert contrast(colours[ink], colours[back]) >= least


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_levels_of_the_heat_map_differ_in_lightness_in_order(scheme: str) -> None:
    colours = variables(scheme)
    steps = [luminance(colours[f"heat-{k}"]) for k in range(theme.HEAT_LEVELS)]
    assert steps == sorted(steps, reverse=scheme == "light")


def test_every_colour_in_use_has_a_value() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", theme.style()))
    assert used <= set(theme.COLOURS)
    assert set(theme.COLOURS) <= used
