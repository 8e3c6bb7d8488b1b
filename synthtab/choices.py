"""What is chosen by name: how rows are decoded, what becomes of rows that break rules.

Apart from the code that acts on them, so that a command line starts without it.
"""

from __future__ import annotations

from typing import Literal, get_args

Mode = Literal[
    "free",
    "reject",
    "repair",
    "grammar",
    "grammar+repair",
    "solver",
    "solver+weighted",
    "feedback",
]
"""How rows are drawn and kept valid (synthtab.draw)."""
MODES: tuple[Mode, ...] = get_args(Mode)
COMMON_MODES: tuple[Mode, ...] = tuple(mode for mode in MODES if mode != "feedback")
"""Those in which any source draws rows; the others take a language model."""
Violations = Literal["error", "drop", "repair"]
"""What is done about real rows that break rules."""
