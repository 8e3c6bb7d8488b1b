"""What can learn under a privacy budget, and what is refused, with the reason and a way out."""

from __future__ import annotations

from synthtab.errors import BudgetError, UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.language.settings import Pretrained
from synthtab.privacy.settings import Privacy


def check(privacy: Privacy, generator: Pretrained | None, config: GeneratorConfig) -> None:
    """Refuse what the mechanism cannot do with: a pretrained model, examples, a start.

    Raises BudgetError where real rows would be shown as they are, UsageError otherwise.
    """
    if generator is not None:
        _refuse_pretrained(privacy)
    if config.examples:
        _refuse_examples(privacy)
    if config.init is not None:
        _refuse_start(privacy)


def _refuse_pretrained(privacy: Privacy) -> None:
    """Raise UsageError where a pretrained model would see real rows, or none drawn under a budget.

    Tuning on rows of an estimate is free, as these are released already. Noisy training of a large
    model, and rows each made noise by themselves, are not offered.
    """
    if privacy.mechanism != "marginals" or privacy.generator != "language-model":
        what = privacy.mechanism if privacy.mechanism != "marginals" else privacy.generator
        raise UsageError(
            f"a pretrained model learns nothing under {what!r}: with a privacy budget it is tuned "
            "on rows drawn from measured marginals (mechanism 'marginals', generator "
            "'language-model')"
        )


def _refuse_examples(privacy: Privacy) -> None:
    """Raise BudgetError where real rows would stand before others, UsageError where none can.

    Rows that were drawn under the budget may serve as examples: that is free.
    """
    if privacy.mechanism == "dp-sgd":
        raise BudgetError(
            "noisy training (mechanism 'dp-sgd') learns real rows, and a row that stands before "
            "another as an example is shown as it is, which no privacy budget allows: leave the "
            "examples out, or take the mechanism 'marginals', whose examples are rows drawn from "
            "what the budget has paid for"
        )
    if privacy.mechanism == "marginals" and privacy.generator == "graphical":
        raise UsageError(
            "rows that are drawn from marginals directly (generator 'graphical') have no examples "
            "before them: leave the examples out, or take the generator 'language-model'"
        )


def _refuse_start(privacy: Privacy) -> None:
    """Raise UsageError where no network is trained, or none that frequencies can be told to."""
    if privacy.mechanism != "marginals" or privacy.generator != "language-model":
        what = privacy.mechanism if privacy.mechanism != "marginals" else privacy.generator
        raise UsageError(
            f"under {what!r} nothing begins as a domain model, which is told how frequent values "
            "are: take the mechanism 'marginals' with the generator 'language-model', where the "
            "budget has paid for that, or leave the start (init) out"
        )
