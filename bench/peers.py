"""Other generators beside ours: real installs, the same split, time and machine, one run.

Each of them learns the training rows within ``--limit`` seconds and makes as many rows; what they
made is read by our reader and judged alike. One that fails, is not installed or is over its time is
said to be, with the reason.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from bench import contest, environments, registry, scoring
from bench.contest import Limits, Outcome
from bench.kept import kept_values
from bench.plots import from_grid
from bench.report import Figure, Grid, Section, number, percent, seconds
from bench.roster import CONTENDERS, HOME, OWN, Contender, chosen
from synthtab.frames import decode_frame

TABLES = ("adult", "compas", "heloc", "cervical_cancer", "kc_house", "lending_club")
DEFAULTS: Mapping[str, float | None] = {"limit": 300.0, "seeds": None, "most": None}


@dataclass(frozen=True)
class Way:
    """How a comparison is made: part of what kept outcomes are recognised by.

    ``asked`` are the options of the command line that were not left to their defaults; a comparison
    of ``some`` contenders alone is not kept in the place of one of all.
    """

    limits: Limits
    folder: Path
    work: Path | None = None
    most: int | None = None
    seeds: int | None = None
    judge: contest.Judge = scoring.scored
    asked: tuple[str, ...] = ()
    some: bool = False


@dataclass(frozen=True)
class Measure:
    """A column of the result: its heading, which way is better, and how it is shown.

    What is not ``ranked`` has a best value between others.
    """

    name: str
    title: str
    higher: bool
    percent: bool = False
    ranked: bool = True


MEASURES = (
    Measure("valid", "rows valid", True, True),
    Measure("shape", "shape error", False, True),
    Measure("pair", "pair error", False, True),
    Measure("c2st", "told from real, AUC", False),
    Measure("utility", "utility", True),
    Measure("near", "nearer to learned rows", False, True, ranked=False),
    Measure("fit_s", "fit, s", False),
    Measure("rate", "valid rows/s", True),
)


RANKED = tuple(measure for measure in MEASURES if measure.ranked)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this measurement and of bench/headline.py."""
    group = parser.add_argument_group("contenders")
    group.add_argument(
        "--peers-folder",
        type=Path,
        default=environments.FOLDER,
        help="where the peers' environments are",
    )
    group.add_argument(
        "--contender", action="append", default=[], help="one of them; may be given repeatedly"
    )
    group.add_argument(
        "--limit", type=float, default=DEFAULTS["limit"], help="seconds to fit a table"
    )
    group.add_argument("--most", type=int, help="rows of a table that are used, the others cut")


def setup_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes environments."""
    parser.add_argument(
        "--setup",
        nargs="?",
        const="all",
        metavar="NAME",
        help="make the environment of a contender, or of all, and measure nothing",
    )


def way_of(given: argparse.Namespace, most: int | None = None) -> Way:
    """Return how the command line wants it; ``most`` rows unless it says."""
    limits = Limits(fit_s=given.limit, sample_s=given.limit)
    # Drivers run elsewhere than here: folders are what they are from here.
    folder = given.peers_folder.absolute()
    asked = [f"--{name} {getattr(given, name):g}" for name in DEFAULTS if _asked(given, name)]
    asked += [f"--contender {name}" for name in given.contender]
    asked += [] if given.own is None else ["--own FOLDER"]
    way = Way(limits, folder, given.work, given.most or most, given.seeds)
    return replace(way, asked=tuple(asked), some=bool(given.contender))


def _asked(given: argparse.Namespace, name: str) -> bool:
    return bool(getattr(given, name) != DEFAULTS[name])


def command(given: argparse.Namespace) -> Iterator[Section]:
    """Do what ``python -m bench peers`` was told: make environments, or measure."""
    if given.setup is not None:
        failed = environments.set_up(
            given.peers_folder, environments.drivers(CONTENDERS, given.setup)
        )
        if failed:
            raise SystemExit("bench: not made: " + "; ".join(failed))
        return
    tables = registry.picked(given.only or TABLES, given.own)
    yield from run(tables, chosen(given.contender), way_of(given))


def value(outcome: Outcome, measure: str) -> float | None:
    """Return one measure of an outcome, None where it has none."""
    if outcome.state != "ok":
        return None
    if measure in ("valid", "fit_s", "rate"):
        return float(getattr(outcome, measure))
    return outcome.scores.get(measure)


def run(
    tables: Sequence[registry.Entry], contenders: Sequence[Contender], way: Way
) -> Iterator[Section]:
    """Yield a section for each table, and one for all of them."""
    found: dict[str, dict[str, list[Outcome]]] = {}
    for entry in tables:
        first = registry.load(entry, 0, way.most)
        outcomes: dict[str, list[Outcome]] = {c.name: [] for c in contenders}
        for seed in range(way.seeds or first.usual_seeds):
            loaded = registry.load(entry, seed, way.most) if seed else first
            for contender in contenders:
                outcomes[contender.name].append(once(contender, loaded, seed, way))
        found[entry.name] = outcomes
        yield section(first, contenders, outcomes, way)
    if len(tables) > 1:
        yield summary(contenders, found, way)


def once(contender: Contender, loaded: registry.Loaded, seed: int, way: Way) -> Outcome:
    """Return the outcome kept of this turn, if it was had in the same way; else have it."""

    def made() -> dict[str, Any]:
        print(f"peers: {contender.name} on {loaded.entry.name}, seed {seed}", flush=True)
        outcome = contest.turn(
            contender, loaded, seed, limits=way.limits, folder=way.folder, judge=way.judge
        )
        print(f"peers:   {outcome.state} {outcome.reason}".rstrip(), flush=True)
        return {"outcome": outcome.to_dict()}

    name = f"{loaded.entry.name}-{contender.name}-{seed}"
    found = kept_values(way.work, name, how(contender, loaded, way), made, _lasts)
    return Outcome.from_dict(found["outcome"])


def _lasts(found: Mapping[str, Any]) -> bool:
    """Say whether an outcome is worth keeping: what was not run may be run the next time."""
    return found["outcome"]["state"] not in ("not installed", "not run")


def how(contender: Contender, loaded: registry.Loaded, way: Way) -> dict[str, object]:
    """Return what an outcome depends on: another driver, pin, rule or limit gives another."""
    texts = [HOME / "protocol.py", HOME / f"{contender.driver}.py", loaded.entry.rules]
    parts = [p.read_bytes() for p in texts if p.exists()]
    parts += [] if contender.own else [environments.wishes(contender.driver).encode()]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    return {
        "judge": way.judge.__name__,
        "limits": asdict(way.limits),
        "most": way.most,
        "options": dict(contender.options),
        "rows": len(loaded.train),
        "texts": digest[:16],
    }


def section(
    loaded: registry.Loaded,
    contenders: Sequence[Contender],
    outcomes: Mapping[str, Sequence[Outcome]],
    way: Way,
) -> Section:
    """Return one table's result: floors, a row for each contender, ranks, who did not finish."""
    grid = Grid("contender", *(m.title for m in MEASURES))
    ranks = Grid("rank by", *(c.title for c in contenders))
    for contender in contenders:
        of = outcomes[contender.name]
        grid.add(contender.title, *(shown(m, values(of, m.name)) for m in MEASURES))
    for measure in RANKED:
        places = ranked(contenders, outcomes, measure)
        ranks.add(measure.title, *(str(places.get(c.name, "")) for c in contenders))
    title = f"Peers: {loaded.entry.name}, {len(loaded.train):,} training rows"
    command = " ".join([f"python -m bench peers --only {loaded.entry.name}", *way.asked])
    name = "" if way.some else "peers-" + re.sub(r"[^a-z0-9_.+-]+", "_", loaded.entry.name.lower())
    note = " ".join([*said(contenders, outcomes), *wins(contenders, outcomes)])
    data = {
        "plots": [
            from_grid(grid, f"Rows valid: {loaded.entry.name}", ["rows valid"], "%"),
            from_grid(grid, f"Distance: {loaded.entry.name}", ["shape error", "pair error"], "%"),
        ],
        "outcomes": {name: [o.to_dict() for o in of] for name, of in outcomes.items()},
    }
    note = f"{note} {terms(way)}".strip()
    return Section(title, command, 0, floors(loaded), note, [grid, ranks], data, name)


def terms(way: Way) -> str:
    """Say what is alike for all contenders."""
    capped = f"Tables are cut to {way.most:,} rows. " if way.most else ""
    return (
        f"{capped}Each had {way.limits.fit_s:.0f} s to fit and {way.limits.sample_s:.0f} s to make "
        "as many rows as it learned from. A row is valid if its cells have the declared types and "
        "DuckDB finds no rule or declaration broken. Where nothing was memorised, half of the rows "
        "are nearer to a learned row than to any of as many held-out ones. Figures after ± are "
        "standard deviations over seeds; a seed is another split, fit and sample."
    )


def floors(loaded: registry.Loaded) -> list[Figure]:
    """Return what held-out real rows reach: no generator can be asked for more."""
    real = scoring.scored(loaded, decode_frame(loaded.table.columns, loaded.holdout))
    told = [
        ("hold-out: shape error", real.shape, percent),
        ("hold-out: pair error", real.pair, percent),
        ("hold-out: told from the training rows, AUC", real.c2st, _three),
        ("utility of the real training rows", real.utility_real, _three),
    ]
    figures = [Figure(what, show(v)) for what, v, show in told if v is not None]
    left_out = "real rows left out, for breaking a hard rule or a declaration"
    return [*figures, Figure(left_out, number(loaded.dropped))]


def _three(value: float) -> str:
    return f"{value:.3f}"


def values(outcomes: Sequence[Outcome], measure: str) -> list[float]:
    """Return the values that there are of one measure."""
    found = [value(o, measure) for o in outcomes]
    return [v for v in found if v is not None]


def shown(measure: Measure, found: Sequence[float]) -> str:
    """Return the mean, and the spread where there are several."""
    if not found:
        return "–"

    def one(v: float) -> str:
        if measure.percent:
            return percent(v)
        return f"{v:.3f}" if measure.name in ("c2st", "utility") else f"{v:,.0f}"

    return one(mean(found)) + (f" ± {one(stdev(found))}" if len(found) > 1 else "")


def ranked(
    contenders: Sequence[Contender], outcomes: Mapping[str, Sequence[Outcome]], measure: Measure
) -> dict[str, int]:
    """Return each contender's place, 1 for the best; equals share one, and who has none has none.

    A peer without privacy is not compared with one that has it: they are ranked apart.
    """
    places = {}
    for private in (False, True):
        of = {
            c.name: mean(got)
            for c in contenders
            if c.private is private and (got := values(outcomes[c.name], measure.name))
        }
        for name, own in of.items():
            better = [v for v in of.values() if (v > own if measure.higher else v < own)]
            places[name] = len(better) + 1
    return places


def said(
    contenders: Sequence[Contender], outcomes: Mapping[str, Sequence[Outcome]]
) -> Iterator[str]:
    """Say who did not finish and why, and what drivers had to say."""
    yield from unfinished(contenders, outcomes)
    for contender in contenders:
        of = outcomes[contender.name]
        notes = dict.fromkeys(n for o in of for n in o.notes)
        if notes:
            yield f"{contender.title}: {'; '.join(notes)}."


def unfinished(
    contenders: Sequence[Contender], outcomes: Mapping[str, Sequence[Outcome]]
) -> Iterator[str]:
    """Say who did not finish, and why: in a sentence for each reason."""
    for contender in contenders:
        of = outcomes[contender.name]
        without = [o for o in of if o.state != "ok"]
        for reason in dict.fromkeys(f"{o.state}: {o.reason}" for o in without):
            times = "" if len(without) == len(of) else f" ({len(without)} of {len(of)} seeds)"
            yield f"{contender.title}{times}, {reason.rstrip('.')}."


def wins(
    contenders: Sequence[Contender], outcomes: Mapping[str, Sequence[Outcome]]
) -> Iterator[str]:
    """Say in one sentence wherever a peer is better than we are."""
    ours = {c.private: c for c in contenders if c.own}
    for contender in contenders:
        own = ours.get(contender.private)
        if own is None or contender.own:
            continue
        won = []
        for measure in RANKED:
            places = ranked([own, contender], outcomes, measure)
            if places.get(contender.name) == 1 and places.get(own.name) == 2:
                theirs, mine = (
                    shown(measure, values(outcomes[c.name], measure.name)) for c in (contender, own)
                )
                won.append(f"{measure.title} ({theirs} against {mine})")
        if won:
            yield f"{contender.title} wins by {', '.join(won)}."


def summary(
    contenders: Sequence[Contender],
    found: Mapping[str, Mapping[str, Sequence[Outcome]]],
    way: Way,
) -> Section:
    """Return the mean rank over the tables, and the tables finished, of each contender."""
    grid = Grid("contender", "tables finished", *(m.title for m in RANKED))
    places = {
        (name, m.name): ranked(contenders, of, m) for name, of in found.items() for m in RANKED
    }
    for contender in contenders:
        done = [n for n, of in found.items() if values(of[contender.name], "valid")]
        cells = []
        for measure in RANKED:
            got = [places[n, measure.name].get(contender.name) for n in found]
            ranks = [g for g in got if g is not None]
            cells.append(f"{mean(ranks):.1f}" if ranks else "–")
        grid.add(contender.title, f"{len(done)} of {len(found)}", *cells)
    figures = []
    if any(c.name == OWN for c in contenders):
        own = [values(of[OWN], "valid") for of in found.values()]
        least = min((v for of in own for v in of), default=0.0)
        figures.append(
            Figure(
                "SynthTab: rows valid, the least of any table", percent(least), "100%", least == 1
            )
        )
        fits = [v for of in found.values() for v in values(of[OWN], "fit_s")]
        figures.append(Figure("SynthTab: longest fit", seconds(max(fits, default=0.0))))
    note = "Mean ranks over the tables a contender finished, 1 the best; private ones apart."
    only = [] if tuple(found) == TABLES else [f"--only {name}" for name in found]
    command = " ".join(["python -m bench peers", *only, *way.asked])
    name = "" if way.some else "peers"
    return Section("Peers: ranks over tables", command, 0, figures, note, [grid], None, name)
