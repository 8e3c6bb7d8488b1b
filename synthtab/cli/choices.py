"""What may be chosen by name on the command line of ``synthtab``."""

from __future__ import annotations

from enum import StrEnum


class Violations(StrEnum):
    """What is done about real rows that break rules."""

    error = "error"
    drop = "drop"
    repair = "repair"


class FileFormat(StrEnum):
    """What the files of a directory are."""

    csv = "csv"
    parquet = "parquet"


class ModeName(StrEnum):
    """The decoding modes."""

    free = "free"
    reject = "reject"
    repair = "repair"
    grammar = "grammar"
    grammar_repair = "grammar+repair"
    solver = "solver"
    solver_weighted = "solver+weighted"
