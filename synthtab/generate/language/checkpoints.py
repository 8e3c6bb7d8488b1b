"""Where tuning goes on after an interruption: a directory that appears whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from synthtab.errors import SavedModelError, UsageError
from synthtab.store import MANIFEST, Kind, check_target, read_manifest, save_directory

TUNING = Kind("synthtab-tuning", 1, "state of tuning", "delete it and start anew")
_LIVE, _BEST, _MOMENTS = "live.safetensors", "best.safetensors", "moments.safetensors"

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Standing:
    """How far tuning is: steps made, the least held-out loss, the looks that brought no better."""

    step: int = 0
    best: float = float("inf")
    best_step: int = 0
    waited: int = 0


@dataclass(frozen=True)
class State:
    """All that tuning goes on from: the standing, weights now and at their best, the moments."""

    standing: Standing
    live: Tensors
    best: Tensors
    moments: Tensors


@dataclass(frozen=True)
class Checkpoints:
    """A directory for the state of one run, which ``run`` tells from others.

    Raises UsageError where something else is there already.
    """

    directory: Path
    run: str

    def __post_init__(self) -> None:
        check_target(self.directory, TUNING)

    def save(self, state: State) -> None:
        """Write a state in the place of the last one."""
        parts = {_LIVE: state.live, _BEST: state.best, _MOMENTS: state.moments}

        def write(folder: Path) -> None:
            for name, tensors in parts.items():
                save_file({k: v.contiguous() for k, v in tensors.items()}, folder / name)

        facts = {"run": self.run, "standing": asdict(state.standing)}
        save_directory(self.directory, facts, write, TUNING)

    def load(self) -> State | None:
        """Return the state that was saved last; None where there is none yet.

        Raises UsageError where it is another run's, SavedModelError where it is damaged.
        """
        if not (self.directory / MANIFEST).is_file():
            return None
        facts = read_manifest(self.directory, TUNING)
        if facts.get("run") != self.run:
            raise UsageError(
                f"{self.directory} holds the state of another run: its rows, prompt, model, seed "
                "or settings are not the same; give another directory, or delete it to start anew"
            )
        try:
            standing = _standing(facts["standing"])
            live, best, moments = (
                load_file(self.directory / name) for name in (_LIVE, _BEST, _MOMENTS)
            )
        except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
            raise SavedModelError(f"{self.directory} cannot be read: {error}") from error
        return State(standing, live, best, moments)


def _standing(facts: Mapping[str, Any]) -> Standing:
    return Standing(
        int(facts["step"]), float(facts["best"]), int(facts["best_step"]), int(facts["waited"])
    )
