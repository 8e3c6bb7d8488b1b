"""Tuning: what is learned, by which weights, and that an interruption changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import SHAPES, byte_level, network, save_tiny

from synthtab.batch import Batch
from synthtab.errors import DataError, SavedModelError, UsageError
from synthtab.generate.language.adapters import Adapters
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import load_base, make_base, with_adapters
from synthtab.generate.language.reading import row_losses
from synthtab.generate.language.settings import Lora, Pretrained, Tuning
from synthtab.generate.language.training import rate, split, tune
from synthtab.generate.train import Progress
from synthtab.schema import Column, EnumType, IntegerType

COLUMNS = (Column("age", IntegerType(), False, 0, 99), Column("sex", EnumType(("Male", "Female"))))
FAST = Tuning(epochs=3, rate=3e-3)


def rows(many: int = 96) -> Batch:
    ages = np.random.default_rng(0).integers(0, 100, many)
    codes = np.stack([ages, ages // 50], axis=1)
    return Batch(("age", "sex"), codes, np.zeros((many, 2), dtype=bool), np.empty(0, dtype=object))


def made(shape: str = "llama", *, prompt: str = "Rows:\n", **options: Any) -> LanguageGenerator:
    """A generator whose network may be changed."""
    base = make_base(network(shape, len(byte_level()), **options), byte_level())
    domains = {"age": (0, 99), "sex": (0, 1)}
    return LanguageGenerator.of(base, COLUMNS, ("age", "sex"), domains, prompt=prompt)


def weights(generator: LanguageGenerator) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in generator.base.network.state_dict().items()}


def loss(generator: LanguageGenerator, batch: Batch) -> float:
    with torch.no_grad():
        lines = generator.lines(batch)
        found = row_losses(generator.base.network, lines, range(len(batch)), shared=True)
    return float(found.mean())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shared_prompt_gives_the_same_losses_and_gradients(shape: str) -> None:
    generator = made(shape, prompt="A rather long prompt, for what it is.\nRows:\n")
    net, lines = generator.base.network, generator.lines(rows(5))
    found = []
    for shared in (True, False):
        net.zero_grad()
        losses = row_losses(net, lines, [4, 0, 2], shared=shared)
        losses.sum().backward()
        found.append((losses.detach(), [p.grad.clone() for p in net.parameters()]))
    torch.testing.assert_close(found[0][0], found[1][0])
    for one, other in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_only_values_count() -> None:
    """The loss is that of the tokens that are drawn, each given all before it."""
    generator = made()
    lines = generator.lines(rows(1))
    ids, drawn = lines.rows[0]
    whole = torch.tensor([*lines.prompt, *ids])
    with torch.no_grad():
        logs = generator.base.network(input_ids=whole[None]).logits[0].log_softmax(dim=1)
        expected = -sum(
            float(logs[len(lines.prompt) + k - 1, ids[k]]) for k in range(len(ids)) if drawn[k]
        )
        (found,) = row_losses(generator.base.network, lines, [0], shared=True)
    assert float(found) == pytest.approx(expected, rel=1e-4)
    assert 0 < sum(drawn) < len(ids)


def test_all_weights_learn() -> None:
    generator, batch = made(), rows()
    before = loss(generator, batch)
    told: list[Progress] = []
    tuned, trained = tune(generator, batch, FAST, progress=told.append)
    assert loss(tuned, batch) < 0.8 * before
    assert trained.steps == told[-1].step == told[-1].total == 18
    assert told[-1].seconds_left == 0
    assert tuned.base.path is None  # so that its weights are saved
    assert tuned.draw(3, level="grammar").batch.codes.shape == (3, 2)


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_adapters_alone_learn_and_are_added_to_the_weights(shape: str, tmp_path: Path) -> None:
    base = load_base(save_tiny(tmp_path / "base", shape))
    generator, batch = replace(made(shape), base=base), rows()
    before, loss_before = weights(generator), loss(generator, batch)
    tuned, _ = tune(generator, batch, replace(FAST, adapters=Lora(rank=4)))
    after = weights(tuned)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not [n for n in changed if "embed" in n or "norm" in n or "wte" in n or "ln_" in n]
    assert loss(tuned, batch) < loss_before
    # Saved, they are small, stand beside where the base is, and give the same network.
    (tmp_path / "saved").mkdir()
    tuned.save(tmp_path / "saved")
    assert not (tmp_path / "saved" / "base").exists()
    again = LanguageGenerator.load(tmp_path / "saved")
    for name, value in weights(again).items():
        torch.testing.assert_close(value, after[name])
    drawn = [g.draw(5, level="grammar", seed=3).batch.codes for g in (tuned, again)]
    assert np.array_equal(*drawn)


def test_adapters_of_another_network_are_refused(tmp_path: Path) -> None:
    base = load_base(save_tiny(tmp_path / "base"))
    few = replace(FAST, epochs=1, adapters=Lora(rank=2))
    tuned, _ = tune(replace(made(), base=base), rows(), few)
    (tmp_path / "saved").mkdir()
    tuned.save(tmp_path / "saved")
    save_tiny(tmp_path / "base", "gpt2")
    with pytest.raises(SavedModelError, match="another than the one that this was made with"):
        LanguageGenerator.load(tmp_path / "saved")
    with pytest.raises(SavedModelError, match="adapters do not fit"):
        with_adapters(load_base(tmp_path / "base"), Adapters.load(tmp_path / "saved" / "adapters"))
    (tmp_path / "saved" / "adapters" / "adapter_model.safetensors").write_bytes(b"short")
    with pytest.raises(SavedModelError, match=r"adapters in .* cannot be read"):
        Adapters.load(tmp_path / "saved" / "adapters")


@pytest.mark.parametrize("lora", [None, Lora(rank=2, dropout=0.2)], ids=["all", "adapters"])
def test_an_interrupted_run_goes_on_to_the_same_weights(lora: Lora | None, tmp_path: Path) -> None:
    how = replace(FAST, adapters=lora)
    whole, told = tune(made("gpt2"), rows(), how, seed=4)  # GPT-2 has dropout

    def stop(state: Progress) -> None:
        if state.step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(made("gpt2"), rows(), how, seed=4, progress=stop, checkpoints=tmp_path / "state")
    steps: list[int] = []
    again, found = tune(
        *(made("gpt2"), rows(), how),
        seed=4,
        progress=lambda p: steps.append(p.step),
        checkpoints=tmp_path / "state",
    )
    assert steps == list(range(7, 19))  # the last look was at step 6
    assert found == told
    for name, value in weights(again).items():
        assert torch.equal(value, weights(whole)[name]), name


def test_a_finished_run_is_not_run_again_and_another_is_told(tmp_path: Path) -> None:
    how = replace(FAST, epochs=1)
    first, told = tune(made(), rows(), how, checkpoints=tmp_path / "state")
    steps: list[Progress] = []
    again, found = tune(made(), rows(), how, checkpoints=tmp_path / "state", progress=steps.append)
    assert steps == []
    assert found == told
    for name, value in weights(again).items():
        assert torch.equal(value, weights(first)[name])
    with pytest.raises(UsageError, match="state of another run"):
        tune(made(), rows(), how, seed=1, checkpoints=tmp_path / "state")
    with pytest.raises(UsageError, match="state of another run"):
        tune(made(seed=1), rows(), how, checkpoints=tmp_path / "state")
    # Another network may have the same embeddings, as where adapters were added to one.
    changed = made()
    with torch.no_grad():
        changed.base.network.model.layers[1].mlp.up_proj.weight.add_(0.01)
    with pytest.raises(UsageError, match="state of another run"):
        tune(changed, rows(), how, checkpoints=tmp_path / "state")
    (tmp_path / "state" / "live.safetensors").write_bytes(b"short")
    with pytest.raises(SavedModelError, match="damaged"):
        tune(made(), rows(), how, checkpoints=tmp_path / "state")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="holds something else"):
        tune(made(), rows(), how, checkpoints=tmp_path / "other")


def test_rows_at_once_and_checkpointing_change_memory_alone() -> None:
    how = replace(FAST, epochs=1)
    found = []
    for variant in (how, replace(how, at_once=3), replace(how, checkpointing=True)):
        tuned, _ = tune(made(), rows(32), variant)
        found.append(weights(tuned))
    for other in found[1:]:
        for name, value in found[0].items():
            torch.testing.assert_close(value, other[name], rtol=1e-3, atol=1e-4)


def test_bfloat16_learns_into_weights_of_float32() -> None:
    generator, batch = made(), rows(32)
    before = loss(generator, batch)
    tuned, _ = tune(generator, batch, replace(FAST, precision="bfloat16"))
    assert tuned.base.network.dtype == torch.float32
    assert loss(tuned, batch) < before


def test_it_stops_where_nothing_gets_better_and_keeps_the_best() -> None:
    generator, batch = made(), rows(160)
    before = weights(generator)
    # A rate at which every step makes it worse: what was there before is the best.
    how = Tuning(epochs=9, rate=0.9, warm_up=0.0, patience=2, batch_size=64)
    tuned, trained = tune(generator, batch, how)
    assert trained.steps == 2
    for name, value in weights(tuned).items():
        assert torch.equal(value, before[name])


def test_the_rate_rises_and_falls_to_nothing() -> None:
    how = Tuning(rate=0.1, warm_up=0.1)
    rates = [rate(how, step, 100) for step in range(100)]
    assert rates[9] == pytest.approx(0.1) == max(rates)
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] < 1e-4
    assert Tuning().learning_rate < Tuning(adapters=Lora()).learning_rate


def test_each_row_is_learned_once_an_epoch_or_held_out() -> None:
    learned, held = split(400, Tuning(), 1)
    assert len(held) == 20
    assert sorted(learned + held) == list(range(400))
    learned, held = split(40, Tuning(), 1)
    assert len(learned) == 40


def too_much(*_: Any) -> None:
    torch.empty(1 << 55)  # what an allocator really says


@pytest.mark.parametrize(
    ("how", "ways"),
    [
        (FAST, ("at_once=8", "lora=True", "checkpointing=True")),
        (replace(FAST, adapters=Lora(), at_once=1, checkpointing=True), ("a shorter prompt",)),
    ],
)
def test_too_little_memory_is_an_error_with_ways_out(how: Tuning, ways: tuple[str, ...]) -> None:
    generator = made()
    hook = generator.base.network.register_forward_pre_hook(too_much)
    try:
        with pytest.raises(UsageError, match="memory does not suffice") as error:
            tune(generator, rows(16), how)
    finally:
        hook.remove()
    assert all(way in str(error.value) for way in ways)


def test_other_errors_stay_what_they_are() -> None:
    generator = made()

    def broken(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    generator.base.network.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="shapes"):
        tune(generator, rows(16), replace(FAST, checkpointing=True))


def test_a_row_that_does_not_fit_is_told_with_the_numbers() -> None:
    generator = made(positions=24, prompt="A prompt that takes most of it, or nearly.\n")
    with pytest.raises(UsageError, match=r"reads 24 tokens; the prompt takes \d+ and the longest"):
        tune(generator, rows(8), FAST)


def test_no_rows_and_a_rate_that_is_far_too_high() -> None:
    with pytest.raises(DataError, match="no rows to tune"):
        tune(made(), rows(0), FAST)
    generator = made()
    with torch.no_grad():
        generator.base.network.get_input_embeddings().weight.fill_(float("nan"))
    with pytest.raises(UsageError, match="the loss is nan at step 1: the rate"):
        tune(generator, rows(8), FAST)


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: Tuning(epochs=-1), "epochs=-1"),
    (lambda: Tuning(batch_size=0), "batch_size=0"),
    (lambda: Tuning(rate=1.5), "rate=1.5"),
    (lambda: Tuning(held_out=1.0), "held_out=1.0"),
    (lambda: Tuning(precision="half"), "precision='half'"),  # type: ignore[arg-type]
    (lambda: Lora(rank=0), "rank=0"),
    (lambda: Lora(dropout=1.0), "dropout=1.0"),
    (lambda: Pretrained("  "), "it is blank"),
    (lambda: Pretrained("m", examples=-2), "examples=-2"),
    (lambda: Pretrained("m", prompt_tokens=0), "prompt_tokens=0"),
    (lambda: Pretrained("m", eight_bit=True), "8 bits cannot be trained"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[m for _, m in BAD])
def test_settings_that_are_none_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
