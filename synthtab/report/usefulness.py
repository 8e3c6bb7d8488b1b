"""The section on usefulness: models trained on synthetic rows and tested on real ones."""

from __future__ import annotations

from synthtab.assess.assessment import Assessment, Learner, Utility
from synthtab.report import text
from synthtab.report.dots import Range, dots, span
from synthtab.report.likeness import legend
from synthtab.report.markup import tag
from synthtab.report.section import Place, Section, absent, bracketed, code, paragraph
from synthtab.report.tables import Cell, Head, Row, table

HEADS = (
    Head("Model"),
    Head("Trained on real rows", number=True),
    Head("Trained on synthetic rows", number=True),
    Head("Compared", plain=True),
    Head("Loss", number=True),
    Head("Loss by chance", number=True),
)
METRICS = {
    "AUC": "AUC is the chance that a case scores higher than another row; 0.5 is guessing, 1 is "
    "perfect.",
    "R2": "R2 is the share of the target's variance that is explained; 0 is no better than the "
    "mean, 1 is perfect.",
}


def usefulness(found: Assessment, place: Place) -> Section:
    """Return what models trained on synthetic rows are worth, or how to have that measured."""
    if found.utility is None:
        reason = text.reason(found.left, "utility", "bert") or "No target was named."
        how = (
            reason,
            " With a column to predict (",
            code("--target COLUMN"),
            ") and a hold-out (",
            code("--holdout"),
            "), models are trained on real and on synthetic rows and tested on real ones.",
        )
        return place.section("usefulness", "Usefulness", absent("Not measured.", how))
    used = found.utility
    axis = _axis(used)
    return place.section(
        "usefulness",
        "Usefulness",
        paragraph(
            "Models that predict ",
            code(used.target),
            f" were trained on {text.count(used.train_rows, 'real row')} and on as many synthetic "
            f"ones, and tested on {text.count(used.test_rows, 'row')}: {used.tested_on}. ",
            METRICS[used.metric],
            " Loss by chance is the difference between two models that are trained on different "
            "halves of the real rows.",
        ),
        legend("trained on real rows, with the range of chance"),
        table(
            place.ident("learners"),
            f"{used.metric} on real rows",
            HEADS,
            [_row(learner, axis) for learner in used.learners],
        ),
        tag("ul", (tag("li", text.sentence(line)) for line in used.notes)) if used.notes else None,
    )


def _row(found: Learner, axis: Range) -> Row:
    return (
        (found.name, tag("small", found.note) if found.note else None),
        Cell(bracketed(found.on_real, found.on_real_interval), found.on_real),
        Cell(bracketed(found.on_synthetic, found.on_synthetic_interval), found.on_synthetic),
        dots(
            found.on_synthetic,
            found.on_synthetic_interval,
            found.on_real,
            found.on_real_interval,
            axis,
        ),
        Cell(bracketed(found.loss, found.loss_interval), found.loss),
        Cell(text.figure(found.floor), found.floor),
    )


def _axis(used: Utility) -> Range:
    values = [
        v
        for item in used.learners
        for v in (
            *(item.on_real, item.on_synthetic),
            *(item.on_real_interval or ()),
            *(item.on_synthetic_interval or ()),
        )
    ]
    return span(values, None)
