"""The decoding modes side by side on real tables, and what each part of them is worth.

Every table is fitted once per seed, and all modes draw from the same network, so that what differs
is the mode alone. ``free`` is the language model without a validator, ``reject`` the same with one
that throws rows away, ``repair`` with one that mends them; ``grammar`` knows what a value looks
like, ``solver`` the rules, and ``solver+weighted`` undoes what masking does to the law of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import masking
from bench.decoding import mean, measured
from bench.kept import kept_values
from bench.registry import Entry, Loaded, load, own_entries, picked
from bench.report import Figure, Grid, Section, at_least, at_most, number, percent
from synthtab.choices import COMMON_MODES
from synthtab.generate.generator import GeneratorConfig

TABLES = (
    *("iris", "berka_loan", "northwind_orders", "german_credit", "insurance", "car_evaluation"),
    *("lahman_managers", "abalone", "stroke", "wine_quality", "nyc_taxi"),
)
"""What is measured where nobody says what: small and medium tables, small ones first."""
MASKING = "masking"
"""The part with laws that are known exactly (bench/masking.py), among the names of ``--only``."""
ROWS = 2_000
MASKING_ROWS = 20_000
FLOOR_ALLOWED = 1.25
"""So many times its floor may a mode's distance from rejection sampling be by chance."""

COLUMNS: tuple[str, ...] = (
    "valid",
    "rows/s, `free` = 1",
    "thrown away",
    "mended",
    "KL by weights, nats",
)
COLUMNS += ("shape from reject", "pair from reject", "shape error", "pair error", "told apart, AUC")
COLUMNS += ("utility",)
Parts = list[dict[str, Any]]


def run(
    only: Sequence[str] = (),
    own: Path | None = None,
    seeds: int | None = None,
    rows: int | None = None,
    work: Path | None = None,
    seed: int = 0,
    config: GeneratorConfig | None = None,
) -> Iterator[Section]:
    """Measure tables by name (``masking`` is the exact case).

    Without names, those of a folder of one's own are measured, or those of TABLES and ``masking``.
    """
    usual = (*TABLES, MASKING) if own is None else tuple(e.name for e in own_entries(own))
    names = [*dict.fromkeys(only or usual)]
    tables = picked([n for n in names if n != MASKING], own)
    parts: Parts = []
    for one in tables:
        parts += _of(one, seeds, rows or ROWS, work, seed, config)
    if parts:
        where = "" if own is None else " --own FOLDER"
        where += "".join(f" --only {name}" for name in dict.fromkeys(only))
        where += "" if seeds is None else f" --seeds {seeds}"
        where += "" if rows is None else f" --rows {rows}"
        yield _section(parts, f"python -m bench modes{where}", seed)
    if MASKING in names:
        yield from masking.run(rows or MASKING_ROWS, seed, work)


def _of(
    one: Entry,
    seeds: int | None,
    rows: int,
    work: Path | None,
    seed: int,
    config: GeneratorConfig | None,
) -> Parts:
    first = load(one, seed)
    count = seeds or first.usual_seeds
    return [
        _kept(first if at == 0 else load(one, seed + at), rows, work, seed + at, config)
        for at in range(count)
    ]


def _kept(
    loaded: Loaded, rows: int, work: Path | None, seed: int, config: GeneratorConfig | None
) -> dict[str, Any]:
    how: dict[str, object] = {"rows": rows, "seed": seed, "rules": loaded.model.to_text()}
    how["config"] = repr(config)
    name = f"modes-{loaded.entry.name}-{seed}"
    return kept_values(work, name, how, lambda: measured(loaded, rows, seed, config))


def _section(parts: Parts, command: str, seed: int) -> Section:
    tables = [*dict.fromkeys(p["table"] for p in parts)]
    able = [p for p in parts if not any("refused" in made for made in p["modes"].values())]
    grids = []
    if able:
        many = len({p["table"] for p in able})
        grids.append(Grid(f"mean of {many} tables that no mode refused", *COLUMNS))
        _fill(grids[0], able)
    for table in tables:
        mine = [p for p in parts if p["table"] == table]
        some = f"{len(mine)} seeds" if len(mine) > 1 else "1 seed"
        grid = Grid(f"{table}, {mine[0]['train']:,} rows, {some}", *COLUMNS)
        _fill(grid, mine)
        grids.append(grid)
    note = (
        "All modes of a table and seed draw from one network. Valid is DuckDB's verdict on hard "
        "rules, declarations and keys. Distances from reject are from a sample of rejection "
        "sampling several times as large, which follows the network's law given the rules; the "
        "line of `reject` is their floor, another such sample. KL is that of rows as decoded, "
        "before they are thinned out, from rows that keep what masks enforce, estimated from "
        "their weights. Shape and pair errors are from the training rows. A mode is refused where "
        "too few of the rows it drew could be used."
    )
    title = "Decoding modes side by side"
    data = {"plots": _plots(tables, parts), "parts": parts}
    return Section(title, command, seed, _figures(parts), note, grids, data)


def _plots(tables: Sequence[str], parts: Parts) -> list[dict[str, Any]]:
    """Return maps of modes by tables: rows that are valid, and distances from the real rows."""
    wanted: tuple[tuple[str, Callable[[dict[str, Any]], float | None]], ...] = (
        ("Rows valid", lambda made: made["valid"]),
        ("Pair error, from the training rows", lambda made: made["from_real"][1]),
    )

    def cell(mode: str, table: str, measure: Callable[[dict[str, Any]], float | None]) -> Any:
        return mean([measure(f) for f in _found([p for p in parts if p["table"] == table], mode)])

    return [
        {
            "kind": "heat",
            "title": title,
            "unit": "%",
            "columns": list(tables),
            "rows": list(COMMON_MODES),
            "values": [[cell(mode, table, measure) for table in tables] for mode in COMMON_MODES],
        }
        for title, measure in wanted
    ]


def _fill(grid: Grid, parts: Parts) -> None:
    """Add a line for each mode, the mean over parts; a mode that was refused everywhere says so."""
    for mode in COMMON_MODES:
        found = _found(parts, mode)
        missing = len(parts) - len(found)
        if not found:
            grid.add(f"`{mode}`, refused", *([""] * len(COLUMNS)))
            continue
        named = f"`{mode}`" + (f" ({missing} refused)" if missing else "")
        grid.add(named, *_line(parts, mode))


def _found(parts: Parts, mode: str) -> list[dict[str, Any]]:
    return [p["modes"][mode] for p in parts if "refused" not in p["modes"][mode]]


def _line(parts: Parts, mode: str) -> list[str]:
    found = _found(parts, mode)
    ratios = [
        p["modes"][mode]["rate"] / p["modes"]["free"]["rate"]
        for p in parts
        if "refused" not in p["modes"][mode]
    ]
    apart = [f["from_reject"] for f in found]
    return [
        _shown(mean([f["valid"] for f in found]), percent),
        _shown(mean([*ratios]), _two),
        _shown(mean([f["lost"] for f in found]), percent),
        _shown(mean([f["mended"] for f in found]), percent),
        _shown(mean([f["divergence"] for f in found]), _three),
        _shown(mean([a and a[0] for a in apart]), percent),
        _shown(mean([a and a[1] for a in apart]), percent),
        _shown(mean([f["from_real"][0] for f in found]), percent),
        _shown(mean([f["from_real"][1] for f in found]), percent),
        _shown(mean([f["c2st"] for f in found]), _three),
        _shown(mean([f["utility"] for f in found]), _three),
    ]


def _figures(parts: Parts) -> list[Figure]:
    figures = [
        Figure("tables, fits", f"{len({p['table'] for p in parts})}, {len(parts)}"),
        *_ablations(parts),
    ]
    for mode in ("reject", "repair", "grammar+repair", "solver", "solver+weighted"):
        if found := _found(parts, mode):
            least = min(f["valid"] for f in found)
            what = f"`{mode}`: least share of valid rows of any fit"
            figures.append(at_least(what, least, 1.0, percent))
    exact = [p for p in parts if p["exact"] and "refused" not in p["modes"]["solver"]]
    if exact:
        lost = max(p["modes"]["solver"]["lost"] for p in exact)
        what = f"`solver`: rows thrown away at most, {len(exact)} fits with an exact plan"
        figures.append(at_most(what, lost, 0.0, percent))
    figures += _from_reject(parts)
    real = mean([p["utility_real"] for p in parts])
    figures.append(Figure("utility of the training rows themselves", _shown(real, _three)))
    return figures


def _ablations(parts: Parts) -> list[Figure]:
    """Return what a validator and a repair add to the language model alone."""
    free, reject = _found(parts, "free"), _found(parts, "reject")
    figures = [
        Figure(
            "no validator (`free`): rows valid", _shown(mean([f["valid"] for f in free]), percent)
        ),
        Figure(
            "validator that rejects (`reject`): rows thrown away",
            _shown(mean([f["lost"] for f in reject]), percent),
        ),
    ]
    for off, on in (("free", "repair"), ("grammar", "grammar+repair")):
        pair = [mean([f["valid"] for f in _found(parts, m)]) for m in (off, on)]
        mended = mean([f["mended"] for f in _found(parts, on)])
        figures.append(
            Figure(
                f"repair off and on (`{off}`, `{on}`): rows valid; rows mended",
                f"{_shown(pair[0], percent)}, {_shown(pair[1], percent)}; "
                f"{_shown(mended, percent)}",
            )
        )
    return figures


def _from_reject(parts: Parts) -> list[Figure]:
    """Return mean pair distances from rejection sampling where every mode has one."""
    modes = ("reject", "solver", "solver+weighted")
    some = [p for p in parts if all(p["modes"][m].get("from_reject") is not None for m in modes)]
    if not some:
        return []
    floor, plain, weighted = (
        float(mean([p["modes"][m]["from_reject"][1] for p in some]) or 0.0) for m in modes
    )
    where = f"pair distance from rejection sampling, {len(some)} fits"
    most = FLOOR_ALLOWED * floor
    return [
        Figure(f"{where}: another sample of it (the floor)", percent(floor)),
        Figure(f"{where}: `solver`", percent(plain)),
        at_most(f"{where}: `solver+weighted`", weighted, most, percent),
    ]


def _shown(value: float | None, show: Any) -> str:
    return "" if value is None else str(show(value))


def _two(value: float) -> str:
    return f"{value:.2f}" if value < 100 else number(value)


def _three(value: float) -> str:
    return f"{value:.3f}"
