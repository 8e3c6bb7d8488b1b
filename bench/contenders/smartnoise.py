"""smartnoise-synth's MST, AIM and PATECTGAN, on declared kinds and bins over declared ranges.

All three count kinds; they are given the levels of bins.py with a transformer that knows every
level beforehand, so that nothing of the budget goes to preprocessing.
"""

import contextlib
import sys

import numpy as np
from bins import Bins
from protocol import run
from snsynth import Synthesizer
from snsynth.transform import LabelTransformer, OneHotEncoder, TableTransformer
from snsynth.transform.chain import ChainTransformer


def fit(task):
    bins = Bins(task, task.seed)
    kind = task.options["kind"]
    given = {"epsilon": float(task.options["epsilon"]), "delta": task.options["delta"]}
    model = Synthesizer.create(kind, **given)
    levels = bins.encode()
    with contextlib.redirect_stdout(sys.stderr):
        model.fit(levels, transformer=transformer(bins, levels, kind), preprocessor_eps=0.0)
    return model, bins, list(levels.columns)


def transformer(bins, levels, kind):
    """Return a transformer that has seen every level of every column, and no row."""
    columns = [LabelTransformer(nullable=False) for _ in levels.columns]
    if "gan" in kind:
        columns = [ChainTransformer([c, OneHotEncoder()]) for c in columns]
    whole = TableTransformer(columns)
    longest = max(bins.sizes.values())
    whole.fit([tuple(at % bins.sizes[n] for n in levels.columns) for at in range(longest)])
    whole._columns = list(levels.columns)
    return whole


def sample(task, fitted, rows):
    model, bins, names = fitted
    with contextlib.redirect_stdout(sys.stderr):
        made = model.sample(rows)
    made = made if hasattr(made, "columns") else np.array(made)
    frame = bins.frame.iloc[:0].reindex(range(len(made)))
    for at, name in enumerate(names):
        frame[name] = (made[name] if hasattr(made, "columns") else made[:, at]).astype("int64")
    return bins.decode(frame)


if __name__ == "__main__":
    run(fit, sample, ["smartnoise-synth", "mbi", "opacus", "torch", "pandas"])
