"""A list of the registered tables: sizes, rules, task, where from, under which licence."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench import sources
from bench.registry import Entry, alone, entries
from synthtab.ir import nodes

COLUMNS = ("table", "rows", "columns", "rules", "hard", "task", "target", "source", "licence")


def lines(given: Sequence[Entry]) -> list[tuple[str, ...]]:
    """Return a line of COLUMNS for each table; rows are those of the source, all of them."""
    found = []
    for one in given:
        table = alone(one)[0].table()
        rows = len(sources.frame(one.source))
        found.append((one.name, f"{rows:,}", *_facts(table), one.task, one.target or ""))
        found[-1] += (one.origin, one.licence)
    return found


def _facts(table: nodes.Table) -> tuple[str, ...]:
    hard = sum(rule.share is None for rule in table.rules)
    return str(len(table.columns)), str(len(table.rules)), str(hard)


def options(parser: argparse.ArgumentParser) -> None:
    """Add what says which tables there are."""
    group = parser.add_argument_group("tables")
    group.add_argument("--own", type=Path, help="a folder with NAME.csv and NAME.rules of your own")


def show(own: Path | None) -> None:
    """Print the list as a Markdown table, and how many there are."""
    found = lines(entries(own))
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---|" + "---:|" * 4 + "---|" * 4)
    for line in found:
        print("| " + " | ".join(line) + " |")
    print(f"\n{len(found)} tables")
