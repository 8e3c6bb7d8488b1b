"""Embedders: unit vectors, nothing cut off, and models that are none are refused."""

import json
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from tiny_encoders import (
    save_sentence_model,
    save_tiny_bert,
    save_tiny_clip,
    save_tiny_roberta,
    save_tiny_siglip,
    save_tiny_t5,
)
from transformers import AutoModel, AutoTokenizer

from synthtab.errors import SavedModelError, UsageError
from synthtab.generate.retrieval.embedder import ImageEmbedder, QueryEmbedder
from synthtab.generate.retrieval.encoder import TextEncoder, pooled_states
from synthtab.generate.retrieval.ngrams import NgramEmbedder
from synthtab.generate.retrieval.opening import open_embedder
from synthtab.generate.retrieval.sentence import recipe_of
from synthtab.generate.retrieval.towers import TwoTowers

CORPUS = ["The dose of the statin is 20 mg.", "Rows keep the rules.", "Kinder unter zwölf Jahren"]
MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


def copied(folder, to):
    """Copy a saved model, to be spoilt."""
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


@settings(max_examples=40)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_vectors_of_ngrams_have_length_one_and_depend_on_the_text_alone(texts) -> None:
    clean = [t.encode("utf-8", "replace").decode() for t in texts]
    embedder = NgramEmbedder.fit(clean, 64)
    made = embedder.embed(clean)
    assert made.shape == (len(clean), 64)
    assert made.dtype == np.float32
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)
    for at, text in enumerate(clean):
        assert np.array_equal(embedder.embed([text])[0], made[at])


def test_ngrams_bring_like_texts_together() -> None:
    embedder = NgramEmbedder.fit(CORPUS)
    found = embedder.embed(CORPUS)
    for query, place in [
        ("statins and doses", 0),
        ("a rule for a row", 1),
        ("zwölfjähriges Kind", 2),
    ]:
        assert int(np.argmax(found @ embedder.embed([query])[0])) == place


def test_a_value_keeps_to_its_column() -> None:
    rows = ['{"age": 40, "hours": 17}', '{"age": 17, "hours": 40}']
    embedder = NgramEmbedder.fit(rows)
    assert int(np.argmax(embedder.embed(rows) @ embedder.embed(['{"hours": 40}'])[0])) == 1


def test_ngrams_of_no_texts_and_odd_dimensions() -> None:
    assert NgramEmbedder.fit([]).embed(["a text"]).shape == (1, 512)
    assert NgramEmbedder.fit(CORPUS).embed([]).shape == (0, 512)
    with pytest.raises(UsageError, match="dimensions=20"):
        NgramEmbedder.fit(CORPUS, 20)


@pytest.mark.parametrize(
    "save", [save_tiny_bert, save_tiny_roberta, save_tiny_t5, save_tiny_siglip]
)
def test_texts_of_any_length_become_unit_vectors(tmp_path, save) -> None:
    embedder = open_embedder(save(tmp_path / "model"))
    texts = ["short", "", "much longer than the network reads at once " * 5, "\ud800 half", "short"]
    made = embedder.embed(texts)
    assert made.shape == (5, embedder.dimensions)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert np.allclose(made[0], made[4], atol=1e-5)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.allclose(made, alone, atol=1e-4)
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_the_mean_is_over_the_tokens_as_transformers_has_them(bert) -> None:
    network, tokenizer = AutoModel.from_pretrained(bert), AutoTokenizer.from_pretrained(bert)
    network.eval()
    given_ = tokenizer("The dose is", return_tensors="pt")
    with torch.inference_mode():
        states = network(
            input_ids=given_["input_ids"], attention_mask=given_["attention_mask"]
        ).last_hidden_state[0]
    mean = states.mean(dim=0).numpy()
    assert np.allclose(
        TextEncoder.load(bert).embed(["The dose is"])[0], mean / np.linalg.norm(mean), atol=1e-5
    )


def test_what_is_beyond_the_window_counts(bert) -> None:
    start = "the dose is twenty milligrams of the statin a day for the patient "
    made = TextEncoder.load(bert).embed([start * 3 + "apples", start * 3 + "quarrels"])
    assert not np.allclose(made[0], made[1], atol=1e-4)


def test_poolings_look_at_what_the_mask_leaves() -> None:
    states = torch.tensor([[[1.0, 5.0], [3.0, 1.0], [90.0, 90.0]]])
    mask = torch.tensor([[1, 1, 0]])
    wanted = {"mean": [2, 3], "cls": [1, 5], "max": [3, 5], "lasttoken": [3, 1]}
    for pooling, vector in wanted.items():
        assert pooled_states(states, mask, pooling)[0].tolist() == vector


def test_what_sentence_transformers_says_is_done(tmp_path) -> None:
    model = save_sentence_model(tmp_path / "m", pooling=MEAN, dense=4, prompts=True)
    embedder = open_embedder(model)
    assert isinstance(embedder, QueryEmbedder)
    assert (embedder.dimensions, embedder.window) == (4, 24)
    plain = TextEncoder.load(model / "0_Transformer")
    assert plain.dimensions == 16
    assert not np.allclose(embedder.embed(["a"]), embedder.embed_queries(["a"]), atol=1e-6)
    prompted = plain.embed(["text: a"])[0]
    cls = save_sentence_model(tmp_path / "c", pooling={"pooling_mode": "cls"}, prompts=True)
    assert not np.allclose(open_embedder(cls).embed(["a"])[0], prompted, atol=1e-3)
    same = save_sentence_model(tmp_path / "s", pooling=MEAN, prompts=True)
    assert np.allclose(open_embedder(same).embed(["a"])[0], prompted, atol=1e-5)


@pytest.mark.parametrize(("usual", "document"), [("q", "ask: "), (None, ""), (["q"], "")])
def test_the_prompt_that_is_usual_is_taken_where_there_is_one(tmp_path, usual, document) -> None:
    model = save_sentence_model(tmp_path / "m", pooling={"pooling_mode": "mean"})
    said = {"prompts": {"q": "ask: "}, "default_prompt_name": usual}
    (model / "config_sentence_transformers.json").write_text(json.dumps(said))
    recipe = recipe_of(model)
    assert (recipe.document, recipe.query) == (document, document)


def test_modules_that_are_not_known_are_refused_by_name(tmp_path) -> None:
    model = save_sentence_model(tmp_path / "m", pooling={"pooling_mode_weightedmean_tokens": True})
    with pytest.raises(UsageError, match="pooling_mode_weightedmean_tokens; known is one of mean"):
        open_embedder(model)
    listed = json.loads((model / "modules.json").read_text())
    listed[1]["type"] = "evil.module.Runner"
    (model / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(UsageError, match="a module 'Runner'; known are Transformer"):
        open_embedder(model)
    listed[1] |= {"type": "x.Pooling", "path": "../elsewhere"}
    (model / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(SavedModelError, match="outside the directory"):
        open_embedder(model)
    (model / "modules.json").write_text('{"a": 1}')
    with pytest.raises(SavedModelError, match="no list of modules"):
        open_embedder(model)


def test_dense_layers_that_do_not_fit_are_refused(tmp_path) -> None:
    model = save_sentence_model(tmp_path / "m", pooling=MEAN, dense=4)
    facts = json.loads((model / "2_Dense" / "config.json").read_text())
    (model / "2_Dense" / "config.json").write_text(
        json.dumps(facts | {"activation_function": "Sin"})
    )
    with pytest.raises(UsageError, match="activation 'Sin'"):
        open_embedder(model)
    (model / "2_Dense" / "config.json").write_text(json.dumps(facts))
    weights = model / "2_Dense" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(SavedModelError, match=r"model\.safetensors cannot be read"):
        open_embedder(model)
    save_file({"linear.weight": torch.zeros(4)}, weights)
    with pytest.raises(SavedModelError, match=r"linear\.weight in .* is of shape \(4,\)"):
        open_embedder(model)
    weights.unlink()
    with pytest.raises(UsageError, match=r"no model\.safetensors"):
        open_embedder(model)


def test_paths_that_are_no_model_are_refused(tmp_path, bert) -> None:
    with pytest.raises(UsageError, match=r"there is no .*nowhere"):
        open_embedder(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no config\.json"):
        open_embedder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SavedModelError, match=r"config\.json cannot be read"):
        open_embedder(tmp_path)
    (tmp_path / "config.json").write_text((bert / "config.json").read_text())
    with pytest.raises(UsageError, match=r"no \.safetensors file"):
        open_embedder(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UsageError, match=r"pickled \(pytorch_model\.bin\)"):
        open_embedder(tmp_path)


def test_damaged_weights_and_missing_ones_are_told(tmp_path, bert) -> None:
    spoilt = copied(bert, tmp_path / "spoilt")
    (spoilt / "model.safetensors").write_bytes((bert / "model.safetensors").read_bytes()[:500])
    with pytest.raises(SavedModelError, match="spoilt cannot be read"):
        open_embedder(spoilt)
    deeper = copied(bert, tmp_path / "deeper")
    config = json.loads((bert / "config.json").read_text()) | {"num_hidden_layers": 3}
    (deeper / "config.json").write_text(json.dumps(config))
    with pytest.raises(SavedModelError, match=r"weights are missing: encoder\.layer\.2"):
        open_embedder(deeper)
    wordless = copied(bert, tmp_path / "wordless")
    for file in wordless.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(UsageError, match=r"no tokenizer in .*wordless"):
        open_embedder(wordless)


def test_code_of_the_model_is_not_run(tmp_path, bert) -> None:
    strange = copied(bert, tmp_path / "strange")
    config = json.loads((bert / "config.json").read_text())
    config |= {"model_type": "odd", "auto_map": {"AutoModel": "m.M", "AutoConfig": "m.C"}}
    (strange / "config.json").write_text(json.dumps(config))
    (strange / "m.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(SavedModelError, match="strange cannot be read"):
        open_embedder(strange)
    assert not (tmp_path / "ran").exists()


def test_pictures_and_texts_lie_in_one_space(clip) -> None:
    embedder = open_embedder(clip)
    assert isinstance(embedder, ImageEmbedder)
    assert not isinstance(NgramEmbedder.fit([]), ImageEmbedder)
    pictures = [Image.new("L", (90, 40), 200), Image.effect_noise((40, 90), 80)]
    made = embedder.embed_images(pictures)
    assert made.shape == (2, embedder.dimensions) == (2, 8)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert not np.allclose(made[0], made[1], atol=1e-3)
    texts = embedder.embed(["a chart", "words beyond the window " * 9])
    assert texts.shape == (2, 8)
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    assert embedder.embed_images([]).shape == embedder.embed([]).shape == (0, 8)


def test_towers_of_another_kind_are_refused(tmp_path, clip) -> None:
    other = copied(clip, tmp_path / "other")
    config = json.loads((clip / "config.json").read_text()) | {"model_type": "llava"}
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="of the kind 'llava'"):
        open_embedder(other)
    blind = copied(clip, tmp_path / "blind")
    for file in blind.glob("*processor*"):
        file.unlink()
    with pytest.raises(SavedModelError, match="blind cannot be read"):
        TwoTowers.load(blind)


def test_ngrams_do_without_torch() -> None:
    import subprocess

    code = (
        "import sys; from synthtab.generate.retrieval.corpus import Corpus; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
