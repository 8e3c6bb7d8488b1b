"""Run a measurement and print it as Markdown; exit 1 where it misses what was asked for.

``support`` measures nothing: it writes docs/support.md. ``fuzz`` runs for ``--minutes`` and is not
part of ``all``; what fails is saved in ``--findings``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import (
    adult,
    checks,
    fuzz,
    inference,
    mending,
    peers,
    plans,
    repairs,
    support,
    validation,
)
from bench.report import Section, markdown, updated

HEADER = """# Results

What was measured, and with which command; `python -m bench all --output docs/results.md` writes
this page, another name in place of `all` one section of it. The data sets are public; their place
is `../shared/data` beside the checkout. Figures of speed are those of one machine on one day.

"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    single = ["adult", "check", "infer", "mending", "peers", "plans", "repair", "validate"]
    parser.add_argument("what", choices=[*single, "all", "fuzz", "support"])
    parser.add_argument("--seed", type=int, default=0, help="of the split, the fit and the sample")
    parser.add_argument("--rows", type=int, default=50_000, help="rows to sample in each mode")
    parser.add_argument("--output", type=Path, help="write the figures into this page as well")
    parser.add_argument("--minutes", type=float, default=30, help="how long to fuzz")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="of fuzz")
    given = parser.parse_args()
    if given.what == "support":
        support.write()
        return

    def fuzzed() -> Section:
        return fuzz.run(given.seed, given.minutes, given.findings)

    runs = {
        "adult": lambda: adult.run(given.rows, given.seed),
        "check": lambda: checks.run(given.seed),
        "plans": plans.run,
        "repair": lambda: repairs.run(given.seed),
        "mending": lambda: mending.run(given.seed),
        "validate": lambda: validation.run(given.seed),
        "peers": lambda: peers.run(given.seed),
        "infer": inference.run,
    }
    chosen = runs if given.what == "all" else {given.what: runs.get(given.what, fuzzed)}
    sections: list[Section] = []
    for run in chosen.values():
        sections.append(run())
        print(markdown(sections[-1]), flush=True)
    if given.output is not None:
        page = given.output.read_text(encoding="utf-8") if given.output.exists() else ""
        given.output.write_text(updated(page, HEADER, sections), encoding="utf-8")
    missed = [f.what for s in sections for f in s.figures if f.met is False]
    if missed:
        print("missed: " + "; ".join(missed), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
