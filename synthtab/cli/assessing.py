"""The work behind ``synthtab assess``: compliance and fidelity of synthetic rows, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from synthtab.assess.compliance import Audit, Compliance
from synthtab.assess.fidelity import Distances, compare, noise_floor
from synthtab.batch import Batch
from synthtab.cli import common
from synthtab.cli.datasets import all_given
from synthtab.errors import DataError
from synthtab.lang.model import Model
from synthtab.sources import Sources


def assess(rules: Path, real: str, synth: str, seed: int, as_json: bool) -> bool:
    """Print the comparison, table by table; return whether synthetic rows break a rule."""
    model = Model.load(rules)
    with Sources() as sources, common.progress(as_json) as update:
        given = [all_given(model, [argument], sources) for argument in (real, synth)]
        sides = [
            {
                name: s.whole(
                    model.table(name).columns, partial(update, f"reading {escape(s.short)}")
                )
                for name, s in side.items()
            }
            for side in given
        ]
    kept = [_audited(model, side) for side in sides]
    reports = []
    for table in model.tables:
        one, two = (side[table.name] for side in sides)
        kept_real, kept_synth = (side[table.name] for side in kept)
        if not (len(one) and len(two)):
            raise DataError(
                f"table `{table.name}` has {len(one):,} real and {len(two):,} synthetic rows; "
                "distances need some of both"
            )
        distances = compare(table.columns, one, two)
        floor = noise_floor(table.columns, one, seed)
        if as_json:
            real_name, synth_name = (side[table.name].name for side in given)
            reports.append(
                {
                    "table": table.name,
                    "real": {"file": real_name, "rows": len(one), "valid_share": kept_real.share},
                    "synthetic": {
                        "file": synth_name,
                        "rows": len(two),
                        "valid_share": kept_synth.share,
                    },
                    "rules": _rules(kept_real, kept_synth),
                    "unchecked": [u.name for u in kept_synth.unchecked],
                    "distances": distances.to_dict(),
                    "noise_floor": floor.to_dict(),
                }
            )
            continue
        console = common.stdout()
        if len(model.tables) > 1:
            title = f"{table.name}: {len(one):,} real rows, {len(two):,} synthetic"
            console.print(f"\n[bold]{escape(title)}[/]", soft_wrap=True)
        print_compliance(console, kept_real, kept_synth)
        print_distances(console, distances, floor)
    if as_json:
        common.print_json(reports[0] if len(reports) == 1 else {"tables": reports})
    return any(found.broken for found in kept[1].values())


def _audited(model: Model, batches: Mapping[str, Batch]) -> Mapping[str, Compliance]:
    audit = Audit(model.tables)
    for name, batch in batches.items():
        audit.add(name, batch)
    return audit.results()


def print_compliance(console: Console, real: Compliance, synth: Compliance) -> None:
    """Print, rule by rule, the shares of real and synthetic rows that keep it."""
    grid = common.grid("rule", "real", "synthetic", "broken by", right=[1, 2, 3])
    for row in _rules(real, synth):
        grid.add_row(
            escape(str(row["name"])),
            common.share(_number(row["real_share"])),
            common.share(_number(row["synthetic_share"])),
            f"{row['synthetic_violated']:,}",
        )
    grid.add_section()
    lost = synth.rows - synth.valid
    grid.add_row("all of them", common.share(real.share), common.share(synth.share), f"{lost:,}")
    for left in synth.unchecked:
        console.print(escape(f"not checked: {left.name}: {left.reason}"), soft_wrap=True)
    common.print_grid(console, "Rules kept", grid)


def print_distances(console: Console, distances: Distances, floor: Distances) -> None:
    """Print the mean distances, then those of each column, each beside its noise floor."""
    grid = common.grid("", "measured", "noise floor", right=[1, 2])
    grid.add_row("shape error", f"{distances.shape:.3%}", f"{floor.shape:.3%}")
    grid.add_row("pair error", f"{distances.pair:.3%}", f"{floor.pair:.3%}")
    grid.add_row("W1 (standard deviations)", f"{distances.w1:.4f}", f"{floor.w1:.4f}")
    common.print_grid(console, "Distance from the real rows", grid)
    columns = common.grid("column", "shape", "floor", "W1", "floor", right=[1, 2, 3, 4])
    for got, chance in zip(distances.columns, floor.columns, strict=True):
        columns.add_row(
            escape(got.name), f"{got.shape:.3%}", f"{chance.shape:.3%}", _w1(got.w1), _w1(chance.w1)
        )
    common.print_grid(console, "By column", columns)
    console.print("\nThe noise floor is the distance between two random halves of the real rows.")


def _rules(real: Compliance, synth: Compliance) -> list[dict[str, object]]:
    """Pair the two sides' rules by name; a declaration that one side alone breaks is shown too."""
    sides = [{r.name: r for r in side.rules} for side in (real, synth)]
    names = dict.fromkeys([*sides[0], *sides[1]])
    return [
        {
            "name": name,
            "real_share": sides[0][name].share if name in sides[0] else 1.0,
            "synthetic_share": sides[1][name].share if name in sides[1] else 1.0,
            "synthetic_violated": sides[1][name].violated if name in sides[1] else 0,
        }
        for name in names
    ]


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value


def _w1(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
