"""TabularARGN of mostlyai-engine, with its defaults, and its differential privacy.

Without privacy, values are not protected (rare categories would come back as a token that is no
value); with it they are, as their ranges have to be, and rare ones are drawn from the others. The
budget is split evenly between the ranges and training, as its makers do by default (1.0 each).
Encodings follow the declared kinds: enums and booleans as categories, numbers and moments by its
own choice among its encodings for them.
"""

import contextlib
import sys

from mostlyai.engine import TabularARGN
from mostlyai.engine.domain import DifferentialPrivacyConfig, RareCategoryReplacementMethod
from protocol import run

CATEGORICAL, CHARACTERS = "TABULAR_CATEGORICAL", "TABULAR_CHARACTER"
NUMERIC, MOMENT = "TABULAR_NUMERIC_AUTO", "TABULAR_DATETIME"
KINDS = {
    **dict.fromkeys(("integer", "decimal"), NUMERIC),
    **dict.fromkeys(("date", "datetime"), MOMENT),
    **dict.fromkeys(("enum", "boolean"), CATEGORICAL),
}
SHARE = 0.85
"""Of the time for fitting, for training itself: analysis and encoding come before."""


def fit(task):
    frame = task.frame()
    encodings = {}
    for column in task.columns:
        name, kind = column["name"], column["kind"]
        often = kind == "text" and frame[name].nunique() <= len(frame) / 2
        encodings[name] = KINDS.get(kind, CATEGORICAL if often else CHARACTERS)
    privacy = None
    if "epsilon" in task.options:
        half = task.options["epsilon"] / 2
        privacy = DifferentialPrivacyConfig(
            max_epsilon=half, delta=task.options["delta"], value_protection_epsilon=half
        )
    model = TabularARGN(
        max_training_time=SHARE * task.limit_s / 60,
        value_protection=privacy is not None,
        differential_privacy=privacy,
        tgt_encoding_types=encodings,
        device="cpu",
        workspace_dir=str(task.folder / "workspace"),
        random_state=task.seed,
    )
    with contextlib.redirect_stdout(sys.stderr):
        return model.fit(frame)


def sample(task, model, rows):
    kind = RareCategoryReplacementMethod.sample
    with contextlib.redirect_stdout(sys.stderr):
        return model.sample(n_samples=rows, device="cpu", rare_category_replacement_method=kind)


if __name__ == "__main__":
    run(fit, sample, ["mostlyai-engine", "torch", "pandas"])
