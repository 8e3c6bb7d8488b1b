"""DoppelGANger (gretel-synthetics): sequences of a group's rows, with what is constant in a group.

Columns that are alike in all of a group's rows are attributes, the others features; the column that
orders rows is a feature as well, as its values are part of the table, and comes back as the model
makes it. A group's number is no part of that: groups are numbered anew. Texts are left to it as
kinds. Groups may differ in length; a table that is one sequence is cut into windows.
"""

import pandas as pd
from gretel_synthetics.timeseries_dgan import dgan
from gretel_synthetics.timeseries_dgan.config import DfStyle, DGANConfig
from gretel_synthetics.timeseries_dgan.dgan import DGAN
from protocol import DISCRETE, NUMBERS, Watch, run

LONGEST = 200
WINDOW = 12
MISSING = "missing"
EPOCHS = 10_007
"""More than there is time for; a number that no other loop of its module counts to."""


def fit(task):
    frame = task.codes()
    group, order = task.sequence["group"], task.sequence["order"]
    frame = frame.sort_values([*group, *order])
    discrete = [c["name"] for c in task.columns if c["kind"] in (*DISCRETE, "text")]
    # Which kind a group is, is an attribute of it; which number it has means nothing.
    numbered = [n for n in group if n not in discrete]
    example = frame[group].astype(str).agg("|".join, axis=1) if group else windows(frame)
    same = frame.groupby(example).nunique(dropna=False).le(1).all()
    for name in discrete:
        frame[name] = frame[name].fillna(MISSING)
    numbers = [n for n in frame if n not in discrete]
    holes = [n for n in numbers if frame[n].isna().any()]
    for name in holes:
        frame[f"{name} is missing"] = frame[name].isna().map({True: "1", False: "0"})
        same[f"{name} is missing"] = same[name]
        frame[name] = frame[name].fillna(frame[name].median())
    attributes = [n for n in frame if same[n] and n not in numbered]
    features = [n for n in frame if n not in attributes and n not in numbered]
    longest = min(LONGEST, int(example.value_counts().max()))
    place = example.groupby(example).cumcount()
    frame, example = frame[place < longest], example[place < longest]
    given = frame.drop(columns=numbered).assign(example=example.to_numpy())
    model = DGAN(
        DGANConfig(
            max_sequence_len=longest,
            sample_len=1,
            batch_size=min(100, max(2, example.nunique() // 2)),
            epochs=EPOCHS,
            apply_example_scaling=False,
            cuda=False,
        )
    )
    clocked(task)
    model.train_dataframe(
        given,
        attribute_columns=attributes or None,
        feature_columns=features,
        example_id_column="example",
        discrete_columns=[n for n in given if n in discrete or n.endswith(" is missing")],
        df_style=DfStyle.LONG,
    )
    return model, numbered, holes


def windows(frame):
    """Return which window of ``WINDOW`` rows each row of one long sequence is in."""
    return pd.Series([str(at // WINDOW) for at in range(len(frame))], index=frame.index)


def clocked(task):
    """Have training end with the time: its loop over epochs is ended, whatever their number."""
    watch = Watch(task, range(EPOCHS), counted=False)
    dgan.range = lambda *given: watch if given == (EPOCHS,) else range(*given)


def sample(task, fitted, rows):
    model, numbered, holes = fitted
    made, count, start = [], 0, 0
    while count < rows:
        frame = model.generate_dataframe(100)
        frame["example"] = frame["example"].astype(int) + start
        start += 100
        count += len(frame)
        made.append(frame)
    frame = pd.concat(made, ignore_index=True).iloc[:rows]
    for name in holes:
        frame[name] = frame[name].where(frame[f"{name} is missing"] != "1")
    kinds = {c["name"]: c["kind"] for c in task.columns}
    for name in numbered:
        number = frame["example"] + 1
        frame[name] = number if kinds[name] in NUMBERS else number.astype(str)
    return frame.replace({MISSING: None})


if __name__ == "__main__":
    run(fit, sample, ["gretel-synthetics", "torch", "numpy", "pandas"])
