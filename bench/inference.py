"""How long it takes to learn rules from Adult, and whether what is known of it is found."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.report import Figure, Section, at_most, data_directory, number, seconds
from synthtab.assess.compliance import compliance
from synthtab.files import read_batch, read_frame
from synthtab.lang.model import Model
from synthtab.learn.draft import to_text
from synthtab.learn.learn import learn

LONGEST = 30.0


def run() -> Section:
    """Read Adult, learn its rules, print them, and check them on the data they come from."""
    data = data_directory() / "adult" / "adult.csv.gz"
    started = time.perf_counter()
    text = to_text(learn({"adult": read_frame(data)}))
    took = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.rules"
        path.write_text(text, encoding="utf-8")
        table = Model.load(path).table()
    report = compliance(table, read_batch(data, table.columns))
    figures = [
        at_most("time for Adult, with reading the file", took, LONGEST, seconds),
        Figure("rules told, soft ones among them", number(len(table.rules))),
        Figure("soft rules", number(sum(r.share is not None for r in table.rules))),
        at_most("rules that the data do not keep", len(report.broken), 0, number),
    ]
    return Section("Learning rules", "python -m bench infer", None, figures)
