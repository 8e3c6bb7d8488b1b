"""Relational generation: whole models beside a peer, growing tables, and forbidden pairs."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import pairs, scaling, wholes
from bench.kept import kept
from bench.report import Figure, Section
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig

PARTS = (*(d.name for d in wholes.SETS), "scaling", "pairs")
WHOLES_NOTE = (
    "All rules are judged on the sampled tables as they were handed over. Distances are from the "
    "real rows learned from: means over the columns, over the pairs of columns of a table, over "
    "references, over the pairs of a child's column and its parent's, over the columns of rows in "
    "a declared order. Chance is the distance of two random halves of the real rows (parents, "
    "groups). The peer takes five tables at most, none both parent and child; it gets the same "
    "rows of the tables named, and is judged by the rules that speak of these alone."
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

    def part(name: str, title: str, make: Callable[[], list[Figure]], note: str) -> Section:
        tell(name)
        command = f"python -m bench relational --only {name}"
        if symbols is not None:
            command += f" --symbols {symbols}"
        try:
            figures = kept(work, name, how, make)
        except Exception as error:  # whatever it is, the other parts are worth measuring
            traceback.print_exc()
            figures = [Figure("measurement", f"failed: {error!r}"[:200], "figures", met=False)]
        return Section(title, command, seed, figures, note)

    for data in wholes.SETS:
        if not only or data.name in only:
            some = f", {data.rows:,} rows of `{data.root}`" if data.root else ""
            yield part(
                data.name,
                f"Tables of {data.name}{some}",
                lambda data=data: wholes.measure(data, config, seed, peer_python, tell),
                WHOLES_NOTE,
            )
    if not only or "scaling" in only:
        make = lambda: scaling.measure(config, seed, tell)  # noqa: E731
        yield part("scaling", "Growing tables", make, scaling.NOTE)
    if not only or "pairs" in only:
        make = lambda: pairs.measure(config, seed, tell)  # noqa: E731
        yield part("pairs", "Forbidden pairs", make, pairs.NOTE)
