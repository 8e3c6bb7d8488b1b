"""All tables that are measured on, in one place: rows, rules, target and split of each.

``bench/tables/index.csv`` has a line for each table that comes with the harness; its rules are in
``bench/tables/NAME.rules``, or in ``rules/NAME.rules`` where the table is one of those that users
copy. A table says all that is to be learned: columns of the source that it does not declare are
left out, such as numbers that only tell rows apart. Of a rules file those rules are taken that one
row decides, and its keys; the names of the others are in ``Loaded.left_out``.

A folder of one's own has ``NAME.csv`` (or ``.csv.gz``, ``.parquet``) and ``NAME.rules`` side by
side, and ``NAME.json`` where there is more to say: ``{"target": "price", "task": "regression",
"without": ["id"], "licence": "ours"}``, each of them optional.
"""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from bench import sources
from synthtab.assess.compliance import valid_rows
from synthtab.batch import Batch
from synthtab.errors import SynthTabError
from synthtab.files import SUFFIXES
from synthtab.frames import encode_frame
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.lang.model import Model
from synthtab.schema import BooleanType, Column, EnumType, IntegerType, TextType

Task = Literal["classification", "regression", "none"]
TASKS: tuple[Task, ...] = get_args(Task)
ROOT = Path(__file__).parents[1]
INDEX = ROOT / "bench" / "tables" / "index.csv"
TRAIN_SHARE = 0.8
LEAST_ROWS = 10
"""A table of fewer rows is refused: a tenth of them is no longer a row to hold out."""
FEW_CLASSES = 10
"""A whole number of at most so many values is a class where nobody says what the task is."""
FEW_ROWS = 2_000
FEW_SEEDS = 3


@dataclass(frozen=True)
class Entry:
    """One table that can be measured on; nothing of it has been read yet.

    ``source`` is what bench/sources.py takes; ``without`` are columns of the rules file that are
    not to be learned.
    """

    name: str
    task: Task
    target: str | None
    rules: Path
    source: str | Path
    licence: str
    without: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Where the rows come from, in words."""
        return self.source.name if isinstance(self.source, Path) else self.source


@dataclass(frozen=True)
class Loaded:
    """A table's rows, split, and its model.

    ``dropped`` counts rows that break a hard rule or a declaration (or repeat a key); they are in
    neither part. ``rows`` are those that were looked at. ``left_out`` names the rules of the file
    that are not in the model: they look beyond a row, or at a column that is not learned.
    """

    entry: Entry
    model: Model
    table: nodes.Table
    train: Batch
    holdout: Batch
    dropped: int
    rows: int
    left_out: tuple[str, ...] = ()

    @property
    def usual_seeds(self) -> int:
        """How often it is measured unless asked: a table of few lawful rows is a matter of luck."""
        return FEW_SEEDS if self.rows - self.dropped < FEW_ROWS else 1


def entries(extra: Path | None = None) -> tuple[Entry, ...]:
    """Return all tables, those of a folder of one's own (``extra``) last.

    SystemExit where the folder has nothing to offer, or a pair in it is not whole.
    """
    found = [_listed(line) for line in csv.DictReader(INDEX.read_text("utf-8").splitlines())]
    own = [] if extra is None else own_entries(extra)
    taken = {e.name for e in own}
    return (*(e for e in found if e.name not in taken), *own)


def entry(name: str, extra: Path | None = None) -> Entry:
    """Return the table of that name; SystemExit naming near names where there is none."""
    found = {e.name: e for e in entries(extra)}
    if name not in found:
        near = difflib.get_close_matches(name, found, n=3, cutoff=0.4)
        hint = f"is it {' or '.join(near)}?" if near else "see: python -m bench tables"
        raise SystemExit(f"bench: there is no table {name!r} in the registry; {hint}")
    return found[name]


def picked(names: Iterable[str], extra: Path | None = None) -> tuple[Entry, ...]:
    """Return the tables of these names, in this order, each once."""
    return tuple(entry(name, extra) for name in dict.fromkeys(names))


def _listed(line: dict[str, str]) -> Entry:
    name = line["name"]
    own = ROOT / "bench" / "tables" / f"{name}.rules"
    return Entry(
        name,
        _task(line["task"]),
        line["target"] or None,
        own if own.exists() else ROOT / "rules" / f"{name}.rules",
        line["source"],
        line["licence"],
        tuple(line["without"].split()),
    )


def _task(text: str) -> Task:
    for task in TASKS:
        if text == task:
            return task
    raise SystemExit(f"bench: {text!r} is no task; a task is {', '.join(TASKS)}")


# A folder of one's own.


def own_entries(folder: Path) -> list[Entry]:
    """Return the pairs of a folder, by name; SystemExit says which pair is not whole."""
    if not folder.is_dir():
        raise SystemExit(f"bench: --own {folder}: there is no such folder")
    data = {n: p for p in sorted(folder.iterdir()) if (n := _stem(p)) is not None}
    rules = {p.name.removesuffix(".rules"): p for p in sorted(folder.glob("*.rules"))}
    for name in sorted(data.keys() - rules.keys()):
        raise SystemExit(
            f"bench: {data[name]} has no rules: put {name}.rules beside it; "
            f"a draft is made by: rulecheck infer {data[name]} -o {folder / name}.rules"
        )
    for name in sorted(rules.keys() - data.keys()):
        raise SystemExit(f"bench: {rules[name]} has no rows: put {name}.csv beside it")
    if not data:
        raise SystemExit(f"bench: {folder} has no pair of NAME.csv and NAME.rules")
    return [_own(name, data[name], rules[name]) for name in sorted(data)]


def _stem(path: Path) -> str | None:
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    return None


def _own(name: str, data: Path, rules: Path) -> Entry:
    path = data.with_name(f"{name}.json")
    said = _said(path) if path.exists() else {}
    target = said.get("target")
    without = said.get("without", [])
    if not isinstance(target, str | None) or not isinstance(without, list):
        raise SystemExit(f"bench: {path}: target is a column's name, without a list of names")
    given = Entry(name, "none", target, rules, data, str(said.get("licence", "own")))
    given = replace(given, without=tuple(map(str, without)))
    if "task" in said:
        return replace(given, task=_task(str(said["task"])))
    if target is None:
        return given
    return replace(given, task=_task_of(_target(given, single(given))))


KEYS = ("target", "task", "without", "licence")


def _said(path: Path) -> dict[str, object]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SystemExit(f"bench: {path} is no JSON: {error}") from error
    unknown = sorted(set(said) - set(KEYS)) if isinstance(said, dict) else ["a value"]
    if unknown or not isinstance(said, dict):
        raise SystemExit(
            f"bench: {path}: {', '.join(unknown)} means nothing here; it may say {', '.join(KEYS)}"
        )
    return said


# A model and its rows.


def single(given: Entry) -> nodes.Table:
    """Return the one table of an entry's rules file as it stands there.

    SystemExit shows what is wrong with the file, or that it has several tables.
    """
    try:
        tables = Model.load(given.rules).tables
    except SynthTabError as error:
        raise SystemExit(f"bench: {given.rules}:\n{error}") from error
    if len(tables) != 1:
        names = ", ".join(t.name for t in tables)
        raise SystemExit(f"bench: {given.rules} has {len(tables)} tables ({names}); it takes one")
    return tables[0]


def alone(given: Entry) -> tuple[Model, tuple[str, ...]]:
    """Return the model that is learned, and the names of the rules it leaves out.

    SystemExit where no column is left, or ``without`` or the target names none.
    """
    table = single(given)
    unknown = [c for c in given.without if c not in table.column_names]
    if unknown:
        raise SystemExit(
            f"bench: table {given.name} is to do without {unknown[0]!r}, which {given.rules} "
            f"does not declare"
        )
    columns = tuple(c for c in table.columns if c.name not in given.without)
    if not columns:
        raise SystemExit(f"bench: of table {given.name} no column is left to learn")
    kept = rules_about(table, {c.name for c in columns})
    said = set(kept)
    model = Model.of([replace(table, columns=columns, rules=kept)])
    if given.target is not None:
        _target(given, model.table())
    return model, tuple(r.name for r in table.rules if r not in said)


def rules_about(table: nodes.Table, names: set[str]) -> tuple[nodes.Rule, ...]:
    """Return the rules that one row decides, and the keys, that look at these columns alone."""
    return tuple(r for r in table.rules if _stands_alone(r) and _reads(r) <= names)


def _stands_alone(rule: nodes.Rule) -> bool:
    if isinstance(rule, nodes.RowRule):
        return nodes.is_pure(rule.condition)
    return isinstance(rule, nodes.UniqueRule) and rule.share is None and rule.where is None


def _reads(rule: nodes.Rule) -> set[str]:
    if isinstance(rule, nodes.RowRule):
        return set(columns_of(rule.condition))
    return set(rule.columns) if isinstance(rule, nodes.UniqueRule) else set()


def _target(given: Entry, table: nodes.Table) -> Column:
    """Return the target's column; SystemExit where it is none, or one that nothing can predict."""
    names = [c.name for c in table.columns if c.name not in given.without]
    if given.target not in names:
        near = difflib.get_close_matches(str(given.target), names, n=3)
        hint = f"; is it {' or '.join(near)}?" if near else f"; it has {', '.join(names)}"
        raise SystemExit(f"bench: table {given.name} has no target column {given.target!r}{hint}")
    column = table.column(given.target)
    if isinstance(column.type, TextType):
        raise SystemExit(
            f"bench: the target {given.target!r} of table {given.name} is text; "
            "declare it as an enum, or name another target"
        )
    return column


def _task_of(column: Column) -> Task:
    if isinstance(column.type, EnumType | BooleanType):
        return "classification"
    ends = (column.lo, column.hi)
    few = ends[0] is not None and ends[1] is not None and ends[1] - ends[0] < FEW_CLASSES
    return "classification" if few and isinstance(column.type, IntegerType) else "regression"


def whole(given: Entry) -> tuple[Model, Batch]:
    """Return the model that is learned, and all rows of the source in their order, lawful or not.

    SystemExit where the rows do not have the declared columns.
    """
    model, _ = alone(given)
    return model, _rows(given, model.table())


def _rows(given: Entry, table: nodes.Table) -> Batch:
    frame = sources.frame(given.source)
    try:
        return encode_frame(table.columns, frame, ignore_extra=True, name=given.origin)
    except SynthTabError as error:
        raise SystemExit(f"bench: table {given.name}: {error}") from error


def load(given: Entry, seed: int = 0, most: int | None = None) -> Loaded:
    """Read a table and split it: 80% of the rows, in an order by the seed, to learn from.

    ``most`` takes as many of the rows at most, chosen by the seed. SystemExit where the rows do not
    have the declared columns, or fewer than 10 are left after those that break a hard rule.
    """
    model, left_out = alone(given)
    table = model.table()
    rows = _rows(given, table)
    order = np.random.default_rng(seed).permutation(len(rows))[:most]
    some = rows.take(order)
    good = valid_rows(table, some)
    kept = some.take(good)
    if len(kept) < LEAST_ROWS:
        raise SystemExit(
            f"bench: table {given.name} has {len(kept)} rows that break no hard rule "
            f"(of {len(some)}); it takes at least {LEAST_ROWS}"
        )
    cut = int(TRAIN_SHARE * len(kept))
    train, holdout = kept.take(np.arange(cut)), kept.take(np.arange(cut, len(kept)))
    return Loaded(given, model, table, train, holdout, int((~good).sum()), len(some), left_out)
