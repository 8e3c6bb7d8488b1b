"""A Synthesizer whose rows a pretrained model writes: by its prompt, tuned, under a budget."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_models import byte_level, network, save_tiny
from transformers import BertConfig, BertForMaskedLM

from synthtab import Corpus, Model, Pretrained, Privacy, Synthesizer
from synthtab.backends.sql import SqlBackend
from synthtab.errors import BudgetError, DataError, SavedModelError, UsageError
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.hub import located
from synthtab.generate.language.settings import Lora, Tuning
from synthtab.onetable import OneTable
from synthtab.outcomes import FitReport

MODEL = Model.parse("""
table staff {
  id    integer key
  role  enum('cook', 'waiter')
  age   integer in 16 .. 70
  since integer in 0 .. 54 optional
  rule grown "Nobody starts before 16": since <= age - 16
  rule cooks: when role = 'cook' then age >= 18
}
""")
ONE = Tuning(rate=3e-3)


def rows(many: int = 48) -> pd.DataFrame:
    random = np.random.default_rng(0)
    age = random.integers(18, 71, many)
    since = pd.Series((age - 16) // 2, dtype="Int64").mask(age % 5 == 0)
    role = np.where(age > 40, "cook", "waiter")
    return pd.DataFrame({"id": np.arange(many), "role": role, "age": age, "since": since})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base"))


def source(synthesizer: Synthesizer) -> LanguageGenerator:
    engine = synthesizer._engine
    assert isinstance(engine, OneTable)
    assert isinstance(engine.generator, LanguageGenerator)
    return engine.generator


def report(synthesizer: Synthesizer) -> FitReport:
    assert isinstance(synthesizer.report, FitReport)
    return synthesizer.report


def test_rows_are_written_in_context(base: Path, tmp_path: Path) -> None:
    corpus = Corpus.of_rows(
        MODEL.table().columns[1:2],
        _batch(["cook", "waiter"]),
        real=False,
        texts=["Cooks are at least 18.", "Waiters may be 16."],
    )
    how = Pretrained(base, epochs=0, corpus=corpus, examples=3)
    fitted = Synthesizer(MODEL, generator=how).fit(rows())
    assert report(fitted).trained is None
    kept = (report(fitted).prompt or {})["kept"]
    assert kept["rows"] == {"lines": 3, "of": 3}
    assert kept["passages"] == {"lines": 2, "of": 2}
    prompt = source(fitted).prompt
    assert "- Cooks are at least 18." in prompt
    assert prompt.count('{"role": ') == 3
    assert '"id"' not in prompt  # a key that is made up
    out = fitted.sample(12, seed=1)
    assert not SqlBackend(MODEL.table()).violated(out).any()
    assert out["id"].is_unique
    # Saved, it is a prompt and the place of the base; moved away, that is told.
    fitted.save(tmp_path / "model")
    assert not list((tmp_path / "model").rglob("model.safetensors"))
    assert Synthesizer.load(tmp_path / "model").sample(12, seed=1).equals(out)
    # Of random weights: what is written freely is hardly ever a value.
    for mode in ("grammar", "grammar+repair", "solver"):
        assert len(fitted.sample(4, mode=mode, seed=1)) == 4


def _batch(roles: list[str]) -> Any:
    from synthtab.frames import encode_frame

    return encode_frame(MODEL.table().columns[1:2], pd.DataFrame({"role": roles}))


@pytest.mark.parametrize("lora", [False, Lora(rank=2)], ids=["all", "adapters"])
def test_it_is_tuned_saved_and_refined(base: Path, tmp_path: Path, lora: Any) -> None:
    here = tmp_path / "base"
    shutil.copytree(base, here)
    how = Pretrained(here, epochs=1, lora=lora, tuning=ONE, checkpoints=tmp_path / "state")
    fitted = Synthesizer(MODEL, generator=how).fit(rows(), seed=2)
    trained = report(fitted).trained
    assert trained is not None
    assert trained.steps == 3
    assert (report(fitted).prompt or {})["kept"]["rows"] == {"lines": 0, "of": 0}
    fitted.save(tmp_path / "model")
    loaded = Synthesizer.load(tmp_path / "model")
    assert loaded.report == fitted.report
    out = loaded.sample(10, seed=3)
    assert out.equals(fitted.sample(10, seed=3))
    assert not SqlBackend(MODEL.table()).violated(out).any()
    if lora:
        other = network("llama", len(byte_level()), seed=9)
        other.save_pretrained(here)
        with pytest.raises(SavedModelError, match="another than the one that this was made with"):
            Synthesizer.load(tmp_path / "model")
    shutil.rmtree(here)
    if lora:
        with pytest.raises(SavedModelError, match="no longer there"):
            Synthesizer.load(tmp_path / "model")
    else:
        assert len(Synthesizer.load(tmp_path / "model").sample(2)) == 2


def test_other_rules_over_the_same_columns(base: Path) -> None:
    fitted = Synthesizer(MODEL, generator=Pretrained(base, epochs=0)).fit(rows())
    other = Model.parse(MODEL.to_text().replace("age >= 18", "age >= 65"))
    out = fitted.with_model(other).sample(8, seed=1)
    assert not SqlBackend(other.table()).violated(out).any()


VISITS = Model.parse("""
table visit {
  ward enum('day', 'night')
  days integer in 0 .. 9
  rule short: when ward = 'day' then days = 0
}
""")


def visits(many: int) -> pd.DataFrame:
    days = np.arange(many) % 4
    return pd.DataFrame({"ward": np.where(days == 0, "day", "night"), "days": days})


@pytest.mark.slow
def test_under_a_budget_it_sees_rows_of_the_estimate_alone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthtab.privatetable.LEAST_LEARNED", 60)
    monkeypatch.setattr("synthtab.privatetable.MOST_LEARNED", 60)
    how = Pretrained(base, epochs=1, lora=True, examples=2, tuning=ONE)
    budget = Privacy(epsilon=4.0, delta=1e-6)
    fitted = Synthesizer(VISITS, generator=how, privacy=budget).fit(visits(400))
    assert re.search(r"Figures of (5\d|60) such rows", source(fitted).prompt)
    out = fitted.sample(20, seed=1)
    assert not SqlBackend(VISITS.table()).violated(out).any()
    fitted.save(tmp_path / "model")
    again = Synthesizer.load(tmp_path / "model")
    assert again.private
    assert again.sample(20, seed=1).equals(out)


def test_real_rows_as_a_corpus_are_refused_under_a_budget(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthtab.privatetable.LEAST_LEARNED", 60)
    monkeypatch.setattr("synthtab.privatetable.MOST_LEARNED", 60)
    real = Corpus.of_rows(MODEL.table().columns[1:2], _batch(["cook", "waiter"]))
    budget = Privacy(epsilon=4.0, delta=1e-6)
    made = Synthesizer(VISITS, generator=Pretrained(base, corpus=real), privacy=budget)
    with pytest.raises(BudgetError, match="no privacy budget allows"):
        made.fit(visits(400))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"mechanism": "dp-sgd"}, "dp-sgd"),
        ({"mechanism": "perturb"}, "perturb"),
        ({"generator": "graphical"}, "graphical"),
    ],
)
def test_other_mechanisms_refuse_it(base: Path, settings: Any, named: str) -> None:
    budget = Privacy(epsilon=1.0, delta=1e-6, **settings)
    with pytest.raises(UsageError, match=f"learns nothing under '{named}'"):
        Synthesizer(VISITS, generator=Pretrained(base), privacy=budget)


def test_several_tables_and_rules_across_rows_refuse_it(base: Path) -> None:
    two = "table a { id integer key }\ntable b { a_id integer -> a.id }"
    with pytest.raises(UsageError, match="several tables"):
        Synthesizer(Model.parse(two), generator=Pretrained(base))
    across = "table a { g integer in 0 .. 3\n rule few: count() per g <= 4 }"
    with pytest.raises(UsageError, match="rules across rows"):
        Synthesizer(Model.parse(across), generator=Pretrained(base))


def refused(how: Pretrained, kind: type[Exception] = UsageError) -> str:
    with pytest.raises(kind) as error:
        Synthesizer(MODEL, generator=how).fit(rows())
    return str(error.value)


def test_what_is_no_model_is_refused(base: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert "it has no config.json" in refused(Pretrained(tmp_path / "nothing"))
    assert "there is no directory" in refused(Pretrained(tmp_path / "missing"))
    offline = refused(Pretrained("synthtab-tests/no-such-model"))
    assert "nothing is fetched here: run 'hf download synthtab-tests/no-such-model'" in offline
    assert "no directory ../a b" in refused(Pretrained("../a b"))
    endless = tmp_path / "endless"
    shutil.copytree(base, endless)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (endless / name).is_file():
            text = (endless / name).read_text().replace('"eos_token"', '"no_token"')
            (endless / name).write_text(text)
    assert "no token that ends a text" in refused(Pretrained(endless))
    encoder = tmp_path / "encoder"
    size = len(byte_level())
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertForMaskedLM(BertConfig(vocab_size=size, intermediate_size=64, **shape)).save_pretrained(
        encoder
    )
    byte_level().save_pretrained(encoder)
    assert "is an encoder" in refused(Pretrained(encoder))


def test_a_prompt_that_does_not_fit_and_a_corpus_without_a_text(base: Path, tmp_path: Path) -> None:
    message = refused(Pretrained(base, prompt_tokens=20))
    assert "schema of table `staff` alone takes" in message
    assert "room for 20" in message
    small = tmp_path / "small"
    network("llama", len(byte_level()), positions=20).save_pretrained(small)
    byte_level().save_pretrained(small)
    assert "reads 20 tokens, and a row takes up to" in refused(Pretrained(small))
    (tmp_path / "corpus").mkdir()
    empty = refused(Pretrained(base, corpus=tmp_path / "corpus"), DataError)
    assert "the corpus is empty" in empty


def test_a_model_that_was_downloaded_is_found_by_its_name(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    copy = tmp_path / "models--shop--tiny"
    shutil.copytree(base, copy / "snapshots" / "abc")
    (copy / "refs").mkdir()
    (copy / "refs" / "main").write_text("abc")
    assert located("shop/tiny") == copy / "snapshots" / "abc"
    assert located(base) == base
    assert located(str(base)) == base


def test_without_rows_there_is_nothing_to_tell(base: Path) -> None:
    with pytest.raises(UsageError, match="drawn evenly, not by a pretrained model"):
        Synthesizer(MODEL, generator=Pretrained(base, epochs=0)).rules_only()
    with pytest.raises(DataError, match="no rows to learn"):
        Synthesizer(MODEL, generator=Pretrained(base, epochs=0)).fit(rows().head(0))


def test_eight_bits_without_the_hardware(base: Path) -> None:
    assert "need a GPU" in refused(Pretrained(base, epochs=0, eight_bit=True, device="cpu"))
