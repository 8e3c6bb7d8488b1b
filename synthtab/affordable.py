"""What can learn under a privacy budget, and what is refused, with the reason and a way out."""

from __future__ import annotations

from synthtab.errors import BudgetError, UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.language.settings import Pretrained
from synthtab.privacy.settings import Privacy


def check(privacy: Privacy, generator: Pretrained | None, config: GeneratorConfig) -> None:
    """Refuse what the mechanism cannot do with: a pretrained model, examples, a start.

    Raises BudgetError where examples would tell of real rows, UsageError otherwise.
    """
    other = _other(privacy)
    if generator is not None and other is not None:
        # Tuning on rows of an estimate is free, as these are released already. Noisy training of a
        # large model, and rows each made noise by themselves, are not offered.
        raise UsageError(
            f"a pretrained model learns nothing under {other!r}: with a privacy budget it is tuned "
            "on rows drawn from measured marginals (mechanism 'marginals', generator "
            "'language-model')"
        )
    if config.examples:
        _refuse_examples(privacy)
    if config.init is not None and other is not None:
        raise UsageError(
            f"under {other!r} nothing begins as a domain model, which is told how frequent values "
            "are: take the mechanism 'marginals' with the generator 'language-model', where the "
            "budget has paid for that, or leave the start (init) out"
        )


def _other(privacy: Privacy) -> str | None:
    """Return the setting that keeps a network from learning rows of marginals; None if none."""
    if privacy.mechanism != "marginals":
        return privacy.mechanism
    return None if privacy.generator == "language-model" else privacy.generator


def _refuse_examples(privacy: Privacy) -> None:
    """Raise BudgetError where examples would tell of real rows, UsageError where there are none.

    Rows that were drawn under the budget may serve as examples: that is free. Of public rows those
    are kept that lie near real ones, which is not.
    """
    if privacy.mechanism == "dp-sgd":
        raise BudgetError(
            "noisy training (mechanism 'dp-sgd') learns real rows, and examples are such rows as "
            "they are, or public rows that are chosen by them, which no privacy budget allows: "
            "leave the examples out, or take the mechanism 'marginals', whose examples are rows "
            "drawn from what the budget has paid for"
        )
    if privacy.mechanism == "marginals" and privacy.generator == "graphical":
        raise UsageError(
            "rows that are drawn from marginals directly (generator 'graphical') have no examples "
            "before them: leave the examples out, or take the generator 'language-model'"
        )
