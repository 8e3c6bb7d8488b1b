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
from synthtab.generate.generator import GeneratorConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer

DOCS = Path(__file__).parents[1] / "docs"
SIZE = {"width": 1280, "height": 1480}
SHOTS = (("light", "verdict"), ("dark", "likeness"))
"""Each theme, and the section that its picture begins with."""
ROWS = 16_000
TARGET = "hlthg"


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``screenshot``."""
    group = parser.add_argument_group("screenshot")
    group.add_argument("--pictures", type=Path, default=DOCS, help="the folder they go to")
    group.add_argument("--of", type=Path, help="a report that is there already")


def take(folder: Path, report: Path | None, seed: int) -> None:
    """Write a picture of the report in each theme; without one, make it first."""
    lacks = missing()
    if lacks is not None:
        raise SystemExit(f"screenshot: {lacks}")
    with _report(report, seed) as page, browser() as started:
        for theme, section in SHOTS:
            context = started.new_context(viewport=SIZE, color_scheme=theme)
            tab = context.new_page()
            tab.goto(page.resolve().as_uri())
            # The section's own place, without the page's head: it is seen as one scrolls.
            tab.evaluate(
                "id => document.getElementById(id).scrollIntoView({behavior: 'instant'})",
                section if section != "verdict" else "theme",
            )
            target = folder / f"report-{theme}.png"
            tab.screenshot(path=target)
            print(f"{target}: {target.stat().st_size:,} bytes")
            context.close()


@contextmanager
def _report(given: Path | None, seed: int) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder, seed)
        yield folder / "report.html"


def _make(folder: Path, seed: int) -> None:
    shutil.copyfile(demo.shipped_rules(demo.RULES), folder / demo.RULES)
    model = Model.load(folder / demo.RULES)
    rows = demo.load_rand_hie().sample(frac=1, random_state=seed)
    train, rest = rows.iloc[:ROWS], rows.iloc[ROWS:]
    synthesizer = Synthesizer(model, config=GeneratorConfig(train=demo.TRAINING))
    synthesizer.fit(train, seed=seed)
    made = synthesizer.sample(ROWS, seed=seed)
    for name, frame in (("real", train), ("holdout", rest), ("synthetic", made)):
        files.write_frame(folder / f"{name}.csv", frame, model.table().columns)
    request = assessing.Request("holdout.csv", (TARGET,), seed=seed)
    with chdir(folder):  # so that the report names files, not where they happened to be
        found = assessing.assessed(
            Path(demo.RULES), "real.csv", "synthetic.csv", request, lambda *_: None
        )
        Path("report.html").write_text(assessing.html(found, Path(demo.RULES)), encoding="utf-8")
