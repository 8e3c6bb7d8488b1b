"""A small BERT that reads a row as a sentence, one token for each column.

Numbers, dates and datetimes are put into 20 quantile bins of the training rows, of an enum the 50
most common values are words; what is beyond is one more word, and NULL another. The encoder's
position says which column a word is of (Devlin et al., "BERT", 2019, for the architecture, which
comes from transformers; nothing is pretrained). It is trained for a fixed number of steps, which
takes seconds on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertConfig, BertForSequenceClassification

from synthtab.assess.features import COMMON
from synthtab.assess.fidelity import BINS
from synthtab.assess.learners import Examples, Floats, Task, standard
from synthtab.batch import Batch
from synthtab.schema import BooleanType, Column, EnumType

Ids = NDArray[np.int64]

WIDTH = 64
LAYERS = 2
HEADS = 4
STEPS = 100
SIZE = 128
"""Rows of a step."""
RATE = 3e-3
_AT_ONCE = 2048
_PAD, _MARK = 0, 1
"""A word that no row has, and the one that every row begins with, whose state is classified."""


@dataclass(frozen=True)
class Words:
    """How rows become words: per column the values (or upper ends of bins) that have a word each.

    A column's words are ``first``: NULL, then one for each value or bin, then one for all others.
    """

    columns: tuple[Column, ...]
    values: tuple[Ids, ...]
    first: tuple[int, ...]
    count: int

    @classmethod
    def of(cls, columns: tuple[Column, ...], rows: Batch) -> Words:
        """Take values and bins from some rows."""
        values, first, count = [], [], 2
        for column in columns:
            codes, nulls = rows.column(column.name)
            known = np.sort(codes[~nulls])
            if isinstance(column.type, EnumType | BooleanType):
                found, times = np.unique(known, return_counts=True)
                mine = np.sort(found[np.argsort(-times, kind="stable")][:COMMON])
            else:
                mine = np.unique(known[np.arange(1, BINS) * len(known) // BINS])
            values.append(mine)
            first.append(count)
            count += len(mine) + 2
        return cls(columns, tuple(values), tuple(first), count)

    def sentences(self, rows: Batch) -> Ids:
        """Return the rows as words (rows, 1 + columns)."""
        found = np.full((len(rows), 1 + len(self.columns)), _MARK, dtype=np.int64)
        for at, (column, values, first) in enumerate(
            zip(self.columns, self.values, self.first, strict=True)
        ):
            codes, nulls = rows.column(column.name)
            place = np.searchsorted(values, codes)
            if isinstance(column.type, EnumType | BooleanType) and len(values):
                known = values[np.minimum(place, len(values) - 1)] == codes
                place = np.where(known, place, len(values))
            found[:, 1 + at] = first + np.where(nulls, 0, place + 1)
        return found


def small_bert(task: Task, train: Examples, test: Batch, seed: int) -> Floats:
    """Train a small BERT on rows, and return its scores of the test rows.

    It is the same again for the same seed and number of threads; torch's own state of randomness
    is left as it was.
    """
    words = Words.of(task.columns, train.rows)
    outputs = task.classes or 1
    centre, scale = standard(train.truth)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForSequenceClassification(_config(words, outputs if task.classes else None))
        learned = torch.from_numpy(words.sentences(train.rows))
        truth = (
            torch.from_numpy(((train.truth - centre) / scale).astype(np.float32))
            if task.classes is None
            else torch.from_numpy(train.truth.astype(np.int64))
        )
        _train(model, learned, truth, task.classes is None)
    model.train(False)
    sentences = words.sentences(test)
    with torch.inference_mode():
        parts = [
            model(input_ids=torch.from_numpy(sentences[at : at + _AT_ONCE])).logits
            for at in range(0, len(sentences), _AT_ONCE)
        ]
    scores = torch.cat(parts)
    if task.classes is None:
        return np.asarray(scores.double().numpy() * scale + centre)
    return np.asarray(scores.softmax(dim=1).double().numpy()[:, :outputs])


def _config(words: Words, classes: int | None) -> BertConfig:
    config = BertConfig(
        vocab_size=words.count,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=1 + len(words.columns),
        type_vocab_size=1,
        pad_token_id=_PAD,
    )
    config.num_labels = 1 if classes is None else max(classes, 2)
    return config


def _train(
    model: BertForSequenceClassification,
    sentences: torch.Tensor,
    truth: torch.Tensor,
    number: bool,
) -> None:
    """Take a fixed number of steps, the rate rising for a tenth of them and falling after."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.1)
    loss = torch.nn.MSELoss() if number else torch.nn.CrossEntropyLoss()
    model.train()
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(STEPS):
        if len(order) < min(SIZE, len(sentences)):
            order = torch.randperm(len(sentences))
        picked, order = order[:SIZE], order[SIZE:]
        logits = model(input_ids=sentences[picked]).logits
        error = loss(logits[:, 0] if number else logits, truth[picked])
        optimiser.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        rates.step()
