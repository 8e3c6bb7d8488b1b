"""The prompt as a turn in a model's chat format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_models import CHAT, byte_level, chatting, network, tiny

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.generate.language.chat import chats, framed
from synthtab.generate.language.generator import FACTS, LanguageGenerator
from synthtab.generate.language.learning import Shown, Subject, learn, preview
from synthtab.generate.language.loading import Base, make_base
from synthtab.generate.language.settings import Pretrained, Tuning
from synthtab.generate.language.training import tune
from synthtab.generate.language.vllm import ServedGenerator
from synthtab.lang.model import Model
from synthtab.schema import Column, EnumType, IntegerType

COLUMNS = (Column("age", IntegerType(), False, 0, 99), Column("sex", EnumType(("Male", "Female"))))
DOMAINS = {"age": (0, 99), "sex": (0, 1)}
TABLE = Model.parse("table t {\n age integer in 0 .. 99\n sex enum('Male', 'Female')\n}\n").table()


def rows(many: int = 32) -> Batch:
    ages = np.random.default_rng(0).integers(0, 100, many)
    codes = np.stack([ages, ages // 50], axis=1)
    return Batch(("age", "sex"), codes, np.zeros((many, 2), dtype=bool), np.empty(0, dtype=object))


def base(template: str = CHAT) -> Base:
    tokenizer = chatting(template)
    return make_base(network("llama", len(tokenizer)), tokenizer)


def saved(directory: Path) -> Path:
    chatting().save_pretrained(directory)
    network("llama", len(chatting())).save_pretrained(directory)
    return directory


def generator(own: Base, *, chat: bool = True) -> LanguageGenerator:
    made = LanguageGenerator.of(own, COLUMNS, ("age", "sex"), DOMAINS, prompt="Rows:\n")
    return LanguageGenerator(own, COLUMNS, made.template, "Rows:\n", chat=chat)


TURNS = ("user", "assistant")
SUBJECT = Subject(TABLE, COLUMNS, ("age", "sex"), DOMAINS, rows())


def test_the_prompt_is_the_users_turn_and_the_row_the_answer():
    made = generator(base())
    vocabulary = made.base.vocabulary
    user, answer = (vocabulary.tokenizer.convert_tokens_to_ids(f"<|{w}|>") for w in TURNS)
    ids = list(made.prompt_tokens)
    assert ids[0] == user
    assert ids[-1 - len(vocabulary.encoded("\n")) :][0] == answer
    assert vocabulary.spelled(ids) == b"\nRows:\n\n\n"
    assert made.before == "<|user|>\nRows:\n<|end|>\n<|assistant|>\n"
    assert made.draw(4, level="grammar").batch.codes.shape == (4, 2)


def test_without_turns_it_is_as_it_is():
    made = generator(base(), chat=False)
    assert made.prompt_tokens == (0, *made.base.vocabulary.encoded("Rows:\n"))
    assert made.before == "Rows:\n"


def test_what_begins_a_text_comes_once():
    """A template writes it, and an engine that is given text does so itself."""
    own = base("{{ bos_token }}" + CHAT)
    own.tokenizer.bos_token = "<|end|>"
    made = generator(own)
    assert made.prompt_tokens.count(own.tokenizer.bos_token_id) == 2  # it ends the turn as well
    assert made.before.startswith("<|user|>")
    own.tokenizer.bos_token = None


def test_where_there_is_a_format_it_is_used_unless_said_otherwise():
    assert chats(chatting(), None) is True
    assert chats(chatting(), False) is False
    assert chats(byte_level(), None) is False
    with pytest.raises(UsageError, match="has no chat_template"):
        chats(byte_level(), True)


def test_a_template_that_refuses_the_turn_is_an_error_that_says_so():
    refusing = "{{ raise_exception('a system turn comes first') }}"
    with pytest.raises(UsageError, match="a system turn comes first; mend it"):
        framed(chatting(refusing), "Rows:\n")
    with pytest.raises(UsageError, match="chat_template does not take"):
        framed(chatting("{{ messages[0].content + 1 }}"), "Rows:\n")


def test_a_model_is_told_and_tuned_in_turns(tmp_path: Path):
    path = saved(tmp_path / "base")
    told = learn(Pretrained(path, epochs=0), SUBJECT, seed=0)
    assert told.generator.chat
    assert told.prompt.tokens == len(told.generator.prompt_tokens)
    shown = preview(SUBJECT, Shown(rows=8), base=path)
    assert shown.text == told.prompt.text
    assert shown.tokens == told.prompt.tokens
    plain = learn(Pretrained(path, epochs=0, chat=False), SUBJECT, seed=0)
    assert not plain.generator.chat
    assert plain.prompt.tokens == len(plain.generator.prompt_tokens) < told.prompt.tokens


def test_tuning_reads_the_turns():
    made = generator(base())
    before = made.log_likelihood(rows()).mean()
    tuned, _ = tune(made, rows(), Tuning(epochs=2, rate=3e-3))
    assert tuned.chat
    assert tuned.log_likelihood(rows()).mean() > before


def test_it_is_saved_and_loaded(tmp_path: Path):
    made = generator(base())
    made.save(tmp_path)
    again = LanguageGenerator.load(tmp_path)
    assert again.chat
    assert again.prompt_tokens == made.prompt_tokens
    with pytest.raises(UsageError, match="has no chat_template"):
        LanguageGenerator.load(tmp_path, tiny())
    # A model that an earlier version saved knows nothing of turns.
    facts = json.loads((tmp_path / FACTS).read_text())
    del facts["chat"]
    (tmp_path / FACTS).write_text(json.dumps(facts))
    assert not LanguageGenerator.load(tmp_path).chat


def test_an_engine_is_given_the_turns_as_text():
    made = generator(base())
    asked: list[str] = []

    class Engine:
        def complete(self, requests):
            asked.extend(r.prompt for r in requests)
            return ['{"age": 7, "sex": "Male"}'] * len(requests)

    ServedGenerator.of(made, Engine()).draw(1, level="grammar")
    assert asked[0].startswith("<|user|>\nRows:\n<|end|>\n<|assistant|>\n")
