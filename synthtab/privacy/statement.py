"""The guarantee in plain language, with what it rests on."""

from __future__ import annotations

import math

from synthtab.privacy.ledger import Ledger
from synthtab.privacy.settings import Privacy

HOW = {
    "marginals": "Counts of rows by one, two or three columns were taken, each with noise; a "
    "distribution was fitted to them, and nothing else of the real rows was used",
    "dp-sgd": "The language model was trained on random parts of the rows, each row's influence on "
    "a step bounded and covered by noise",
    "perturb": "Every row was changed at random by itself before anything else saw it",
}


def statement(ledger: Ledger, privacy: Privacy) -> str:
    """Return the guarantee as one paragraph for a reader who decides about a release."""
    epsilon, delta = ledger.spent()
    factor = f"a factor of {math.exp(epsilon):.3g} (e^{epsilon:.3g})"
    beyond = f", but for a chance of {delta:.3g}" if delta else ""
    return (
        f"This model, and every row drawn from it, is ({epsilon:.4g}, {delta:.3g})-differentially "
        f"private: {ledger.neighbours.in_words()} in the real data changes the probability of "
        f"whatever may be released, or concluded from it, by at most {factor}{beyond}. That holds "
        "against anybody, whatever else they know and however much they compute. "
        f"{HOW[privacy.mechanism]}. Every access to the real rows was booked in the ledger before "
        "it took place. The guarantee assumes that what one person contributed is one such unit "
        "(somebody with several is protected less), that the rules file was written without "
        "looking at the data (its ranges, categories and rules are taken to be public), that the "
        "noise comes from the system's own randomness, and that the real rows are released in no "
        "other way. It does not promise that nothing can be learned about people in general, nor "
        "that what holds for nearly everybody stays unknown of somebody."
    )
