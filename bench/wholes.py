"""One model of several tables: fit, sample at scale 1, rules and likeness, beside the peer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench import peer
from bench.likeness import floor, likeness
from bench.loads import loaded
from bench.plots import number_of
from bench.report import Figure, data_directory, number, rules_file, seconds
from bench.subset import subset
from synthtab.assess.compliance import Audit
from synthtab.backends.sqltables import SqlTables
from synthtab.backends.sqltext import TooWideError
from synthtab.batch import Batch
from synthtab.errors import InfeasibleError, SynthTabError
from synthtab.files import read_batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.ir import nodes
from synthtab.ir.reads import reads
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer, WholeSample

TRIES = 3
Tell = Callable[[str], None]
Batches = Mapping[str, Batch]


@dataclass(frozen=True)
class DataSet:
    """A public data set: ``rows`` of the table ``root`` and what hangs together with them, or all.

    ``peer`` names the tables that the peer is given: it takes five at most, and of tables that
    refer to each other no chain of three. ``rules`` names the rules and the data where it is not
    ``name``.
    """

    name: str
    root: str | None
    rows: int
    peer: tuple[str, ...] = ()
    rules: str = ""


SETS = (
    DataSet("northwind", None, 0, ("orders", "products", "order_details")),
    DataSet("chinook", None, 0, ("Invoice", "Track", "InvoiceLine", "Playlist", "PlaylistTrack")),
    DataSet("sakila", None, 0, ("film", "actor", "category", "film_actor", "film_category")),
    DataSet("berka_bank", "account", 400, ("account", "disp", "loan", "order", "trans")),
    DataSet(
        "synthea_ehr",
        None,
        0,
        ("patients", "conditions", "immunizations", "careplans", "allergies"),
    ),
    DataSet("formula1", "races", 120, ("races", "drivers", "constructors", "results")),
    DataSet("berka_full", None, 0, rules="berka_bank"),
    DataSet("nyc_flights", "flights", 10_000, ("airlines", "airports", "planes", "flights")),
)


def load(data: DataSet, seed: int) -> tuple[Model, dict[str, Batch]]:
    """Return the model and the rows that are learned from."""
    name = data.rules or data.name
    model = Model.load(rules_file(name))
    folder = data_directory() / name
    files = {t.name: next(folder.glob(f"{t.name}.csv*")) for t in model.tables}
    batches = {t.name: read_batch(files[t.name], t.columns) for t in model.tables}
    if data.root is not None:
        batches = subset(model.tables, batches, data.root, data.rows, seed)
    return model, batches


def measure(
    data: DataSet, config: GeneratorConfig, seed: int, peer_python: Path | None, tell: Tell
) -> list[Figure]:
    """Return the figures of one data set; what cannot be done is a figure that says so."""
    model, real = load(data, seed)
    frames = {t.name: decode_frame(t.columns, real[t.name]) for t in model.tables}
    synthesizer = Synthesizer(model, config=config)
    rows = sum(len(b) for b in real.values())
    what = f"{len(model.tables)} tables, {rows:,} rows"
    started = time.perf_counter()
    synthesizer.fit(frames, violations="drop", seed=seed, progress=_fitting(data.name, tell))
    figures = [Figure(f"{what}: fit", seconds(time.perf_counter() - started))]
    sample, failed = _sampled(synthesizer, data.name, seed, tell)
    figures += [Figure("sample at scale 1", why, "rows", met=False) for why in failed]
    ours: Batches = {}
    if sample is not None:
        ours = {t.name: encode_frame(t.columns, sample.frames[t.name]) for t in model.tables}
        made = sum(len(b) for b in ours.values())
        mended = sum(c.mended for c in sample.counts.values())
        drawn = sum(c.drawn for c in sample.counts.values())
        figures += [
            Figure(
                f"sample at scale 1: {made:,} rows",
                f"{seconds(sample.seconds)}, {number(made / sample.seconds)} rows/s",
            ),
            *judged(model, sample.frames, ours),
            Figure("rows written per row kept", f"{drawn / max(1, made):.2f}"),
            Figure("cells mended at the end", f"{mended:,}"),
            *loaded(model, sample.frames),
        ]
    tell(f"{data.name}: distances")
    all_tables = _distances("all tables", model.tables, real, {"ours": ours}, seed)
    if not data.peer:
        return [*figures, *all_tables]
    beside = _beside_peer(data, model, frames, real, ours, seed, peer_python, tell)
    return [*figures, *all_tables, *beside]


def plots(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Return bars of the distances that are shares, beside chance, and the peer if it was there."""
    drawn = []
    for which in ("all tables", "these tables"):
        found: dict[str, dict[str, float | None]] = {}
        for figure in figures:
            scope, _, what = figure.what.partition(": ")
            if scope == which and figure.target.startswith("chance: "):
                whose = dict(part.rsplit(" ", 1) for part in figure.measured.split("; "))
                whose["chance"] = figure.target.removeprefix("chance: ")
                if whose["chance"].endswith("%"):
                    found[what] = {who: number_of(text, "%") for who, text in whose.items()}
        if found and (which == "these tables" or not any("peer" in f.what for f in figures)):
            names = list(dict.fromkeys(who for one in found.values() for who in one))
            series = [
                {"name": name, "values": [one.get(name) for one in found.values()]}
                for name in names
            ]
            title = f"Distance from the real rows: {which}"
            groups = list(found)
            bars = {"kind": "bars", "title": title, "unit": "%", "groups": groups}
            drawn.append({**bars, "series": series})
    return drawn


def _sampled(
    synthesizer: Synthesizer, name: str, seed: int, tell: Tell
) -> tuple[WholeSample | None, list[str]]:
    """Return tables of the first of TRIES seeds that gives some, and why those before do not."""
    failed: list[str] = []
    for at in range(TRIES):
        try:
            progress = _steps(name, tell)
            return synthesizer.sample_report(seed=seed + 1 + at, progress=progress), failed
        except InfeasibleError as error:
            failed.append(f"seed {seed + 1 + at}: {_first_line(error)}")
            tell(f"{name}: {failed[-1]}")
    return None, failed


def only(tables: Sequence[nodes.Table], names: Sequence[str]) -> tuple[nodes.Table, ...]:
    """Return some of the tables, with the rules that read no others."""
    named = {t.name: t for t in tables}
    return tuple(
        replace(t, rules=tuple(r for r in t.rules if set(reads(r, t, named)) <= set(names)))
        for t in tables
        if t.name in names
    )


def judged(
    model: Model, frames: Mapping[str, pd.DataFrame], batches: Batches
) -> tuple[Figure, Figure]:
    """Judge the rows by DuckDB and by our own validator, which knows declared ranges as well."""
    judge = SqlTables(model.tables)
    broken = asked = wide = 0
    for table in model.tables:
        for rule in table.rules:
            if rule.share is not None:
                continue
            try:
                found = judge.violated(frames, {table.name: [rule]})
            except TooWideError:
                wide += 1
                continue
            asked += 1
            broken += int(found[table.name, rule.name].sum())
    more = f" ({wide} more are too wide for it)" if wide else ""
    own = violations(model.tables, batches)
    return (
        Figure(
            f"{asked} hard rules by DuckDB{more}: rows that break one",
            f"{broken:,}",
            "0",
            broken == 0,
        ),
        Figure(
            "hard rules, soft rules and declarations by `validate`: not kept",
            ", ".join(own) or "0",
            "0",
            not own,
        ),
    )


def violations(tables: Sequence[nodes.Table], batches: Batches) -> list[str]:
    """Return the rules that are not kept, and how many rows break each, worst first."""
    audit = Audit(tables)
    for name, batch in batches.items():
        audit.add(name, batch)
    found = [
        (rule.violated, len(batches[name]), f"{name}.{rule.name}")
        for name, result in audit.results().items()
        for rule in result.broken
    ]
    return [f"{name} {count:,} of {rows:,}" for count, rows, name in sorted(found, reverse=True)]


def _distances(
    which: str,
    tables: Sequence[nodes.Table],
    real: Batches,
    others: Mapping[str, Batches],
    seed: int,
) -> list[Figure]:
    """Return a figure per kind of distance, with what chance alone would make it."""
    chance = floor(tables, real, seed).figures()
    measured = {
        who: likeness(tables, real, batches).figures() if batches else dict.fromkeys(chance, "none")
        for who, batches in others.items()
    }
    return [
        Figure(
            f"{which}: {what}",
            "; ".join(f"{who} {found[what]}" for who, found in measured.items()),
            f"chance: {by_chance}",
        )
        for what, by_chance in chance.items()
        if by_chance != "none"
    ]


def _beside_peer(
    data: DataSet,
    model: Model,
    frames: Mapping[str, pd.DataFrame],
    real: Batches,
    ours: Batches,
    seed: int,
    python: Path | None,
    tell: Tell,
) -> list[Figure]:
    """Return the figures of the peer and ours for the same tables, or that it was not measured."""
    if python is None:
        return [Figure("peer (SDV HMASynthesizer)", "not measured: no --peer-python")]
    tell(f"{data.name}: peer, at most {peer.LIMIT_S} s")
    tables = only(model.tables, data.peer)
    made = peer.run(python, tables, {t.name: frames[t.name] for t in tables})
    which = f"{len(tables)} tables ({', '.join(data.peer)})"
    if made.failed:
        return [Figure(f"peer, {which}", made.failed)]
    figures = [Figure(f"peer ({made.version}), {which}: fit", seconds(made.fit))]
    if made.left_out:
        figures.append(Figure("peer: references it knows no words for", ", ".join(made.left_out)))
    rows = sum(len(f) for f in made.frames.values())
    figures.append(Figure(f"peer: sample of {rows:,} rows", seconds(made.sample)))
    theirs: dict[str, Batch] = {}
    for table in tables:
        try:
            theirs[table.name] = encode_frame(table.columns, made.frames[table.name])
        except SynthTabError as error:
            figures.append(Figure(f"peer: table {table.name} is no such table", _first_line(error)))
    if len(theirs) < len(tables):
        return figures
    for who, batches in (("peer", theirs), ("ours", {n: ours[n] for n in theirs} if ours else {})):
        if batches:
            broken = violations(tables, batches)
            figures.append(Figure(f"{who}, these tables: rules not kept", _listed(broken)))
    beside = {"ours": {n: ours[n] for n in theirs} if ours else {}, "peer": theirs}
    return figures + _distances("these tables", tables, real, beside, seed)


def _listed(broken: Sequence[str]) -> str:
    """Return rules in full; of columns that leave their declared range, how many there are."""
    rules = [what for what in broken if ": declaration" not in what]
    columns = len(broken) - len(rules)
    more = [f"declared ranges of {columns} columns"] if columns else []
    return f"{len(rules)}: " + ", ".join([*rules, *more]) if broken else "0"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(lines[:3])


def _fitting(name: str, tell: Tell) -> Callable[..., None]:
    seen: set[str] = set()

    def told(table: str, number: int, tables: int, _progress: object) -> None:
        if table not in seen:
            seen.add(table)
            tell(f"{name}: fits {table} ({number + 1} of {tables})")

    return told


def _steps(name: str, tell: Tell) -> Callable[[str, int, int], None]:
    seen: set[str] = set()

    def told(what: str, _done: int, total: int) -> None:
        if what not in seen:
            seen.add(what)
            tell(f"{name}: {what} ({total:,})")

    return told
