"""SynthTab itself, driven as the others are, under the Python that runs the measurement.

It is given the rules as well as the columns, learns with its defaults, and samples in its default
mode. It takes no limit of time: where one is passed, that is over the time as for the others.
"""

from protocol import run

from synthtab import Model, Privacy, Synthesizer


def fit(task):
    model = Model.load(task.folder / "model.rules")
    if "epsilon" not in task.options:
        made = Synthesizer(model)
        return made.fit(str(task.folder / "train.csv"), violations="drop", seed=task.seed)
    budget = Privacy(epsilon=task.options["epsilon"], delta=task.options["delta"])
    return Synthesizer(model, privacy=budget).fit(str(task.folder / "train.csv"))


def sample(task, model, rows):
    return model.sample(rows, seed=task.seed + 1)


if __name__ == "__main__":
    run(fit, sample, ["synthtab", "torch", "transformers", "z3-solver", "pandas"])
