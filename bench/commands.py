"""What ``python -m bench`` can do: each command with its options and what it measures."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import (
    adult,
    checks,
    domain_recipes,
    domains,
    examples,
    feedback,
    fuzz,
    headline,
    inference,
    language,
    large,
    listing,
    mending,
    modes,
    page,
    peers,
    perturb,
    plans,
    pretraining,
    privacy,
    profiling,
    quick,
    refining,
    relational,
    repairs,
    retrieval,
    screenshot,
    speed,
    support,
    validation,
    validators,
    violations,
)
from bench.report import Section

Options = Callable[[ArgumentParser], None]


@dataclass(frozen=True)
class Measurement:
    """A command that measures: ``run`` yields its sections; ``in_all`` says that ``all`` has it."""

    help: str
    run: Callable[[Namespace], Iterable[Section]]
    options: tuple[Options, ...] = ()
    in_all: bool = True


@dataclass(frozen=True)
class Chore:
    """A command that measures nothing that is recorded."""

    help: str
    run: Callable[[Namespace], None]
    options: tuple[Options, ...] = ()


def seed(parser: ArgumentParser) -> None:
    """Add ``--seed``."""
    parser.add_argument("--seed", type=int, default=0, help="of the split, the fit and the sample")


def seeds(parser: ArgumentParser) -> None:
    """Add ``--seeds``."""
    parser.add_argument("--seeds", type=int, help="of each table; as many as suit its size")


def rows(parser: ArgumentParser) -> None:
    """Add ``--rows``."""
    parser.add_argument("--rows", type=int, help="rows to sample in each mode")


def work(parser: ArgumentParser) -> None:
    """Add ``--work``."""
    parser.add_argument(
        "--work", type=Path, help="keep figures of parts here, and go on from there"
    )


def symbols(parser: ArgumentParser) -> None:
    """Add ``--symbols``."""
    parser.add_argument("--symbols", type=int, help="symbols seen in training; fewer are quicker")


def tables(parser: ArgumentParser) -> None:
    """Add ``--only`` for commands that take tables of the registry."""
    parser.add_argument(
        "--only", action="append", default=[], metavar="TABLE", help="a table; may be repeated"
    )


def parts(*names: str) -> Options:
    """Return what adds ``--only`` for a command that has these parts."""

    def add(parser: ArgumentParser) -> None:
        parser.add_argument("--only", action="append", default=[], choices=names, metavar="PART")
        parser.epilog = "Parts: " + ", ".join(names)

    return add


def _peer_python(parser: ArgumentParser) -> None:
    parser.add_argument("--peer-python", type=Path, help="a Python that has SDV (bench/peer.py)")


def _runs(parser: ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=3, help="of each way under a budget")


def _fuzzing(parser: ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=30, help="how long")
    parser.add_argument(
        "--findings", type=Path, default=Path("fuzz-findings"), help="where what fails is saved"
    )


def _page(parser: ArgumentParser) -> None:
    parser.add_argument("--page", type=Path, default=page.PAGE, help="what is written")


def _profiled(given: Namespace) -> Iterable[Section]:
    return profiling.run(given.seed) if given.profile else speed.run(given.seed)


MEASUREMENTS: dict[str, Measurement] = {
    "adult": Measurement(
        "the core on Adult: fit, decode, distances",
        lambda g: [adult.run(g.rows or adult.ROWS, g.seed)],
        (seed, rows),
    ),
    "check": Measurement("proofs of large models", lambda g: [checks.run(g.seed)], (seed,)),
    "plans": Measurement("Plans of published rule sets", lambda g: [plans.run()]),
    "repair": Measurement("repair of single rows", lambda g: [repairs.run(g.seed)], (seed,)),
    "mending": Measurement("repair of planted errors", lambda g: [mending.run(g.seed)], (seed,)),
    "violations": Measurement(
        "planted errors at three rates: found and restored",
        lambda g: [violations.run(g.seed)],
        (seed,),
    ),
    "validate": Measurement("rows validated a second", lambda g: [validation.run(g.seed)], (seed,)),
    "validators": Measurement(
        "validation beside pandera and DuckDB", lambda g: [validators.run(g.seed)], (seed,)
    ),
    "infer": Measurement("learning rules", lambda g: [inference.run()]),
    "relational": Measurement(
        "several tables",
        lambda g: relational.run(g.seed, g.symbols, g.only, g.peer_python, g.work),
        (seed, symbols, parts(*relational.PARTS), _peer_python, work),
    ),
    "privacy": Measurement(
        "rows under a privacy budget",
        lambda g: privacy.run(g.only, g.work, g.runs, g.symbols),
        (parts(*privacy.PARTS), work, _runs, symbols),
    ),
    "perturb": Measurement(
        "how `perturb` shares its budget", lambda g: [perturb.run(g.seed)], (seed,)
    ),
    "modes": Measurement(
        "all decoding modes on many tables",
        lambda g: modes.run(g.only, g.own, g.seeds, g.rows, g.work, g.seed),
        (tables, listing.options, seeds, rows, work, seed),
    ),
    "feedback": Measurement(
        "correction by talk beside repair and masks",
        feedback.command,
        (tables, rows, seed, feedback.options, work),
        in_all=False,
    ),
    "peers": Measurement(
        "other generators beside ours",
        peers.command,
        (tables, listing.options, seeds, peers.options, peers.setup_option, work),
        in_all=False,
    ),
    "headline": Measurement(
        "rows valid, beside GANs, on many tables",
        headline.command,
        (tables, listing.options, seeds, peers.options, work),
        in_all=False,
    ),
    "refine": Measurement(
        "pair errors before and after refinement",
        lambda g: refining.run(g.seed, g.only, g.seeds, g.work, g.symbols),
        (tables, seeds, seed, symbols, work),
    ),
    "speed": Measurement(
        "how operations grow with rows, columns and rules", _profiled, (seed, speed.options)
    ),
    "retrieval": Measurement(
        "an index of passages: time and recall", lambda g: [retrieval.run(g.seed)], (seed,)
    ),
    "examples": Measurement(
        "rows learned after rows like them, or without",
        lambda g: examples.run(g.only, g.seeds, g.work, g.symbols),
        (tables, seeds, work, symbols),
    ),
    "language": Measurement(
        "rows of causal language models: rules kept, what masks cost",
        lambda g: language.run(g.seed, g.only, g.rows, g.vocabulary, g.work),
        (seed, parts(*language.PARTS), language.options, work),
    ),
    "large": Measurement(
        "a language model of usual size on a GPU: throughput, LoRA, memory",
        large.command,
        (seed, parts(*large.PARTS), large.options),
        in_all=False,
    ),
    "domains": Measurement(
        "domain models as a start, on tables they have not seen",
        lambda g: domains.run(g.seed, g.only, g.seeds, g.work, g.symbols),
        (tables, seeds, seed, symbols, work),
        in_all=False,
    ),
    "fuzz": Measurement(
        "random models, until the time is up",
        lambda g: [fuzz.run(g.seed, g.minutes, g.findings)],
        (seed, _fuzzing),
        in_all=False,
    ),
}

CHORES: dict[str, Chore] = {
    "report": Chore(
        "make docs/results.md and its plots of the records",
        lambda g: page.report(g.results, g.page),
        (_page,),
    ),
    "tables": Chore(
        "list the registered tables", lambda g: listing.show(g.own), (listing.options,)
    ),
    "pretrain": Chore(
        "train the small language model that others measure with",
        pretraining.command,
        (seed, work, pretraining.options),
    ),
    "quick": Chore(
        "two small tables held against limits that only tighten",
        lambda g: quick.main(g.update_ratchet),
        (quick.options,),
    ),
    "domain-model": Chore(
        "make a domain model, as it is shipped",
        domain_recipes.command,
        (domain_recipes.options, seed),
    ),
    "screenshot": Chore(
        "take pictures of the assessor's page",
        lambda g: screenshot.take(g.pictures, g.of, g.seed),
        (screenshot.options, seed),
    ),
    "support": Chore("write docs/support.md", lambda g: support.write()),
}


def add_options(parser: argparse.ArgumentParser, command: Measurement | Chore) -> None:
    """Add a command's options to its parser."""
    for add in command.options:
        add(parser)
