"""CTGAN with PiShield's constraint layer, in training and in sampling.

The layer (Stoian et al., "How realistic is your synthetic data? Constraining deep generative models
for tabular data", 2024) stands behind the generator: what it makes of a number is undone into the
number itself, corrected until the inequalities hold, and done again, so that the discriminator sees
corrected rows and gradients pass through the correction. Sampled rows are corrected once more, as
the last rounding comes after. A strict inequality of whole multiples of a step leaves that step.
Kinds and missing numbers are learned as CTGAN learns categories; the layer has no words for them.
"""

import pandas as pd
import torch
from ctgan import CTGAN
from ctgan.synthesizers import ctgan
from pishield.linear_requirements.shield_layer import ShieldLayer
from protocol import DISCRETE, Watch, run

MISSING = "missing"
WIDTH = 4
"""Standard deviations of a component that CTGAN's -1 .. 1 spans on each side."""


class Shielded(CTGAN):
    """CTGAN whose generator's numbers are corrected by a layer."""

    def __init__(self, layer, numbers, **given):
        super().__init__(**given)
        self.layer, self.numbers = layer, numbers

    def _apply_activate(self, data):
        made = super()._apply_activate(data)
        if self.layer is None:
            return made
        at, places, shifts, scales = 0, [], [], []
        values = torch.zeros(len(made), len(self.numbers))
        for info in self._transformer._column_transform_info_list:
            if info.column_name in self.numbers:
                mixture = info.transform._bgm_transformer
                kept = info.transform.valid_component_indicator
                means = torch.tensor(mixture.means_.flatten()[kept], dtype=torch.float)
                spreads = torch.tensor(mixture.covariances_.flatten()[kept] ** 0.5).float() * WIDTH
                which = made[:, at + 1 : at + info.output_dimensions].argmax(dim=1)
                places.append((at, self.numbers.index(info.column_name)))
                shifts.append(means[which])
                scales.append(spreads[which])
            at += info.output_dimensions
        columns = list(values.unbind(1))
        for (place, number), shift, scale in zip(places, shifts, scales, strict=True):
            columns[number] = made[:, place] * scale + shift
        corrected = self.layer(torch.stack(columns, dim=1))
        parts = list(made.unbind(1))
        for (place, number), shift, scale in zip(places, shifts, scales, strict=True):
            parts[place] = ((corrected[:, number] - shift) / scale).clamp(-1, 1)
        return torch.stack(parts, dim=1)


def requirements(task, numbers):
    """Return the inequalities in the words of PiShield's files, empty where there are none."""
    steps = {c["name"]: 10.0 ** -c.get("scale", 0) for c in task.columns}
    lines = []
    for told in task.linear:
        terms = {n: t for n, t in told["terms"].items() if n in numbers}
        if len(terms) < len(told["terms"]):
            continue
        constant = told["constant"]
        if told["strict"]:
            constant += min(abs(t) * steps[n] for n, t in terms.items())
        body = " ".join(
            f"{'-' if times < 0 else '+'} {abs(times):.10f}y_{numbers.index(name)}"
            for name, times in terms.items()
        )
        lines.append(f"{body.removeprefix('+ ')} >= {constant:.10f}")
    if not lines:
        return ""
    order = " ".join(f"y_{at}" for at in range(len(numbers)))
    return "\n".join([f"ordering {order}", *lines]) + "\n"


def fit(task):
    frame = task.codes()
    discrete = [c["name"] for c in task.columns if c["kind"] in (*DISCRETE, "text")]
    holes = [n for n in frame if n not in discrete and frame[n].isna().any()]
    numbers = [n for n in frame if n not in discrete and n not in holes]
    for name in discrete:
        frame[name] = frame[name].fillna(MISSING)
    for name in holes:
        frame[f"{name} is missing"] = frame[name].isna().map({True: "1", False: "0"})
        frame[name] = frame[name].fillna(frame[name].median())
    flags = [f"{n} is missing" for n in holes]
    text, layer = requirements(task, numbers), None
    if text:
        path = task.folder / "requirements.txt"
        path.write_text(text, encoding="utf-8")
        layer = ShieldLayer(len(numbers), str(path))
    between = sum(len(t["terms"]) > 1 for t in task.linear)
    task.note(f"{between} inequalities between columns, the others ranges")
    ctgan.tqdm = lambda epochs, **_: Watch(task, epochs)
    model = Shielded(layer, numbers, enable_gpu=False)
    model.fit(frame.astype(dict.fromkeys(numbers + holes, "float64")), [*discrete, *flags])
    return model, numbers, holes


def sample(task, fitted, rows):
    model, numbers, holes = fitted
    frame = pd.DataFrame(model.sample(rows))
    if model.layer is not None:
        given = torch.tensor(frame[numbers].to_numpy(dtype="float64"))
        model.layer = model.layer.double()
        for kept in (model.layer.pos_matrices, model.layer.neg_matrices):
            for name, matrix in kept.items():
                kept[name] = matrix.double() if isinstance(matrix, torch.Tensor) else matrix
        # Rounded before: a correction of whole numbers by whole multiples leaves whole numbers.
        for at, name in enumerate(numbers):
            scale = next(c.get("scale", 0) for c in task.columns if c["name"] == name)
            given[:, at] = given[:, at].round(decimals=scale)
        frame[numbers] = model.layer(given).numpy()
    for name in holes:
        frame[name] = frame[name].where(frame[f"{name} is missing"] != "1")
    return frame.replace({MISSING: None})


if __name__ == "__main__":
    run(fit, sample, ["pishield", "ctgan", "torch", "pandas"])
