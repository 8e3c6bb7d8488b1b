"""Run a measurement, print it as Markdown and write its record; exit 1 where it misses its aim.

Records go to bench/results, or to ``--results``; ``report`` makes docs/results.md of them.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path

from bench import record
from bench.commands import CHORES, MEASUREMENTS, Chore, Measurement, add_options
from bench.report import Section, markdown
from synthtab.errors import SynthTabError


def parser() -> ArgumentParser:
    """Return the parser of the command line."""
    made = ArgumentParser(prog="python -m bench", description=__doc__)
    commands = made.add_subparsers(dest="what", required=True, metavar="COMMAND")
    everything: dict[str, Measurement | Chore] = {**MEASUREMENTS, **CHORES}
    for name, command in everything.items():
        own = commands.add_parser(name, help=command.help, description=command.help)
        _results(own)
        add_options(own, command)
    whole = commands.add_parser("all", help="everything that needs no peers' environments")
    _results(whole)
    return made


def _results(own: ArgumentParser) -> None:
    own.add_argument(
        "--results", type=Path, default=record.RESULTS, help="the folder of the records"
    )


def main() -> None:
    """Do what the command line says."""
    made = parser()
    given = made.parse_args()
    if given.what in CHORES:
        CHORES[given.what].run(given)
        return
    names = [given.what]
    if given.what == "all":
        names = [name for name, command in MEASUREMENTS.items() if command.in_all]
    sections: list[Section] = []
    for name in names:
        own: Namespace = given
        if given.what == "all":
            own = made.parse_args([name, "--results", str(given.results)])
        try:
            sections += _measured(MEASUREMENTS[name].run(own), given.results)
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
