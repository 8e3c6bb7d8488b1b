"""How the domain models that come with SynthTab are made: their data, and the command's work.

Three kinds of tables are shown to a model: tables of the registry; all tables of a public data set,
by its rules file, without columns that only tell rows apart; and rows of a rules file alone, where
the rules look at one row. Only data whose terms permit it are used. Tables of the same domain that
no model has seen are kept to measure by.
"""

from __future__ import annotations

import datetime
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench import registry
from bench.record import environment, versions
from bench.report import data_directory, rules_file
from synthtab.batch import Batch
from synthtab.errors import InfeasibleError, UsageError
from synthtab.files import read_frame
from synthtab.frames import encode_frame
from synthtab.generate.model import ModelConfig
from synthtab.generate.pretrain.domainmodel import DomainModel
from synthtab.generate.pretrain.schemamodel import SchemaModel
from synthtab.generate.pretrain.shelf import KIND, SHIPPED
from synthtab.generate.pretrain.tables import RealTable
from synthtab.generate.pretrain.training import PretrainConfig, Seen, pretrain
from synthtab.generate.train import Progress
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.schema import Column, EnumType, TextType
from synthtab.store import check_target

LONGEST_TEXT = 30
MOST_VALUES = 150
"""A text of at most so many different values is shown as a list of them."""
RULES_ROWS = 2_000
STEPS = 6_000
MOST = 20_000
"""Rows of a table that are used, the others cut."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """What a domain's model is made of, and the tables that it is measured by.

    ``tables`` and ``held_out`` name tables of the registry, ``sets`` data sets with a rules file,
    ``rules`` rules files without data; ``licences`` says under which terms each may be used.
    """

    about: str
    tables: tuple[str, ...]
    sets: tuple[str, ...]
    rules: tuple[str, ...]
    held_out: tuple[str, ...]
    licences: Mapping[str, str]


RECIPES: Mapping[str, Recipe] = {
    "healthcare": Recipe(
        "patients, encounters, conditions, treatments and their costs",
        (
            *("synthea_claims_encounters", "synthea_claims_patients", "synthea_ehr_patients"),
            *("synthea_ehr_encounters", "synthea_ehr_careplans", "breast_cancer", "rand_hie"),
        ),
        ("synthea_ehr",),
        ("clinic",),
        ("stroke", "cervical_cancer", "insurance"),
        {
            "synthea_claims, synthea_ehr": "made by Synthea (Apache-2.0); records unrestricted",
            "breast_cancer": "UCI Machine Learning Repository, CC BY 4.0 (Wolberg and others)",
            "rand_hie": "RAND Health Insurance Experiment, public domain",
            "clinic.rules": "rows of our own rules",
        },
    ),
    "finance": Recipe(
        "credit, campaigns of a bank, bookkeeping",
        ("credit_default", "bank_marketing", "engel"),
        (),
        ("ledger",),
        ("german_credit", "loan_prediction", "heloc"),
        {
            "credit_default": "UCI Machine Learning Repository, CC BY 4.0 (Yeh)",
            "bank_marketing": "UCI Machine Learning Repository, CC BY 4.0 (Moro and others)",
            "engel": "Engel's food expenditure, public domain",
            "ledger.rules": "rows of our own rules",
        },
    ),
    "enterprise": Recipe(
        "products, orders, invoices, staff and bookings",
        ("northwind_lines", "chinook_track", "hotel_bookings"),
        ("northwind", "chinook"),
        ("employment",),
        ("sakila_film", "sakila_rental", "online_shoppers"),
        {
            "northwind": "Microsoft Public License",
            "chinook": "MIT-style (Luis Rocha)",
            "hotel_bookings": "CC BY 4.0 (Antonio and others)",
            "employment.rules": "rows of our own rules",
        },
    ),
}


def shown(recipe: Recipe, tell: Tell) -> tuple[RealTable, ...]:
    """Return the tables that a recipe's model is shown."""
    found = [*_registered(recipe), *_of_sets(recipe), *_of_rules(recipe, tell)]
    return tuple(t for t in found if len(t.batch) >= registry.LEAST_ROWS and len(t.columns) > 1)


def _registered(recipe: Recipe) -> Iterator[RealTable]:
    for name in recipe.tables:
        loaded = registry.load(registry.entry(name), most=MOST)
        yield RealTable(name, loaded.table.columns, loaded.train)


def _of_sets(recipe: Recipe) -> Iterator[RealTable]:
    for name in recipe.sets:
        folder = data_directory() / name
        for table in Model.load(rules_file(name)).tables:
            columns = telling(table)
            frame = read_frame(next(folder.glob(f"{table.name}.csv*")))
            batch = encode_frame(columns, frame, ignore_extra=True, name=table.name)
            yield listed(f"{name}.{table.name}", columns, batch)


def _of_rules(recipe: Recipe, tell: Tell) -> Iterator[RealTable]:
    """Return tables of rows that the rules about single rows allow."""
    for name in recipe.rules:
        for table in Model.load(rules_file(name)).tables:
            columns = telling(table)
            rules = registry.rules_about(table, {c.name for c in columns})
            try:
                model = Model.of([replace(table, columns=columns, rules=rules)])
                frame = Synthesizer(model).rules_only().sample(RULES_ROWS, seed=0)
            except (InfeasibleError, UsageError) as problem:
                tell(f"{name}.{table.name} is left out: {problem}")
                continue
            batch = encode_frame(columns, frame, name=table.name)
            yield listed(f"{name}.{table.name}", columns, batch)


def telling(table: nodes.Table) -> tuple[Column, ...]:
    """Return the columns that say something of a row: no keys and no references."""
    apart: set[str] = set()
    for rule in table.rules:
        if isinstance(rule, nodes.UniqueRule) and len(rule.columns) == 1:
            apart |= set(rule.columns)
        if isinstance(rule, nodes.ReferenceRule):
            apart |= set(rule.columns)
    return tuple(c for c in table.columns if c.name not in apart)


def listed(name: str, columns: tuple[Column, ...], batch: Batch) -> RealTable:
    """Return a table whose texts of few different values are lists of these.

    Other texts are left out where they may be long: they would be most of a row.
    """
    kept: list[Column] = []
    codes = batch.codes.copy()
    for at, column in enumerate(columns):
        if not isinstance(column.type, TextType):
            kept.append(column)
            continue
        there = ~batch.nulls[:, at]
        used, numbers = np.unique(batch.pool[codes[there, at]], return_inverse=True)
        if 0 < len(used) <= min(MOST_VALUES, there.sum() // 3):
            kept.append(replace(column, type=EnumType(tuple(map(str, used)))))
            codes[there, at] = numbers
        elif column.type.max_length <= LONGEST_TEXT:
            kept.append(column)
    names = [c.name for c in kept]
    return RealTable(name, tuple(kept), replace(batch, codes=codes).select(names))


def options(parser: ArgumentParser) -> None:
    """Add what :func:`command` takes."""
    parser.add_argument("name", choices=list(RECIPES), help="which")
    parser.add_argument("--output", type=Path, help="a folder for it, not the package")
    parser.add_argument("--steps", type=int, default=STEPS, help="fewer are quicker")


def command(given: Namespace) -> None:
    """Make a domain model, telling how far it is on standard error."""
    config = PretrainConfig(steps=given.steps)
    target = make(given.name, given.output, config, given.seed, lambda s: print(s, file=sys.stderr))
    print(target)


def make(name: str, folder: Path | None, config: PretrainConfig, seed: int, tell: Tell) -> Path:
    """Pretrain a domain's model and save it, in the package unless a folder is given."""
    recipe, target = RECIPES[name], (folder or SHIPPED) / name
    check_target(target, KIND)  # before the work, not after
    tables = shown(recipe, tell)
    for table in tables:
        tell(f"{table.name}: {len(table.batch):,} rows, {len(table.columns)} columns")
    network = SchemaModel(ModelConfig(), seed)

    def progress(state: Progress) -> None:
        if state.step % 200 == 0:
            tell(
                f"{name}: step {state.step:,} of {state.total:,}, {-state.loss:.2f} nats a row "
                f"better than columns alone, {state.seconds_left / 60:.0f} min left"
            )

    gained = pretrain(network, tables, config, seed, progress)
    model = DomainModel(name, recipe.about, network)
    replace(model, card=card(model, recipe, tables, config, gained, seed)).save(target)
    return target


def card(
    model: DomainModel,
    recipe: Recipe,
    tables: tuple[RealTable, ...],
    config: PretrainConfig,
    gained: Seen,
    seed: int,
) -> str:
    """Return the model card."""
    rows = sum(len(t.batch) for t in tables)
    python = environment()["python"]
    packages = ", ".join(f"{name} {version}" for name, version in versions().items())
    shape = model.network.config
    lines = [
        f"# {model.name}: a network that reads schemas",
        "",
        f"A start for the small network of a table about {recipe.about}: "
        f"`synthtab fit RULES DATA --init {model.name}`. It is no language model of its own: it "
        "writes the rows of a table that it is told of by column names, labels, types and the "
        "frequencies of each column's values, and is then trained on the table's rows "
        "(docs/domain-models.md).",
        "",
        f"- **Parameters**: {model.parameters:,} ({shape.layers} layers, {shape.hidden} wide)",
        f"- **Date**: {datetime.date.today().isoformat()}",
        f"- **Command**: `python -m bench domain-model {model.name}`, seed {seed}",
        f"- **Training**: {config.steps:,} steps of {config.rows} rows; {config.imagined:.0%} of "
        "them on imagined tables, without names",
        f"- **Made with**: Python {python}; {packages}",
        "- **Licence**: that of SynthTab; the data are named below with their own",
        "",
        "## Data",
        "",
        f"{len(tables)} tables, {rows:,} rows, each shown in many ways (some columns in another "
        "order, some rows, numbers stretched):",
        "",
        *(f"- {t.name}: {len(t.batch):,} rows, {len(t.columns)} columns" for t in tables),
        "",
        "Terms:",
        "",
        *(f"- {what}: {terms}" for what, terms in recipe.licences.items()),
        "",
        "## Figures",
        "",
        "Nats by which a row is likelier than by its columns' frequencies alone, means of the "
        "last steps:",
        "",
        f"- tables of the domain, with names: {gained.named:.2f}",
        f"- the same, without names: {gained.unnamed:.2f}",
        f"- imagined tables: {gained.imagined:.2f}",
        "",
        "What it is worth on tables it has not seen is measured by `python -m bench domains` "
        f"({', '.join(recipe.held_out)}; docs/results.md).",
        "",
        "## Limits",
        "",
        "It has seen few tables, most of them in English; what a column's name means to it is "
        "what it meant there. It writes no rows before it is trained on some, and what it has of "
        "the data it saw is tendencies, but no promise of privacy was made for those: they are "
        "public.",
        "",
    ]
    return "\n".join(lines)
