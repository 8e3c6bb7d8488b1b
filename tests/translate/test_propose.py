"""A language model writes rules and nothing else, whatever its weights."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from safetensors.torch import load_file, save_file
from tiny_llama import save_tiny_llama

from synthtab.errors import ModelError, SavedModelError, UsageError
from synthtab.generate import pretrained
from synthtab.generate.pretrained import PretrainedWriter
from synthtab.lang.amend import parse_rule
from synthtab.lang.constrain import rule_grammar
from synthtab.lang.english import NotUnderstoodError, Reading
from synthtab.lang.model import Model
from synthtab.translate.propose import prompt, propose

RULES = Path(__file__).parents[2] / "rules"
EMPLOYMENT = Model.load(RULES / "employment.rules")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def writer(saved: Path) -> PretrainedWriter:
    return PretrainedWriter.load(saved)


def syntax_errors(text: str, model: Model, table: str) -> list[str]:
    """Return what is wrong about the words of a rule: syntax, unknown names, not types."""
    try:
        parse_rule(text, model, table, "proposed")
    except ModelError as error:
        codes = [d.code for d in error.diagnostics]
        return [c for c in codes if c.startswith("E1") or c in ("E201", "E202", "E240", "E243")]
    return []


@pytest.mark.parametrize("path", sorted(RULES.glob("*.rules")), ids=lambda p: p.stem)
def test_the_grammar_of_every_table_is_one(path: Path) -> None:
    model = Model.load(path)
    for table in model.tables:
        grammar = LLMatcher.grammar_from_lark(rule_grammar(table, model.tables))
        assert LLMatcher.validate_grammar(grammar) == ""


def walk(matcher: LLMatcher, rng: np.random.Generator, most: int) -> str | None:
    """Return a random text of a grammar, byte by byte; None where it does not end in time."""
    mask = allocate_token_bitmask(1, 257)
    made = bytearray()
    for _ in range(most):
        if matcher.is_accepting() and rng.random() < 0.5:
            return made.decode()
        fill_next_token_bitmask(matcher, mask, 0)
        bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[:256]
        options = np.flatnonzero(bits)
        if not len(options):
            return made.decode() if matcher.is_accepting() else None
        # Close what is open rather than open more.
        closing = [b for b in options if b in b")"]
        byte = int(rng.choice(closing if closing else options))
        made.append(byte)
        assert matcher.consume_token(byte)
    return None


@pytest.mark.parametrize("table", ["employee", "department", "payslip"])
def test_every_text_of_the_grammar_is_a_rule_over_real_columns(table: str) -> None:
    grammar = rule_grammar(EMPLOYMENT.table(table), EMPLOYMENT.tables)
    matcher = LLMatcher(LLTokenizer("byte"), LLMatcher.grammar_from_lark(grammar))
    rng = np.random.default_rng(1)
    finished = 0
    for _ in range(25):
        text = walk(matcher.deep_copy(), rng, 400)
        if text is not None:
            finished += 1
            assert syntax_errors(text, EMPLOYMENT, table) == [], text
    assert finished >= 8


def test_random_weights_write_rules_only(writer: PretrainedWriter) -> None:
    table = EMPLOYMENT.table("employee")
    grammar = rule_grammar(table, EMPLOYMENT.tables)
    texts = [writer.write("Rule: ", grammar, max_tokens=100, seed=seed) for seed in range(1, 21)]
    finished = [text for text in texts if text is not None]
    assert finished
    for text in finished:
        assert syntax_errors(text, EMPLOYMENT, "employee") == [], text
    again = writer.write("Rule: ", grammar, max_tokens=100, seed=1 + texts.index(finished[0]))
    assert again == finished[0]


def test_texts_written_together_are_those_written_alone(writer: PretrainedWriter) -> None:
    grammar = 'start: "a" ("b" | "c")~1..4'
    prompts = ["Rule: ", "", "Another rule, which takes more tokens: ", "x"]
    alone = [writer.write(prompt, grammar, max_tokens=20) for prompt in prompts]
    assert writer.write_all(prompts, grammar, max_tokens=20) == alone
    assert len({len(text or "") for text in alone}) > 1
    assert writer.write_all([], grammar, max_tokens=20) == []


def test_what_is_not_finished_is_none(writer: PretrainedWriter) -> None:
    grammar = rule_grammar(EMPLOYMENT.table("employee"), EMPLOYMENT.tables)
    assert writer.write("Rule: ", grammar, max_tokens=2) is None


def test_proposals_fit_or_are_refused_with_reasons(saved: Path) -> None:
    model = Model.parse("table t { a integer\n b integer\n d date }")
    found: list[Reading] = []
    with suppress(NotUnderstoodError):
        found.append(propose("A must be b", model, saved, attempts=8, max_tokens=60))
    for reading in found:
        assert reading.rule.description == "A must be b"
    with pytest.raises(NotUnderstoodError, match="not finished after 1 tokens"):
        propose("A must be b", model, saved, attempts=2, max_tokens=1)


def test_the_prompt_shows_the_table_its_relations_and_the_sentence() -> None:
    text = prompt("Bills must be paid", EMPLOYMENT.table("contract"), EMPLOYMENT)
    assert "table contract {" in text
    assert "table employee {" in text
    assert "table payslip {" not in text
    assert "rule ends_after_start" not in text
    assert text.endswith("Sentence: Bills must be paid\nRule: ")


def test_a_prompt_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    small = PretrainedWriter.load(save_tiny_llama(tmp_path, positions=32))
    with pytest.raises(UsageError, match="reads 32 tokens"):
        small.write("word " * 50, 'start: "a"', max_tokens=5)


def test_a_table_has_to_be_named(saved: Path) -> None:
    with pytest.raises(UsageError, match="--table"):
        propose("The salary must be positive", EMPLOYMENT, saved)


def test_unfit_directories_are_refused_by_name(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"there is no directory .*nowhere; the language model is"):
        PretrainedWriter.load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no config\.json"):
        PretrainedWriter.load(tmp_path)
    (tmp_path / "config.json").write_bytes((saved / "config.json").read_bytes())
    with pytest.raises(UsageError, match="no weights"):
        PretrainedWriter.load(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(UsageError, match="pickled"):
        PretrainedWriter.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(UsageError, match="no tokenizer"):
        PretrainedWriter.load(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((saved / name).read_bytes())
    with pytest.raises(SavedModelError, match="cannot be read"):
        PretrainedWriter.load(tmp_path)
    weights = load_file(saved / "model.safetensors")
    weights.pop("model.norm.weight")
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(SavedModelError, match=r"weights are missing: model\.norm\.weight"):
        PretrainedWriter.load(tmp_path)
    monkeypatch.setattr(pretrained, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"synthtab\[translate\]"):
        PretrainedWriter.load(saved)
