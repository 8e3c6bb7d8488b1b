"""From a vault to a row generator by noisy training: a warm start, a course, its stretches."""

from __future__ import annotations

import math

import numpy as np

from synthtab.batch import Batch
from synthtab.errors import DataError, UsageError
from synthtab.generate.generator import RowGenerator
from synthtab.generate.model import new_network
from synthtab.generate.tokenizer import Layout, make_layout
from synthtab.generate.train import ProgressHook, train
from synthtab.ir import nodes
from synthtab.privacy.dpsgd.course import PrivateConfig, plan_course
from synthtab.privacy.dpsgd.noise import MARGIN
from synthtab.privacy.dpsgd.training import (
    Sums,
    Trainer,
    TrainStretch,
    Watch,
    fresh_seed,
    seconds_a_row,
)
from synthtab.privacy.dpsgd.warm import warm_rows
from synthtab.privacy.dpsgd.weights import position_weights
from synthtab.privacy.vault import Vault
from synthtab.schema import TextType
from synthtab.solver.plan import Plan


def train_private(
    vault: Vault,
    table: nodes.Table,
    plan: Plan,
    rows: int,
    config: PrivateConfig | None = None,
    progress: ProgressHook | None = None,
    watch: Watch | None = None,
) -> RowGenerator:
    """Learn a table's rows by DP-SGD; all that is left of the vault's budget is spent on it.

    ``table`` has no text, and ``plan`` is made of its rules and declared domains; ``rows`` is a
    number of rows that is public, such as a noisy count. The layout, the order of columns, the
    number of steps and the noise follow from these, the budget and this machine's speed; of the
    rows themselves nothing is seen but noisy counts of single columns and noisy sums of clipped
    gradients. ``progress`` is told no loss (it is NaN), as that was not paid for; nor is there a
    held-out loss, and the weights returned are the average of the last ones, not the best.
    ``watch`` is told the noisy sum of each step.

    The same call gives another generator every time: noise that can be repeated can be subtracted.
    Raises BudgetError where the budget left is too small for any answer, UsageError for a budget
    or a table that noisy training cannot do with, DataError where there are no rows.
    """
    config = config or PrivateConfig()
    _check(vault, table, rows)
    layout = _layout(table, plan)
    computed = [c.name for c in table.columns if plan.step(c.name).determined]
    network = new_network(config.model, layout, fresh_seed())
    if config.warm_start > 0:
        purse = vault.ledger.purse().share(config.warm_start)
        made = warm_rows(vault, table, plan, purse, rows, config.warm_rows)
        if len(made):
            train(network, layout, layout.encode(made), config.warm, fresh_seed())
    weights = position_weights(layout, computed)
    reads = tuple(f"{table.name}.{c}" for c in plan.order if c not in computed)
    with Sums(network, layout, config.bound * (1 - MARGIN), weights) as sums:
        speed = seconds_a_row(sums, layout) if math.isfinite(config.seconds) else 0.0
        course = plan_course(vault.ledger, config, rows, speed, reads)
        trainer = Trainer(network, layout, course, table.name, rows, sums, progress, watch)
        for stretch in course.stretches:
            vault.release(TrainStretch(trainer, stretch, reads))
        trainer.finish()
    return RowGenerator(table.columns, layout, network, {})


def _check(vault: Vault, table: nodes.Table, rows: int) -> None:
    neighbours = vault.neighbours
    if neighbours.kind != "add-remove" or neighbours.most != 1:
        raise UsageError(
            f"dp-sgd is accounted for adding or removing one row, and the ledger is about "
            f"{neighbours.in_words()}; the mechanism 'marginals' does that"
        )
    if vault.ledger.delta == 0:
        raise UsageError("dp-sgd adds Gaussian noise, which needs a delta above 0; 1e-6 is usual")
    texts = [c.name for c in table.columns if isinstance(c.type, TextType)]
    if texts:
        raise UsageError(
            f"dp-sgd learns no free text, and column {texts[0]!r} is; declare it an enum"
        )
    if rows < 1:
        raise DataError(
            f"the noisy number of rows of table `{table.name}` is {rows}: there is too little to "
            "learn from under this budget"
        )


def _layout(table: nodes.Table, plan: Plan) -> Layout:
    """Lay out the columns, in the plan's order, from declarations alone."""
    names, width = table.column_names, len(table.columns)
    nothing = Batch(
        tuple(names),
        np.empty((0, width), dtype=np.int64),
        np.empty((0, width), dtype=np.bool_),
        np.empty(0, dtype=object),
    )
    return make_layout(table.columns, plan.order, plan.domains, nothing)
