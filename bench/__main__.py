"""Run a measurement, print it as Markdown and write its record; exit 1 where it misses its aim.

Records go to bench/results, or to ``--results``. ``report`` measures nothing: it makes
docs/results.md and its plots of the records; nor do ``support``, which writes docs/support.md, and
``tables``, which lists the registered tables.
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
    modes,
    page,
    peers,
    perturb,
    plans,
    privacy,
    record,
    relational,
    repairs,
    support,
    validation,
    validators,
)
from bench.report import Section, markdown
from synthtab.errors import SynthTabError

ALL = ("adult", "check", "plans", "repair", "mending", "validate", "validators", "infer")
ALL += ("relational", "privacy", "perturb")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    single = ["adult", "check", "infer", "mending", "peers", "perturb"]
    single += ["plans", "repair", "validate", "validators"]
    choices = [*single, "all", "fuzz", "modes", "privacy", "relational", "report"]
    choices += ["support", "tables"]
    parser.add_argument("what", choices=choices)
    parser.add_argument("--seed", type=int, default=0, help="of the split, the fit and the sample")
    parser.add_argument("--rows", type=int, help="rows to sample in each mode")
    parser.add_argument("--results", type=Path, default=record.RESULTS, help="folder of records")
    parser.add_argument("--page", type=Path, default=page.PAGE, help="report: what it writes")
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
    if given.what == "report":
        page.report(given.results, given.page)
        return
    runs: dict[str, Callable[[], Iterable[Section]]] = {
        "adult": lambda: [adult.run(given.rows or 50_000, given.seed)],
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
    runs["modes"] = lambda: modes.run(
        given.only, given.own, given.seeds, given.rows, given.work, given.seed
    )
    runs["peers"] = lambda: peers.command(given)
    runs["privacy"] = lambda: privacy.run(given.only, given.work, given.runs, given.symbols)
    sections: list[Section] = []
    for name in ALL if given.what == "all" else [given.what]:
        try:
            sections += _measured(runs[name](), given.results)
        except SynthTabError as error:
            sys.exit(f"bench: {error}")
    missed = [f.what for s in sections for f in s.figures if f.met is False]
    if missed:
        print("missed: " + "; ".join(missed), file=sys.stderr)
        sys.exit(1)


def _measured(sections: Iterable[Section], results: Path) -> list[Section]:
    """Print sections as they come, each written into its record at once, and return them.

    Those of one name share a record, so that what is measured is on disk whatever comes next.
    """
    found: list[Section] = []
    for section in sections:
        found.append(section)
        name = record.name_of(section)
        made = record.recorded([s for s in found if record.name_of(s) == name])
        print(markdown(section, made.origin()), flush=True)
        record.write(made, results)
    return found


if __name__ == "__main__":
    main()
