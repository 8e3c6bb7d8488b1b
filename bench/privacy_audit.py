"""Attacks on every mechanism: epsilon from below, membership over several splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.kept import kept
from bench.report import Figure, Grid, Section, at_most, data_directory, rules_file
from synthtab.batch import Batch
from synthtab.cli.auditing_models import spare_rows
from synthtab.files import read_batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.privacy.audit import neighbours
from synthtab.privacy.audit.bounds import Bound
from synthtab.privacy.audit.canaries import POOL, Fitted, canary_bound, rare_rows
from synthtab.privacy.audit.tables import audit_tables
from synthtab.privacy.settings import Privacy

DELTA = 1e-6
EPSILON = 1.0
MOST_AUC = 0.52
SPLITS = 5
LEARNED = 3_000
DRAWN = 10_000
CANARIES = 500
NEIGHBOURING = 300
SYMBOLS = 500_000
"""Symbols that language models see under a budget: about a sixth of the usual number."""
COLUMNS = ("age", "fnlwgt", "workclass", "relationship", "sex", "hours_per_week", "income")
FEW = ("age", "relationship", "sex", "income")
"""The columns of neighbouring tables."""
ONE = Privacy(epsilon=EPSILON, delta=DELTA)
WAYS: Mapping[str, Privacy | None] = {
    "marginals, graphical": replace(ONE, generator="graphical"),
    "marginals, language model": ONE,
    "dp-sgd": replace(ONE, mechanism="dp-sgd"),
    "perturb": replace(ONE, mechanism="perturb"),
    "no budget": None,
}
RUNS: Sequence[tuple[Privacy, int]] = (
    (ONE, 2_000),
    (replace(ONE, mechanism="dp-sgd"), 40),
    (replace(ONE, mechanism="dp-sgd", epsilon=8.0), 40),
    (replace(ONE, mechanism="perturb"), 4_000),
)
"""Neighbouring runs: of which mechanism, how many on each side."""
RULES = "the rules alone"
COMMAND = "python -m bench privacy --only audit"
NOTE = (
    f"{len(COLUMNS)} columns of Adult ({', '.join(COLUMNS)}) with the rules that speak of these "
    f"alone, {LEARNED:,} rows learned from; under a budget language models see {SYMBOLS:,} "
    "symbols, a sixth of the usual number. Canaries: "
    f"{CANARIES} of {POOL * CANARIES:,} rows drawn from the rules alone, those in the rarest pairs "
    "of values, each in the data or not by a coin (for `perturb`, exchanged for another such row); "
    "one run, beside one without canaries; epsilon is at least the bound, with 95% confidence. "
    f"Neighbouring runs: {NEIGHBOURING} rows of {', '.join(FEW)} with and without a canary; what "
    "the mechanism's own answers say for it to whoever knows the other rows. The first bound takes "
    "nothing for granted; the second takes the noise to be Gaussian, as it is booked, and is held "
    "to what the charges for that noise come to at this delta (docs/privacy.md). Membership: "
    f"{SPLITS} random splits of the real rows into members, others and the attacker's reference, "
    f"{LEARNED:,} each; {DRAWN:,} rows drawn; means over splits with their 95% interval (Student's "
    "t). The best attack of a split is the one that is best on the other splits, so that its mean "
    "is not that of a choice after the fact; rows of the rules alone, which know nothing of the "
    "data, show what chance gives. No seed: noise takes none. That broken mechanisms (noise "
    "halved, the ledger bypassed) are found is a test, with a stated chance of a miss "
    "(test_broken_mechanisms.py and test_neighbours.py in tests/privacy/audit)."
)


def run(work: Path | None, tell: Callable[[str], None]) -> Section:
    """Return the figures of all mechanisms."""
    figures: list[Figure] = []
    for privacy, runs in RUNS:
        tell(f"audit: neighbouring runs of {privacy.mechanism}, epsilon {privacy.epsilon:g}")
        part = f"audit_neighbours_{privacy.mechanism}_{privacy.epsilon:g}"
        figures += kept(work, part, {"runs": runs}, partial(_neighbours, privacy, runs))
    for name, way in WAYS.items():
        tell(f"audit: canaries, {name}")
        how = {"canaries": CANARIES, "learned": LEARNED, "symbols": SYMBOLS}
        figures += kept(work, f"audit_canaries_{_slug(name)}", how, partial(_canaries, name, way))
    grid, judged = _membership(work, tell)
    return Section("Privacy: audit", COMMAND, None, [*figures, *judged], NOTE, [grid])


def part_of(columns: Sequence[str]) -> Model:
    """Return Adult with some columns alone, and the rules that speak of no other."""
    table = Model.load(rules_file("adult")).table()
    return Model.of([neighbours.part_of(table, columns)])


def _real(model: Model) -> Batch:
    whole = Model.load(rules_file("adult")).table().columns
    real = read_batch(data_directory() / "adult" / "adult.csv.gz", whole)
    return real.select(list(model.table().column_names))


def _learn(model: Model, privacy: Privacy | None, rows: Batch) -> Fitted:
    columns = model.table().columns
    few = GeneratorConfig(train=TrainConfig(symbols_seen=SYMBOLS))
    config = None if privacy is None else few
    synthesizer = Synthesizer(model, config=config, privacy=privacy)
    synthesizer.fit(decode_frame(columns, rows), violations="drop")
    drawn = encode_frame(columns, synthesizer.sample(DRAWN))
    return Fitted(drawn, synthesizer.log_likelihood)


def _neighbours(privacy: Privacy, runs: int) -> list[Figure]:
    model = part_of(FEW)
    real = _real(model)
    some = real.take(np.sort(np.random.default_rng(0).permutation(len(real))[:NEIGHBOURING]))
    case = neighbours.case_of(model.table(), some, spare_rows(model)(20 * NEIGHBOURING))
    found = neighbours.neighbouring_bounds(case, privacy, runs)
    kinds = ("", ", Gaussian noise")
    other = "" if privacy.epsilon == EPSILON else f" at epsilon {privacy.epsilon:g}"
    named = f"{privacy.mechanism}{other}"
    return [
        _bound(f"{named}, {2 * runs:,} neighbouring runs{kind}: epsilon", bound)
        for bound, kind in zip(found, kinds, strict=False)
    ]


def _bound(what: str, bound: Bound) -> Figure:
    stated = EPSILON if bound.stated is None else bound.stated
    return at_most(f"{what} is at least", bound.epsilon, stated, "{:.2f}".format)


def _canaries(name: str, privacy: Privacy | None) -> list[Figure]:
    model = part_of(COLUMNS)
    columns, real = model.table().columns, _real(model)
    rows = real.take(np.sort(np.random.default_rng(0).permutation(len(real))[:LEARNED]))
    spare = spare_rows(model)
    canaries = rare_rows(columns, spare(POOL * CANARIES), rows, CANARIES)
    exchanged = privacy is not None and privacy.relation().kind == "replace"
    bound = canary_bound(
        partial(_learn, model, privacy),
        columns,
        rows,
        canaries,
        1,
        DELTA,
        spare=spare if exchanged else None,
    )
    if privacy is None:
        told = f"{bound.epsilon:.2f} ({bound.event})"
        return [Figure(f"{name}, canaries of one run: epsilon is at least", told)]
    return [_bound(f"{name}, canaries of one run: epsilon", bound)]


Areas = NDArray[np.float64]
"""AUCs (splits, attacks)."""


def _membership(work: Path | None, tell: Callable[[str], None]) -> tuple[Grid, list[Figure]]:
    """Return a grid of mean AUCs, and what the requirement is judged by."""
    model = part_of(COLUMNS)
    real, spare = _real(model), spare_rows(model)
    made: dict[str, Callable[[Batch], Batch]] = {
        name: lambda rows, way=way: _learn(model, way, rows).rows for name, way in WAYS.items()
    }
    made[RULES] = lambda _rows: spare(DRAWN)
    found: dict[str, list[list[Figure]]] = {name: [] for name in made}
    for split in range(SPLITS):
        for name, make in made.items():
            tell(f"audit: membership, split {split + 1} of {SPLITS}, {name}")
            how = {"learned": LEARNED, "drawn": DRAWN, "symbols": SYMBOLS}
            part = f"audit_membership_{_slug(name)}_{split}"
            attacked = partial(_attacked, model, real, split, make)
            found[name].append(kept(work, part, how, attacked))
    attacks = [f.what for f in found[RULES][0]]
    grid = Grid("membership AUC", *attacks, "best attack", "beyond the rules alone")
    areas = {
        name: np.array([[float(f.measured) for f in split] for split in splits])
        for name, splits in found.items()
    }
    figures = []
    chance = areas[RULES]
    for name, area in areas.items():
        best, picked = cross_fitted(area)
        beyond = best - np.array([chance[s, a] for s, a in enumerate(picked)])
        cells = (_mean(area[:, k]) for k in range(len(attacks)))
        grid.add(name, *cells, _mean(best), "" if name == RULES else _mean(beyond))
        if WAYS.get(name) is not None:
            figures.append(
                Figure(
                    f"{name}: membership AUC of the best attack",
                    _mean(best),
                    f"at most {MOST_AUC}",
                    fmean(best) <= MOST_AUC,
                    f"Membership at epsilon {EPSILON:g}, {name}: AUC of the best attack",
                )
            )
    return grid, figures


def _attacked(
    model: Model, real: Batch, split: int, make: Callable[[Batch], Batch]
) -> list[Figure]:
    order = np.random.default_rng(1_000 + split).permutation(len(real))
    members, holdout = real.take(order[:LEARNED]), real.take(order[LEARNED : 3 * LEARNED])
    report = audit_tables(
        model.table().columns, members, holdout, make(members), secrets=[], rows=2 * LEARNED
    )
    return [Figure(m.attack, repr(m.auc)) for m in report.membership]


def cross_fitted(areas: Areas) -> tuple[Areas, list[int]]:
    """Return each split's AUC by the attack that is best on the other splits, and which it is."""
    picked = [
        int(np.argmax(np.delete(areas, split, axis=0).mean(axis=0))) for split in range(len(areas))
    ]
    return areas[np.arange(len(areas)), picked], picked


def _mean(values: Sequence[float] | Areas) -> str:
    """Return a mean with half the width of its 95% interval."""
    numbers = [float(v) for v in values]
    reach = stats.t.isf(0.025, len(numbers) - 1) * stdev(numbers) / len(numbers) ** 0.5
    return f"{fmean(numbers):.3f} ± {reach:.3f}"


def _slug(name: str) -> str:
    return name.replace(" ", "_").replace(",", "")
