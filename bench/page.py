"""docs/results.md and its plots, made of committed records alone: no figure is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.plots import svg
from bench.record import Record, read_all
from bench.report import Section, cells, markdown
from synthtab.atomic import atomic
from synthtab.errors import SynthTabError

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
PLOTS = "plots"
OTHERS = "Further measurements"
CHAPTERS: Mapping[str, Sequence[str]] = {
    "Rows of one table": ("headline", "modes", "peers", "adult", "refine"),
    "Several tables": ("relational",),
    "Language models": ("domains", "language", "large", "feedback", "retrieval", "examples"),
    "Privacy": ("privacy", "perturb"),
    "Rules": ("check", "plans", "validate", "validators", "infer"),
    "Errors in data": ("violations", "mending", "repair"),
    "Speed and growth": ("speed", "fuzz"),
}
"""Under which heading a measurement's sections stand, and in which order."""

HEADER = """# Results

What was measured, and with which command. `python -m bench report` makes this page and its plots of
the records in bench/results/ alone; `python -m bench NAME` measures anew and writes its record
there. The data sets are public; their place is `../shared/data` beside the checkout. Figures of
speed are those of one machine on one day.
"""


def make(records: Sequence[Record]) -> dict[str, str]:
    """Return the files of the page by their path from the page's folder: it, and its plots."""
    page: list[str] = []
    links: dict[int, str] = {}
    files: dict[str, str] = {}
    contents: list[str] = []
    anchors = _Anchors()
    anchors.of("Results")
    anchors.of("At a glance")
    anchors.of("Contents")
    ordered: list[tuple[Record, Section]] = []
    for chapter, some in _chapters(records).items():
        anchors.of(chapter)
        page.append(f"## {chapter}\n")
        contents.append(f"\n{chapter}:\n")
        for record in some:
            drawn = 0
            for section in record.sections:
                anchor = anchors.of(section.title)
                links[len(ordered)] = anchor
                ordered.append((record, section))
                contents.append(f"- [{section.title}](#{anchor})")
                shown = []
                for plot in (section.data or {}).get("plots", ()):
                    drawn += 1
                    path = f"{PLOTS}/{record.name}-{drawn}.svg"
                    files[path] = svg(plot)
                    shown.append(f"![{plot['title']}]({path})")
                page.append(markdown(section, record.origin(), level=3, plots=shown))
    glance = list(_glance([section for _, section in ordered], links))
    head = [HEADER, *glance, "## Contents", *contents, ""]
    return {PAGE.name: "\n".join([*head, *page]).rstrip() + "\n", **files}


def write(records: Sequence[Record], page: Path = PAGE) -> list[Path]:
    """Write the page and its plots, and delete the plots of records that are no more.

    Returns the files written. All of it is made before anything is written.
    """
    made = make(records)
    (page.parent / PLOTS).mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in made.items():
        path = page if name == PAGE.name else page.parent / name
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(path)
    for path in (page.parent / PLOTS).glob("*.svg"):
        if path not in written:
            path.unlink()
    return written


def report(results: Path, page: Path = PAGE) -> None:
    """Make the page of a folder of records; SystemExit says what is wrong with one of them."""
    try:
        write(read_all(results), page)
    except SynthTabError as error:
        raise SystemExit(f"bench: {error}") from None


def _chapters(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return records by chapter, those of a measurement by name; chapters without any left out."""
    place = {what: (c, at) for c, whats in CHAPTERS.items() for at, what in enumerate(whats)}
    found: dict[str, list[Record]] = {chapter: [] for chapter in (*CHAPTERS, OTHERS)}

    def where(record: Record) -> tuple[str, int]:
        return place.get(measurement(record), (OTHERS, 0))

    for record in sorted(records, key=lambda r: (where(r)[1], measurement(r), r.name)):
        found[where(record)[0]].append(record)
    return {chapter: some for chapter, some in found.items() if some}


def measurement(record: Record) -> str:
    """Return what was asked of the harness, as ``relational`` of all its parts."""
    words = record.command.split()
    return words[3] if words[:3] == ["python", "-m", "bench"] and len(words) > 3 else record.name


def _glance(sections: Sequence[Section], links: Mapping[int, str]) -> Iterator[str]:
    rows = [
        cells(figure.headline, figure.measured, figure.target, f"[{section.title}](#{links[at]})")
        for at, section in enumerate(sections)
        for figure in section.figures
        if figure.headline
    ]
    if rows:
        yield from ("## At a glance", "", cells("what", "measured", "asked for", "more"))
        yield from ("|---|---:|---:|---|", *rows, "")


class _Anchors:
    """The anchors that GitHub gives to headings: a repeated one gets a number."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def of(self, heading: str) -> str:
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        times = self._seen.get(plain, 0)
        self._seen[plain] = times + 1
        return f"{plain}-{times}" if times else plain
