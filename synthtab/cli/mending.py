"""The work behind ``rulecheck repair``: read tables, mend them, judge them again, write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthtab import files
from synthtab.assess.compliance import Audit, Compliance, Listener, Values
from synthtab.atomic import atomic_into, check_directory
from synthtab.batch import Batch
from synthtab.cli import common
from synthtab.cli.changes import Mending, as_dict, print_mendings, write_report
from synthtab.errors import UsageError
from synthtab.frames import decode_frame
from synthtab.ir import nodes
from synthtab.ir.reads import reads
from synthtab.lang.model import Model
from synthtab.solver.mend import Mended, mend
from synthtab.sources import Source


@dataclass(frozen=True)
class Options:
    """How far a repair may go, and where its results go.

    ``output`` is a file for one table and a directory for several; None writes no table.
    ``report`` gets every changed cell. ``max_cells`` limits the cells changed, ``budget_s`` the
    seconds taken; ``processes`` work at once.
    """

    output: Path | None
    report: Path | None = None
    seed: int = 0
    max_cells: int | None = None
    budget_s: float | None = None
    processes: int = 1
    as_json: bool = False


def repair(model: Model, given: Mapping[str, Source], options: Options) -> bool:
    """Mend the tables given and write them; return whether rows are left that break rules."""
    targets = _targets(given, options.output)
    if options.report is not None:
        files.check_writable(options.report)
    with common.progress(options.as_json) as update:
        batches = {
            name: source.whole(
                model.table(name).columns, partial(update, f"reading {source.short}")
            )
            for name, source in given.items()
        }
        tables, kept = judged_alone(model, tuple(given))
        dear = {name: dict.fromkeys(columns, inf) for name, columns in kept.items()}
        before = _audited(model, batches).results()
        mended = mend(
            tables,
            batches,
            rng=np.random.default_rng(options.seed),
            max_cells=options.max_cells,
            budget_s=options.budget_s,
            processes=options.processes,
            weights=dear,
            progress=update,
        )
        after, left = _judged(model, mended.batches)
        _write(model, mended, targets, options)
    done = [
        Mending(
            name,
            source.name,
            before[name],
            after[name],
            [change for change in mended.changes if change.table == name],
            left[name],
            targets.get(name),
        )
        for name, source in given.items()
    ]
    if options.as_json:
        common.print_json(as_dict(done))
    else:
        print_mendings(done, [f"{name}.{c}" for name, columns in kept.items() for c in columns])
        if options.output is None:
            common.print_text("\nnothing written: a dry run")
        else:
            common.print_text(f"\nwritten: {options.output}")
    return any(one.left for one in done)


def judged_alone(
    model: Model, given: Sequence[str]
) -> tuple[tuple[nodes.Table, ...], dict[str, list[str]]]:
    """Return the given tables with the rules that need no other, and the columns to leave alone.

    These are what rules read that need a table not given: a change could break such a rule, and
    nobody would see it.
    """
    by_name = {t.name: t for t in model.tables}
    rules: dict[str, list[nodes.Rule]] = {name: [] for name in given}
    kept: dict[str, set[str]] = {name: set() for name in given}
    for table in model.tables:
        for rule in table.rules:
            read = reads(rule, table, by_name)
            if all(name in rules for name in read):
                rules[table.name].append(rule)
            else:
                for name in given:
                    kept[name] |= set(read.get(name, {}))
    tables = tuple(replace(by_name[name], rules=tuple(rules[name])) for name in given)
    return tables, {t.name: [c for c in t.column_names if c in kept[t.name]] for t in tables}


def _targets(given: Mapping[str, Source], output: Path | None) -> dict[str, Path]:
    """Return the file each mended table goes to, once it is known that it can be written.

    Raises UsageError where ``output`` is not what the number of tables needs, or has no room.
    """
    if output is None:
        return {}
    if len(given) == 1:
        files.check_writable(output)
        return dict.fromkeys(given, output)
    if output.name.lower().endswith(files.SUFFIXES) and not output.is_dir():
        raise UsageError(
            f"{output}: {len(given)} tables are written, each to its own file: "
            "name a directory for them"
        )
    check_directory(output)
    return {name: output / f"{name}{_suffix(source)}" for name, source in given.items()}


def _suffix(source: Source) -> str:
    """Return what the name of a source's file ends in; of a database's table, ``.csv``."""
    endings = sorted(files.SUFFIXES, key=len, reverse=True)
    return next((e for e in endings if source.short.lower().endswith(e)), ".csv")


def _write(model: Model, mended: Mended, targets: Mapping[str, Path], options: Options) -> None:
    """Write all tables and the report, or nothing."""
    with ExitStack() as stack:
        folder = None
        if len(targets) > 1:
            assert options.output is not None
            folder = stack.enter_context(atomic_into(options.output))
        for name, target in targets.items():
            columns = model.table(name).columns
            frame = decode_frame(columns, mended.batches[name])
            files.write_frame(target if folder is None else folder / target.name, frame, columns)
        if options.report is not None:
            write_report(options.report, mended.changes)


def _judged(
    model: Model, batches: Mapping[str, Batch]
) -> tuple[dict[str, Compliance], dict[str, dict[str, list[int]]]]:
    """Return how well rows keep the rules, and of each rule not kept the rows that break it."""
    found: dict[str, dict[str, list[int]]] = {name: {} for name in batches}

    def listen(table: str, rule: str, rows: NDArray[np.int64], values: Sequence[Values]) -> None:
        found[table].setdefault(rule, []).extend(int(r) for r in rows)

    results = _audited(model, batches, listen).results()
    left = {
        name: {rule.name: found[name][rule.name] for rule in result.broken}
        for name, result in results.items()
    }
    return results, left


def _audited(model: Model, batches: Mapping[str, Batch], listener: Listener | None = None) -> Audit:
    audit = Audit(model.tables, tuple(batches), listener)
    for name, batch in batches.items():
        audit.add(name, batch)
    return audit
