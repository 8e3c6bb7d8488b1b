"""docs/results.md is what its records say, and its links and pictures lead somewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench import page, record
from bench.commands import MEASUREMENTS
from bench.record import recorded
from bench.report import Figure, Section

STALE = "run `python -m bench report` and commit what it makes"
BARS = {
    "kind": "bars",
    "title": "Rows",
    "groups": ["a"],
    "series": [{"name": "n", "values": [1]}],
}


def made(title: str, command: str, **more: object) -> record.Record:
    return recorded([Section(title, f"python -m bench {command}", 1, [], **more)])  # type: ignore[arg-type]


def test_the_page_is_what_its_records_say() -> None:
    files = page.make(record.read_all())
    for name, text in files.items():
        path = page.PAGE.parent / name
        assert path.exists(), f"docs/{name} is not there: {STALE}"
        assert path.read_text(encoding="utf-8") == text, f"docs/{name} is stale: {STALE}"
    plots = {f"{page.PLOTS}/{p.name}" for p in (page.PAGE.parent / page.PLOTS).iterdir()}
    assert plots == files.keys() - {page.PAGE.name}, STALE


def test_links_and_pictures_lead_somewhere() -> None:
    files = page.make(record.read_all())
    text = files[page.PAGE.name]
    seen: dict[str, int] = {}
    anchors = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        anchors.add(f"{plain}-{seen[plain]}" if plain in seen else plain)
        seen[plain] = seen.get(plain, 0) + 1
    links = re.findall(r"\]\(#([^)]*)\)", text)
    assert links
    assert set(links) <= anchors
    assert {name for _, name in re.findall(r"!\[(.*)\]\((.*)\)", text)} == files.keys() - {
        page.PAGE.name
    }


def test_a_headline_stands_at_the_top_with_a_link_to_its_section() -> None:
    figure = Figure("rate", "5", "at least 4", True, headline="Speed of all")
    one = recorded([Section("Rules", "python -m bench plans", 1, [figure])])
    text = page.make([made("Other", "adult"), one])[page.PAGE.name]
    assert "| Speed of all | 5 | at least 4 | [Rules](#rules-1) |" in text
    assert text.index("Speed of all") < text.index("## Contents")


def test_sections_stand_in_chapters_and_repeated_titles_apart() -> None:
    records = [made("New", "unheard"), made("P", "privacy --only b"), made("P", "privacy --only a")]
    text = page.make([*records, made("A", "adult")])[page.PAGE.name]
    assert re.findall(r"^##+ .*$", text, re.MULTILINE) == [
        "## Contents",
        "## Rows of one table",
        "### A",
        "## Privacy",
        "### P",
        "### P",
        f"## {page.OTHERS}",
        "### New",
    ]
    assert "- [P](#p)\n- [P](#p-1)" in text


def test_every_measurement_has_a_chapter() -> None:
    placed = [name for names in page.CHAPTERS.values() for name in names]
    assert sorted(placed) == sorted(MEASUREMENTS)


def test_writing_takes_plots_away_whose_records_are_gone(tmp_path: Path) -> None:
    target = tmp_path / "docs" / "results.md"
    target.parent.mkdir()
    one = made("One", "plans", data={"plots": [BARS, {**BARS, "title": "Again"}]})
    page.write([one, made("Two", "infer", data={"plots": [BARS]})], target)
    drawn = target.parent / page.PLOTS
    assert sorted(p.name for p in drawn.iterdir()) == ["infer-1.svg", "plans-1.svg", "plans-2.svg"]
    page.write([one], target)
    assert sorted(p.name for p in drawn.iterdir()) == ["plans-1.svg", "plans-2.svg"]
    before = target.read_text(encoding="utf-8")
    broken = replace(one, sections=(replace(one.sections[0], data={"plots": [{"title": "x"}]}),))
    with pytest.raises(Exception, match="its kind is None"):
        page.write([broken], target)
    assert target.read_text(encoding="utf-8") == before


def test_a_broken_record_ends_the_report_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"bench: .*x\.json is broken"):
        page.report(tmp_path, tmp_path / "page.md")
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
