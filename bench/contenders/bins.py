"""A table as small whole numbers and back, for peers that count cells.

Kinds are declared, and so are ranges where the rules give them: a column of many numbers gets bins
of equal width over its range. Where no range is declared the data's own is taken, which is noted:
the budget does not pay for it. Within a bin a number is drawn evenly; a moment, as a number of
seconds. Texts cannot be counted: one of those seen often stands for itself, which is noted too.
"""

import numpy as np
import pandas as pd
from protocol import DISCRETE, MOMENTS, NUMBERS

MOST = 32
FEW = 64
"""Values a range may hold for each to be a bin of its own."""


class Bins:
    """How each column of a task is counted: ``sizes`` levels, of which 0 is missing if optional."""

    def __init__(self, task, seed=0):
        self.task = task
        self.random = np.random.default_rng(seed)
        self.frame = task.codes()
        self.ways = {c["name"]: self._way(c) for c in task.columns}
        self.sizes = {
            c["name"]: self.ways[c["name"]][1] + bool(c["nullable"]) for c in task.columns
        }

    def _way(self, column):
        values = self.frame[column["name"]]
        if column["kind"] in DISCRETE:
            return column["categories"], len(column["categories"])
        if column["kind"] not in NUMBERS + MOMENTS:
            self.task.note(f"{column['name']}: texts as seen, not paid for")
            seen = sorted(values.dropna().value_counts().index[:FEW]) or [""]
            return seen, len(seen)
        low, high = (self._end(column, end, values) for end in ("lo", "hi"))
        step = self._step(column)
        count = round((high - low) / step) + 1
        if count <= FEW:
            return np.linspace(low - step / 2, high + step / 2, count + 1), count
        return np.linspace(low - step / 2, high + step / 2, MOST + 1), MOST

    def _end(self, column, end, values):
        if end in column:
            text = column[end]
            if column["kind"] in MOMENTS:
                return (pd.Timestamp(text) - pd.Timestamp(0)).total_seconds()
            return float(text)
        self.task.note(f"{column['name']}: no range is declared, the data's own is not paid for")
        found = values.min() if end == "lo" else values.max()
        return 0.0 if pd.isna(found) else float(found)

    def _step(self, column):
        if column["kind"] == "date":
            return 86_400.0
        return float(column.get("tick", 10.0 ** -column.get("scale", 0)))

    def encode(self):
        """Return the training rows as levels, one int64 column for each."""
        made = {}
        for column in self.task.columns:
            name, values = column["name"], self.frame[column["name"]]
            way, count = self.ways[name]
            if isinstance(way, np.ndarray):
                levels = np.digitize(values.to_numpy(dtype="float64"), way[1:-1])
            else:
                places = {value: at for at, value in enumerate(way)}
                levels = values.map(places).fillna(0).to_numpy(dtype="int64")
            shift = int(column["nullable"])
            missing = values.isna().to_numpy()
            made[name] = np.where(missing, 0, np.clip(levels, 0, count - 1) + shift)
        return pd.DataFrame(made)

    def decode(self, levels):
        """Return rows of levels as values, numbers drawn within their bins."""
        made = {}
        for column in self.task.columns:
            name = column["name"]
            way, count = self.ways[name]
            shift = int(column["nullable"])
            at = levels[name].to_numpy(dtype="int64") - shift
            within = np.clip(at, 0, count - 1)
            if isinstance(way, np.ndarray):
                step = self._step(column)
                drawn = way[within] + self.random.random(len(at)) * (way[within + 1] - way[within])
                # The ends of bins lie half a step outside the values that round into them.
                least, most = way[0] + step / 2, way[-1] - step / 2
                values = np.clip(np.round(drawn / step) * step, least, most)
            else:
                values = np.array(way, dtype=object)[within]
            made[name] = pd.Series(values, dtype=object).where(pd.Series(at >= 0), None)
        return pd.DataFrame(made)
