"""The exception root and its branches.

Every error a user can cause derives from :class:`SynthTabError`; the command lines turn those into
one readable message and an exit code, and let everything else through as the bug it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synthtab.diagnostics import Diagnostic


class SynthTabError(Exception):
    """Root of every error SynthTab raises on purpose."""


class ModelError(SynthTabError):
    """A rules file, or a model built in Python, is not well formed.

    ``diagnostics`` holds every finding, not only the first.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n\n".join(d.render() for d in self.diagnostics))


class DataError(SynthTabError):
    """A table of data does not fit the declared columns (missing, extra, of a wrong type ...)."""


class RuleViolationError(SynthTabError):
    """Real rows break hard rules and the caller asked for that to be an error."""


class InfeasibleError(SynthTabError):
    """No row can satisfy the rules, or not as many rows as were asked for."""


class SavedModelError(SynthTabError):
    """A saved model is missing, truncated, altered, or of another format version."""


class UsageError(SynthTabError):
    """An argument is outside what is accepted; the message says what is."""


class BudgetError(SynthTabError):
    """The privacy budget does not suffice for what was asked; nothing was read."""
