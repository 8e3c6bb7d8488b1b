"""Run a measurement and print it as Markdown; exit 1 where it misses what was asked for.

``support`` measures nothing: it writes docs/support.md; ``tables`` lists the registered tables.
``fuzz`` runs for ``--minutes`` and is not part of ``all``; what fails is saved in ``--findings``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import (
    adult,
    checks,
    fuzz,
    inference,
    listing,
    mending,
    peers,
    perturb,
    plans,
    privacy,
    relational,
    repairs,
    support,
    validation,
    validators,
)
from bench.report import Section, markdown, updated

HEADER = """# Results

What was measured, and with which command; `python -m bench all --output docs/results.md` writes
this page, another name in place of `all` one section of it. The data sets are public; their place
is `../shared/data` beside the checkout. Figures of speed are those of one machine on one day.

"""


ALL = ("adult", "check", "plans", "repair", "mending", "validate", "validators", "infer")
ALL += ("relational", "privacy", "perturb")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    single = ["adult", "check", "infer", "mending", "peers", "perturb"]
    single += ["plans", "repair", "validate", "validators"]
    choices = [*single, "all", "fuzz", "privacy", "relational", "support", "tables"]
    parser.add_argument("what", choices=choices)
    parser.add_argument("--seed", type=int, default=0, help="of the split, the fit and the sample")
    parser.add_argument("--rows", type=int, default=50_000, help="rows to sample in each mode")
    parser.add_argument("--output", type=Path, help="write the figures into this page as well")
    parser.add_argument("--minutes", type=float, default=30, help="how long to fuzz")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="of fuzz")
    across = parser.add_argument_group("relational, privacy")
    across.add_argument("--symbols", type=int, help="symbols seen in training; fewer are quicker")
    across.add_argument("--only", action="append", default=[], help="a part, or a table of peers")
    across.add_argument("--peer-python", type=Path, help="a Python that has SDV (bench/peer.py)")
    across.add_argument("--runs", type=int, default=3, help="privacy: of each way under a budget")
    across.add_argument(
        "--work", type=Path, help="keep figures of parts here, and go on from there"
    )
    listing.options(parser)
    peers.options(parser)
    given = parser.parse_args()
    if given.what == "tables":
        listing.show(given.own)
        return
    parts = {"relational": relational.PARTS, "privacy": privacy.PARTS}.get(given.what)
    if unknown := [part for part in given.only if parts is not None and part not in parts]:
        parser.error(f"--only {unknown[0]}: {given.what} has {', '.join(parts or ())}")
    if given.what == "support":
        support.write()
        return
    runs: dict[str, Callable[[], Iterable[Section]]] = {
        "adult": lambda: [adult.run(given.rows, given.seed)],
        "check": lambda: [checks.run(given.seed)],
        "plans": lambda: [plans.run()],
        "repair": lambda: [repairs.run(given.seed)],
        "mending": lambda: [mending.run(given.seed)],
        "validate": lambda: [validation.run(given.seed)],
        "validators": lambda: [validators.run(given.seed)],
        "perturb": lambda: [perturb.run(given.seed)],
        "infer": lambda: [inference.run()],
        "fuzz": lambda: [fuzz.run(given.seed, given.minutes, given.findings)],
        "relational": lambda: relational.run(
            given.seed, given.symbols, given.only, given.peer_python, given.work
        ),
    }
    runs["peers"] = lambda: peers.command(given)
    runs["privacy"] = lambda: privacy.run(given.only, given.work, given.runs, given.symbols)
    sections: list[Section] = []
    for name in ALL if given.what == "all" else [given.what]:
        for section in runs[name]():
            sections.append(section)
            print(markdown(section), flush=True)
    if given.output is not None:
        page = given.output.read_text(encoding="utf-8") if given.output.exists() else ""
        given.output.write_text(updated(page, HEADER, sections), encoding="utf-8")
    missed = [f.what for s in sections for f in s.figures if f.met is False]
    if missed:
        print("missed: " + "; ".join(missed), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
