"""Whole rows at the level ``grammar`` by Outlines' llguidance backend.

It takes a row's expression as it is, over all columns, and needs no tables. It cannot follow a
Plan, whose sets differ from row to row and from column to column: that is what walk.py is for.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch
from outlines import from_transformers
from outlines.backends import get_regex_logits_processor
from transformers import LogitsProcessorList

from synthtab.errors import UsageError
from synthtab.generate.drawn import Drawn
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.regexes import read_rows, row_regex
from synthtab.generate.language.values import assembled


def draw_whole(generator: LanguageGenerator, rows: int, *, seed: int = 0) -> Drawn:
    """Draw rows that are values of their columns, all at once; log-weights are not known (0).

    Texts need patterns that match nothing JSON would escape. Rows that are not finished within the
    room there is are malformed. Raises UsageError where llguidance is missing, or the prompt is too
    long.
    """
    if find_spec("llguidance") is None:
        raise UsageError("whole rows need llguidance: pip install 'synthtab[translate]'")
    if generator.recall is not None:
        raise UsageError(
            "whole rows are written after one prompt, and these have passages of their own: make "
            "the generator without them (row_passages=0)"
        )
    if rows < 1:
        raise UsageError(f"{rows} rows were asked for; at least 1 can be drawn")
    generator.check_length()
    base, template = generator.base, generator.template
    processor = get_regex_logits_processor(
        "llguidance", from_transformers(base.network, base.tokenizer), row_regex(template)
    )
    prompt = torch.tensor([list(generator.prompt_tokens)] * rows, device=base.device)
    room = template.room
    if base.positions is not None:
        room = min(room, base.positions - prompt.shape[1])
    end = base.vocabulary.end
    # llguidance would have its mask kernel compiled: half a minute to save microseconds.
    eager = torch.compiler.set_stance("force_eager")
    with eager, torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)
        made = base.network.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=room,
            do_sample=True,
            top_k=0,
            top_p=1.0,
            logits_processor=LogitsProcessorList([processor]),
            eos_token_id=end,
            pad_token_id=end,
        )
    spelled = [
        base.vocabulary.spelled(row).decode("utf-8", "replace").lstrip()
        for row in made[:, prompt.shape[1] :].tolist()
    ]
    return assembled(generator.columns, read_rows(template, spelled), generator.fingerprints or {})
