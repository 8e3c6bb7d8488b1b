"""The work behind ``synthtab load``: files into a database that keeps their rules."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
from rich.markup import escape

from synthtab.cli import common
from synthtab.cli.datasets import all_given
from synthtab.databases.address import hidden, parse_address
from synthtab.errors import DataError, RuleViolationError
from synthtab.files import SUFFIXES, read_frame
from synthtab.frames import decode_frame
from synthtab.lang.infer import infer_table
from synthtab.lang.model import Model
from synthtab.loading import Loaded, check_target, load
from synthtab.sources import Sources


def load_data(
    data: Sequence[str], url: str, rules: Path | None, replace: bool, as_json: bool
) -> bool:
    """Make the tables of a model in a database and fill them; return whether all rules are kept.

    Without ``rules`` columns and keys are inferred from the files of a directory.
    """
    address = parse_address(url)
    model = _drafted(data) if rules is None else Model.load(rules)
    check_target(model.tables, address, replace=replace)
    with common.progress(as_json) as update:
        frames = _frames(model, data, update)
        try:
            loaded = load(model.tables, frames, address, replace=replace, progress=update)
        except RuleViolationError as error:
            raise RuleViolationError(f"{error}\n{_hint(data, rules)}") from error
    if as_json:
        common.print_json({**asdict(loaded), "database": hidden(address.url)})
    else:
        print_loaded(loaded)
        common.stdout().print(f"loaded: {hidden(address.url)}", soft_wrap=True, markup=False)
    return not loaded.broken


def _hint(data: Sequence[str], rules: Path | None) -> str:
    """Say how to find the rows that a database refuses: it names the first one at most."""
    left = "nothing was loaded"
    if rules is None:
        return left
    words = " ".join(map(shlex.quote, [str(rules), *map(hidden, data)]))
    return f"{left}; every row that breaks a rule is listed by: rulecheck validate {words}"


def print_loaded(loaded: Loaded) -> None:
    """Print what a database took, and which rules it leaves to queries."""
    console = common.stdout()
    grid = common.grid("table", "rows", "rules enforced", "left to queries", right=[1, 2, 3])
    for name, rows in loaded.rows.items():
        left = sum(u.table == name for u in loaded.unenforced)
        grid.add_row(escape(name), f"{rows:,}", f"{loaded.enforced[name]:,}", f"{left:,}")
    common.print_grid(console, f"{sum(loaded.rows.values()):,} rows in {loaded.dialect}", grid)
    if not loaded.unenforced:
        return
    queries = common.grid("rule", "broken by", "", "why no constraint", right=[1])
    for one in loaded.unenforced:
        count = "not asked" if one.broken is None else f"{one.broken:,}"
        verdict = "" if one.kept else "NO"
        queries.add_row(escape(f"{one.table}.{one.rule}"), count, verdict, escape(one.reason))
    common.print_grid(console, "Rules that the database does not enforce", queries)


def _frames(model: Model, data: Sequence[str], update: common.Update) -> Mapping[str, pd.DataFrame]:
    frames = {}
    with Sources() as sources:
        for name, source in all_given(model, data, sources).items():
            columns = model.table(name).columns
            step = partial(update, f"reading {escape(source.short)}")
            frames[name] = decode_frame(columns, source.whole(columns, step))
    return frames


def _drafted(data: Sequence[str]) -> Model:
    """Infer columns and keys of all files of a directory. Raises DataError where there are none."""
    folder = Path(data[0])
    if len(data) != 1 or not folder.is_dir():
        raise DataError(
            f"{data[0]} is no directory: without --rules, columns and keys are inferred from a "
            "directory with a file for each table"
        )
    files = {p.name.split(".")[0]: p for p in sorted(folder.iterdir()) if p.name.endswith(SUFFIXES)}
    if not files:
        raise DataError(f"{folder} has no file that ends in one of {', '.join(SUFFIXES)}")
    return Model.of([infer_table(read_frame(path), name) for name, path in files.items()])
