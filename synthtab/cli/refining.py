"""The work behind ``synthtab refine``: rows chosen in rounds, judged once more, and told of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape

from synthtab.assess.compliance import Compliance, compliance
from synthtab.choices import Mode
from synthtab.cli import common
from synthtab.cli.datasets import all_given
from synthtab.cli.loading import print_loaded
from synthtab.cli.outputs import output_of
from synthtab.databases.address import hidden
from synthtab.errors import InfeasibleError, UsageError
from synthtab.frames import encode_frame
from synthtab.loading import Loaded
from synthtab.pipeline import Refined, Synthesizer
from synthtab.refine.rounds import RoundScores
from synthtab.sources import Sources


@dataclass(frozen=True)
class Request:
    """What is asked for: the real rows, how many to make, in how many rounds, where they go."""

    data: str | None
    holdout: str | None
    rows: int
    rounds: int
    candidates: float | None
    output: str
    replace: bool
    mode: Mode | None
    seed: int | None
    as_json: bool


def refine(model: Path, request: Request) -> bool:
    """Write refined rows of a saved model; return whether they keep all hard rules."""
    if model.suffix == ".rules" or model.is_file():
        raise UsageError(
            f"{model} is no saved model: refinement corrects what 'synthtab fit' has learned"
        )
    synthesizer = Synthesizer.load(model)
    output = output_of(request.output, synthesizer.model, None, request.replace)
    output.check()
    got = _refined(synthesizer, request)
    table = synthesizer.model.tables[0]
    kept = compliance(table, encode_frame(table.columns, got.frame))
    loaded = output.write({table.name: got.frame})
    _tell(got, kept, loaded, hidden(request.output), request.as_json)
    return not any(rule.required is None for rule in kept.broken)


def _refined(synthesizer: Synthesizer, request: Request) -> Refined:
    with Sources() as sources, common.progress(request.as_json) as update:
        data, holdout = (
            None if given is None else all_given(synthesizer.model, [given], sources)
            for given in (request.data, request.holdout)
        )
        try:
            return synthesizer.refine(
                request.rows,
                data,
                rounds=request.rounds,
                mode=request.mode,
                seed=request.seed,
                holdout=holdout,
                candidates=request.candidates,
                progress=update,
            )
        except InfeasibleError as error:
            # What was asked for is wrong here, not the rows: the exit code says so.
            raise UsageError(str(error)) from error


def _tell(
    got: Refined, kept: Compliance, loaded: Loaded | None, written: str, as_json: bool
) -> None:
    broken = {rule.name: rule.violated for rule in kept.broken if rule.required is None}
    if as_json:
        common.print_json(
            {
                **got.to_dict(),
                "valid_share": kept.share,
                "broken": broken,
                "written": written,
                **({} if loaded is None else {"database": asdict(loaded)}),
            }
        )
        return
    console = common.stdout()
    console.print(
        f"{len(got.frame):,} rows refined by {got.targets} in {got.seconds:.0f} s "
        f"(mode {got.mode}, seed {got.seed})"
    )
    if got.left_out:
        console.print(f"real rows that break rules or were not learned, left out: {got.left_out:,}")
    grid = common.grid(
        *("round", "proposed", "as drawn", "weighted", "refined", "effective", "corrected before"),
        right=range(6),
    )
    for scores in got.rounds:
        chosen = " *" if scores.number == got.best else ""
        errors = (f"{e:.3%}" for e in (scores.drawn, scores.raked, scores.refined))
        grid.add_row(
            f"{scores.number}{chosen}",
            f"{scores.proposed:,}",
            *errors,
            f"{scores.effective:.0%}",
            escape(_corrected(scores)),
        )
    common.print_grid(console, "Pair error by round (* the rows returned)", grid)
    if (held := got.rounds[got.best - 1].held_out) is not None:
        console.print(f"\nfrom held-out rows: {held[0]:.3%} as drawn, {held[1]:.3%} refined")
    console.print(
        f"\nstopped: {got.stopped_because}; noise {got.noise:.3%}, "
        f"{got.floor:.3%} would be chance for {len(got.frame):,} perfect rows"
    )
    console.print(f"rows that keep every rule: {common.share(kept.share)}")
    for name, count in broken.items():
        console.print(f"  {name}: broken by {count:,}", markup=False)
    if loaded is not None:
        print_loaded(loaded)
    console.print(f"written: {written}", soft_wrap=True, markup=False)


def _corrected(scores: RoundScores) -> str:
    """Return the columns that were learned most, and those drawn colder or hotter."""
    worst = sorted(scores.emphasis, key=lambda c: -scores.emphasis[c])[:3]
    said = [f"learned {', '.join(worst)}"] if worst else []
    said += [f"{c} at {t:.2f}" for c, t in list(scores.temperatures.items())[:3]]
    return "; ".join(said)
