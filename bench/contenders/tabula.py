"""After TabuLa: a small language model from random weights, compressed tokens, middle padding.

There is no package; this is our own driver after the paper's ideas (Zhao et al., "TabuLa:
Harnessing language models for tabular data synthesis"). A column's name and each value of a column
of kinds are one token (token sequence compression); numbers, moments and texts are spelled
character by character; what a column spells is padded to the column's longest within the row, so
that a column always stands at the same place (middle padding). Nothing constrains what is written
at sampling.
"""

import pandas as pd
import torch
from language import configured, portions
from protocol import DISCRETE, run, written
from transformers import GPT2LMHeadModel

PAD, START, MISSING = 0, 1, 2
BATCH = 64
PORTION = 1024


class Words:
    """The tokens of a table: where each column's stretch begins, and how cells are spelled."""

    def __init__(self, task):
        self.columns = task.columns
        frame = spelled(task)
        self.ids = {}
        self.spans = {}
        at = 1
        for column in task.columns:
            name = column["name"]
            values = frame[name].dropna()
            width = 1
            if column["kind"] not in DISCRETE:
                width = max(1, int(values.str.len().max() if len(values) else 1))
            self.spans[name] = (at + 1, at + 1 + width)
            at += 1 + width
        self.length = at
        self.frame = frame

    def token(self, *what):
        """Return the number of a token, new ones after those there are."""
        return self.ids.setdefault(what, len(self.ids) + 3)

    def encode(self):
        """Return the rows as tokens, (rows, length) int64."""
        rows = torch.full((len(self.frame), self.length), PAD)
        rows[:, 0] = START
        for column in self.columns:
            name = column["name"]
            begin, end = self.spans[name]
            rows[:, begin - 1] = self.token("name", name)
            for row, text in enumerate(self.frame[name]):
                if text is None:
                    rows[row, begin] = MISSING
                elif column["kind"] in DISCRETE:
                    rows[row, begin] = self.token("value", name, text)
                else:
                    for at, character in enumerate(text[: end - begin]):
                        rows[row, begin + at] = self.token("character", character)
        return rows

    def decode(self, rows):
        """Return tokens as texts; a token out of its place spells what is no value."""
        back = {number: what for what, number in self.ids.items()}
        made = {}
        for column in self.columns:
            begin, end = self.spans[column["name"]]
            made[column["name"]] = [
                _cell(column, [back.get(t, t) for t in row[begin:end]]) for row in rows.tolist()
            ]
        return pd.DataFrame(made)


def _cell(column, tokens):
    if tokens[0] == MISSING:
        return None
    if column["kind"] in DISCRETE:
        what = tokens[0]
        mine = isinstance(what, tuple) and what[0] == "value" and what[1] == column["name"]
        return what[2] if mine else "\N{REPLACEMENT CHARACTER}"
    spelled = [t for t in tokens if t != PAD]
    fits = all(isinstance(t, tuple) and t[0] == "character" for t in spelled)
    return "".join(t[1] for t in spelled) if fits else "\N{REPLACEMENT CHARACTER}"


def spelled(task):
    """Return the training rows as the texts they are written with; None where one is missing."""
    frame = written(task, task.frame())
    return frame.astype(object).where(frame.notna(), None)


def fit(task):
    words = Words(task)
    rows = words.encode()
    config = configured(
        len(words.ids) + 3, words.length, bos_token_id=START, eos_token_id=None, pad_token_id=PAD
    )
    model = GPT2LMHeadModel(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.01)
    model.train()
    steps = epochs = 0
    while task.left_s() > 0:
        for part in torch.randperm(len(rows)).split(BATCH):
            given = rows[part]
            scores = model(input_ids=given[:, :-1]).logits
            loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), given[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            steps += 1
            if task.left_s() <= 0:
                break
        else:
            epochs += 1
    task.note(f"{epochs} epochs, {steps} steps")
    return model.eval(), words


def sample(task, fitted, rows):
    model, words = fitted

    @torch.no_grad()
    def make(count):
        tokens = torch.full((count, 1), START)
        made, cache = [tokens], None
        for _ in range(words.length - 1):
            got = model(input_ids=tokens, past_key_values=cache, use_cache=True)
            cache = got.past_key_values
            tokens = torch.multinomial(got.logits[:, -1].softmax(-1), 1)
            made.append(tokens)
        return words.decode(torch.cat(made, dim=1))

    return portions(task, rows, PORTION, make)


if __name__ == "__main__":
    run(fit, sample, ["transformers", "torch", "pandas"])
