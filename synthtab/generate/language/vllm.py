"""Rows by an engine that serves a model and takes structured outputs, such as vLLM.

An engine completes texts; its batching and its cache of prefixes are its own affair. What it may
write is said by a regular expression per request: at the level ``grammar`` one for the whole row,
under a Plan one for each column of each row, of the values that the columns before leave. An engine
does not tell how much of the probability its masks left, so that there are no importance weights:
``solver+weighted`` is ``solver`` here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from synthtab.batch import Codes, Mask
from synthtab.errors import UsageError
from synthtab.generate.drawn import Drawn
from synthtab.generate.guide import Guide, Level, asked, check_request
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.regexes import in_slot, read_rows, row_regex, slot_regex
from synthtab.generate.language.slots import Slot
from synthtab.generate.language.spelling import NULL, json_string, spell
from synthtab.generate.language.template import Template
from synthtab.generate.language.values import Strings, Walked, Written, assembled, read_values
from synthtab.generate.texts import Fingerprints
from synthtab.schema import Column

_SPARE = 8
"""Tokens a request may take beyond a token for each byte of the longest value."""


@dataclass(frozen=True)
class Request:
    """A text to go on from, and the regular expression (None: anything) of what may follow."""

    prompt: str
    regex: str | None
    max_tokens: int
    temperature: float = 1.0
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the request as vLLM's server takes it (POST /v1/completions), without a model."""
        said: dict[str, Any] = {
            "prompt": self.prompt,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "stop": ["\n"],
        }
        if self.regex is not None:
            said["structured_outputs"] = {"regex": self.regex}
        return said


class Engine(Protocol):
    """What completes texts."""

    def complete(self, requests: Sequence[Request]) -> list[str]:
        """Return what follows each prompt, in their order."""


class VllmEngine:
    """vLLM in this process, over a model's directory."""

    def __init__(self, path: str, **options: Any) -> None:
        if find_spec("vllm") is None:
            raise UsageError(
                "serving by vLLM needs it and a GPU: pip install 'synthtab[vllm]'; without, rows "
                "are written by transformers"
            )
        import vllm  # an extra that needs a GPU
        from vllm.sampling_params import StructuredOutputsParams  # as above

        self._vllm, self._structured = vllm, StructuredOutputsParams
        self._engine = vllm.LLM(model=path, enable_prefix_caching=True, **options)

    def complete(self, requests: Sequence[Request]) -> list[str]:
        """See :class:`Engine`."""
        settings = []
        for request in requests:
            said = {k: v for k, v in request.to_dict().items() if k != "prompt"}
            if "structured_outputs" in said:
                said["structured_outputs"] = self._structured(**said["structured_outputs"])
            settings.append(self._vllm.SamplingParams(**said))
        outputs = self._engine.generate([r.prompt for r in requests], settings, use_tqdm=False)
        return [str(output.outputs[0].text) for output in outputs]


@dataclass(frozen=True)
class ServedGenerator:
    """Rows of a template by an engine; ``prompt`` stands before each row."""

    engine: Engine
    columns: tuple[Column, ...]
    template: Template
    prompt: str = ""
    temperature: float = 1.0
    fingerprints: Mapping[str, Fingerprints] | None = None

    @classmethod
    def of(cls, generator: LanguageGenerator, engine: Engine) -> ServedGenerator:
        """Return what writes a generator's rows, after its prompt, by an engine.

        Raises UsageError where rows have passages of their own, which an engine knows nothing of.
        """
        if generator.recall is not None:
            raise UsageError(
                "an engine writes all rows after one prompt, and these have passages of their own: "
                "make the generator without them (row_passages=0)"
            )
        return cls(
            engine,
            generator.columns,
            generator.template,
            generator.before,
            fingerprints=generator.fingerprints,
        )

    def draw(
        self, rows: int, *, level: Level = "free", guide: Guide | None = None, seed: int = 0
    ) -> Drawn:
        """Draw rows; see :class:`LanguageGenerator`. All log-weights are 0."""
        check_request(rows, level, guide)
        if level == "solver":
            assert guide is not None  # checked above
            walked = self._by_column(rows, guide, seed)
        else:
            walked = self._whole(
                rows, row_regex(self.template) if level == "grammar" else None, seed
            )
        return assembled(self.columns, walked, self.fingerprints or {})

    def _whole(self, rows: int, regex: str | None, seed: int) -> Walked:
        """Have whole rows written; without an expression they begin as a row does."""
        slots = self.template.slots
        head = "" if regex is not None else _key(slots[0], first=True)
        most = sum(slot.longest + len(slot.before) + len(slot.after) for slot in slots) + _SPARE
        texts = self.engine.complete(
            [
                Request(self.prompt + head, regex, most, self.temperature, row_seed)
                for row_seed in _seeds(seed, 0, rows)
            ]
        )
        return read_rows(self.template, [head + text for text in texts])

    def _by_column(self, rows: int, guide: Guide, seed: int) -> Walked:
        """Have one column after the other written, each row under its own set."""
        slots = self.template.slots
        begun = [self.prompt] * rows
        values: dict[str, Written] = {}
        known: dict[str, tuple[Codes, Mask]] = {}
        texts: dict[str, Strings] = {}
        dead = np.zeros(rows, dtype=bool)
        for number, slot in enumerate(slots):
            name = slot.column.name
            begun = [text + _key(slot, first=number == 0) for text in begun]
            feasible = asked(guide, name, known, texts, rows)
            patterns = [slot_regex(slot, feasible, row) for row in range(rows)]
            dead |= np.array([regex is None for regex in patterns])
            waiting = [row for row, regex in enumerate(patterns) if regex is not None]
            seeds = _seeds(seed, number, rows)
            said = self.engine.complete(
                [
                    Request(
                        begun[row],
                        patterns[row],
                        slot.longest + _SPARE,
                        self.temperature,
                        seeds[row],
                    )
                    for row in waiting
                ]
            )
            spelled: list[bytes | None] = [None] * rows
            for row, text in zip(waiting, said, strict=True):
                spelled[row] = in_slot(slot, text.strip(" "))
            written = read_values(slot, spelled)
            values[name], known[name] = written, (written.codes, written.nulls)
            if written.texts is not None:
                texts[name] = written.texts
            begun = [text + _shown(slot, written, row) for row, text in enumerate(begun)]
        return Walked(values, np.zeros(rows), dead)


def _key(slot: Slot, *, first: bool) -> str:
    """Return what stands before a value and the space before it: an engine writes that space."""
    return ("{" if first else ", ") + json_string(slot.column.name) + ":"


def _shown(slot: Slot, written: Written, row: int) -> str:
    """Return a value and the space before it as they stand in the row."""
    if written.nulls[row]:
        return f" {NULL}"
    if written.texts is not None:
        return f" {json_string(str(written.texts[row]))}"
    return f" {spell(slot.column, int(written.codes[row]))}"


def _seeds(seed: int, number: int, rows: int) -> list[int]:
    """Return a seed for each row's request for a column."""
    made = np.random.SeedSequence([seed, number]).generate_state(rows)
    return [int(s) >> 1 for s in made]
