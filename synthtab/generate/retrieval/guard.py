"""Real rows and a privacy budget: what may be retrieved."""

from __future__ import annotations

from synthtab.errors import BudgetError
from synthtab.generate.retrieval.corpus import Corpus


def refuse_real_rows(corpus: Corpus, privacy: object | None) -> None:
    """Raise BudgetError where there is a budget and the corpus holds rows of the data learned.

    A row that is shown to a generator can be written out as it is, and which rows are nearest to a
    query depends on all of them. No finite epsilon covers that, so there is nothing that a ledger
    could charge. ``privacy`` is None where there is no budget.
    """
    if privacy is None or not corpus.real:
        return
    raise BudgetError(
        f"the corpus holds rows of the data that are learned ({len(corpus):,} passages), and "
        "a retrieved row is shown as it is, which no privacy budget allows; retrieve from public "
        "documents, or from rows that were drawn under the budget (real=False)"
    )
