"""Relational generation: whole models beside a peer, growing tables, and forbidden pairs.

With full training, a fit takes up to about a minute a table: an hour in all for the 65 tables there
are. To this come at most 10 minutes a model for the peer, 90 for growing tables (some 10 where all
is well) and 20 for forbidden pairs. ``--only`` picks parts, ``--symbols 200000`` trains little, and
``--work FOLDER`` keeps the figures of each part, so that a run that was stopped goes on; delete a
part's file there to measure it again.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bench import nodata, pairs, scaling, wholes
from bench.kept import kept
from bench.report import Figure, Section
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig

PARTS = (*(d.name for d in (*wholes.SETS, *nodata.SETS)), "scaling", "pairs_adult", "pairs_tax")
WHOLES_NOTE = (
    "All rules are judged on the sampled tables as they were handed over. Distances are from the "
    "real rows learned from: means over the columns, over the pairs of columns of a table, over "
    "references, over the pairs of a child's column and its parent's, over the columns of rows in "
    "a declared order. Keys are columns that only tell rows apart or name rows of other tables. "
    "Chance is the distance of two random halves of the real rows (parents, "
    "groups). The peer is in an environment of its own: `python -m bench peers --setup "
    "sdv_models`, then `--peer-python peers/sdv_models/bin/python` here. It takes five tables at "
    "most, none both parent and child; it gets the same rows of the tables named, and is judged by "
    "the rules that speak of these alone. PostgreSQL is started for the run, on loopback."
)


def run(
    seed: int,
    symbols: int | None = None,
    only: Sequence[str] = (),
    peer_python: Path | None = None,
    work: Path | None = None,
) -> Iterator[Section]:
    """Yield a section per part as soon as it is measured.

    ``symbols`` is how many symbols training sees (fewer are quicker and worse); ``only`` names some
    of PARTS; figures are kept in ``work`` and taken from there.
    """
    train = TrainConfig() if symbols is None else TrainConfig(symbols_seen=symbols)
    config = GeneratorConfig(train=train)
    how = {"seed": seed, "symbols": train.symbols_seen, "peer": str(peer_python)}
    started = time.perf_counter()

    def tell(what: str) -> None:
        print(f"[{time.perf_counter() - started:6.0f} s] {what}", file=sys.stderr, flush=True)

    parts: dict[str, tuple[str, Callable[[], list[Figure]], str]] = {}
    for data in wholes.SETS:
        some = f", {data.rows:,} rows of `{data.root}`" if data.root else ""
        measured = partial(wholes.measure, data, config, seed, peer_python, tell)
        parts[data.name] = f"Tables of {data.name}{some}", measured, WHOLES_NOTE
    for shipped in nodata.SETS:
        without = partial(nodata.measure, shipped, seed, tell)
        parts[shipped.name] = f"Rows without data: {shipped.name}", without, nodata.NOTE
    parts["scaling"] = "Growing tables", partial(scaling.measure, config, seed, tell), scaling.NOTE
    for table in ("adult", "tax"):
        measured = partial(pairs.measure, table, config, seed, tell)
        parts[f"pairs_{table}"] = f"Forbidden pairs: {table}", measured, pairs.NOTE
    for name, (title, make, note) in parts.items():
        if only and name not in only:
            continue
        tell(name)
        command = f"python -m bench relational --only {name}"
        if symbols is not None:
            command += f" --symbols {symbols}"
        # The record is the same with or without the peer, whose Python may be anywhere.
        own_name = f"relational-{name}" + ("" if symbols is None else f"-symbols-{symbols}")
        if peer_python is not None and name in {d.name for d in wholes.SETS if d.peer}:
            command += " --peer-python PYTHON"
        figures = _tried(partial(kept, work, name, how, make))
        drawn = (scaling if name == "scaling" else wholes).plots(figures)
        data = {"plots": drawn} if drawn else None
        yield Section(title, command, seed, figures, note, data=data, name=own_name)


def _tried(make: Callable[[], list[Figure]]) -> list[Figure]:
    """Return the figures, or that there are none: the other parts are worth measuring anyway."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return [Figure("measurement", f"failed: {error!r}"[:200], "figures", met=False)]
