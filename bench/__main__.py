"""Run a measurement and print it as Markdown; exit 1 where it misses what was asked for.

``support`` measures nothing: it writes docs/support.md.
"""

from __future__ import annotations

import argparse
import sys

from bench import adult, inference, plans, repairs, support, validation
from bench.report import Section, markdown


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what", choices=["adult", "plans", "repair", "validate", "infer", "all", "support"]
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split, the fit and the sample")
    parser.add_argument("--rows", type=int, default=50_000, help="rows to sample in each mode")
    given = parser.parse_args()
    if given.what == "support":
        support.write()
        return
    runs = {
        "adult": lambda: adult.run(given.rows, given.seed),
        "plans": plans.run,
        "repair": lambda: repairs.run(given.seed),
        "validate": lambda: validation.run(given.seed),
        "infer": inference.run,
    }
    sections: list[Section] = []
    for name, run in runs.items():
        if given.what in (name, "all"):
            sections.append(run())
            print(markdown(sections[-1]), flush=True)
    missed = [f.what for s in sections for f in s.figures if f.met is False]
    if missed:
        print("missed: " + "; ".join(missed), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
