"""Take docs/report-light.png and docs/report-dark.png: the report on the demo's table.

The rows are split, a model learns four fifths of them, and what it writes is assessed with the rest
as a hold-out, as ``synthtab assess --report`` does.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from bench.browser import browser, missing
from synthtab import files
from synthtab.cli import assessing, demo
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer

DOCS = Path(__file__).parents[1] / "docs"
SIZE = {"width": 1280, "height": 1480}
SHOTS = (("light", None), ("dark", "columns"))
"""Each theme, and the section that its picture begins with; the page's head for None."""
ROWS = 16_000
TARGET = "mdvis"
"""The outcome of the experiment: outpatient visits in a year."""


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``screenshot``."""
    group = parser.add_argument_group("screenshot")
    group.add_argument("--pictures", type=Path, default=DOCS, help="the folder they go to")
    group.add_argument("--of", type=Path, help="a report; it is made anew where there is none")


def take(folder: Path, report: Path | None, seed: int) -> None:
    """Write a picture of the report in each theme; where there is none yet, make it first."""
    lacks = missing()
    if lacks is not None:
        raise SystemExit(f"screenshot: {lacks}")
    with _report(report, seed) as page, browser() as started:
        for theme, section in SHOTS:
            context = started.new_context(viewport=SIZE, color_scheme=theme)
            tab = context.new_page()
            tab.goto(page.resolve().as_uri())
            if section is not None:
                scroll = "id => document.getElementById(id).scrollIntoView({behavior: 'instant'})"
                tab.evaluate(scroll, section)
            target = folder / f"report-{theme}.png"
            tab.screenshot(path=target)
            print(f"{target}: {target.stat().st_size:,} bytes")
            context.close()


@contextmanager
def _report(given: Path | None, seed: int) -> Iterator[Path]:
    if given is not None and given.exists():
        yield given
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder, seed)
        if given is not None:
            shutil.copyfile(folder / "report.html", given)
        yield folder / "report.html"


def _make(folder: Path, seed: int) -> None:
    shutil.copyfile(demo.shipped_rules(demo.RULES), folder / demo.RULES)
    model = Model.load(folder / demo.RULES)
    rows = demo.load_rand_hie().sample(frac=1, random_state=seed)
    train, rest = rows.iloc[:ROWS], rows.iloc[ROWS:]
    synthesizer = Synthesizer(model).fit(train, seed=seed)
    made = synthesizer.sample(ROWS, seed=seed)
    for name, frame in (("real", train), ("holdout", rest), ("synthetic", made)):
        files.write_frame(folder / f"{name}.csv", frame, model.table().columns)
    request = assessing.Request("holdout.csv", (TARGET,), seed=seed)
    with chdir(folder):  # so that the report names files, not where they happened to be
        found = assessing.assessed(
            Path(demo.RULES), "real.csv", "synthetic.csv", request, lambda *_: None
        )
        Path("report.html").write_text(assessing.html(found, Path(demo.RULES)), encoding="utf-8")
