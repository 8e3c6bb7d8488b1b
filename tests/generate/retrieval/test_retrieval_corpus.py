"""A corpus from end to end: search, save and load, real rows under a budget."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from batches import to_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_encoders import save_tiny_bert, save_tiny_clip
from tiny_pdf import write_pdf

from synthtab import Corpus
from synthtab.errors import BudgetError, DataError, SavedModelError, UsageError
from synthtab.generate.retrieval.documents import Document
from synthtab.generate.retrieval.guard import refuse_real_rows
from synthtab.generate.retrieval.ngrams import NgramEmbedder
from synthtab.generate.retrieval.query import query_of
from synthtab.generate.retrieval.rowtexts import row_texts
from synthtab.lang.model import Model
from synthtab.privacy.settings import Privacy
from synthtab.store import MANIFEST

ROOT = Path(__file__).parents[3]
TEXTS = st.lists(st.text("abcdé \n", min_size=1, max_size=30), min_size=1, max_size=12)
GUIDES = {
    "doses.md": "# Statins\nAdults take 20 mg a day; severe cases 40 mg.\n# Storage\nKeep it dry.",
    "wards.txt": "A ward has twelve beds. No patient shares a bed.",
}


@pytest.fixture
def guides(tmp_path):
    folder = tmp_path / "guides"
    folder.mkdir()
    for name, text in GUIDES.items():
        (folder / name).write_text(text)
    return folder


def corpus_of(texts) -> Corpus:
    return Corpus.of([Document(t, f"text {k}") for k, t in enumerate(texts)])


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.integers(1, 15), st.floats(0, 1))
def test_found_passages_are_different_and_as_many_as_there_are(texts, k, diversity) -> None:
    distinct = {t for t in texts if t.strip()}
    if not distinct:
        with pytest.raises(DataError, match="the corpus is empty"):
            corpus_of(texts)
        return
    corpus = corpus_of(texts)
    assert len(corpus) == len(distinct)
    found = corpus.search("abc d", k, diversity)
    assert len({p.text for p in found}) == len(found) == min(k, len(distinct))
    assert all(-1 <= p.score <= 1 for p in found)
    if diversity == 0:
        assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


@settings(max_examples=30, deadline=None)
@given(TEXTS)
def test_a_text_is_nearest_to_itself(texts) -> None:
    kept = [t for t in texts if t.strip()] or ["a"]
    corpus = corpus_of(kept)
    for text in kept:
        found = corpus.search(text, len(kept), 0)
        assert found[0].score == pytest.approx(1, abs=1e-5)
        assert text in {p.text for p in found if p.score >= found[0].score - 1e-5}


def test_the_schema_finds_the_passage_about_it(guides) -> None:
    model = Model.parse(
        "table intake { statin_dose decimal(5, 1) in 0 .. 80  # mg a day, adults\n severe boolean }"
    )
    corpus = Corpus.from_folder(guides)
    first, *rest = corpus.search(query_of(model.table(), model.source), 3, diversity=0)
    assert first.source == "doses.md: Statins"
    assert first.kind == "text"
    assert {p.source for p in rest} == {"doses.md: Storage", "wards.txt"}
    assert not corpus.real


def test_many_queries_are_answered_as_one_by_one(guides) -> None:
    corpus = Corpus.from_folder(guides)
    queries = ["beds", "a dry place", "mg"]
    assert corpus.search_many(queries, 2) == tuple(corpus.search(q, 2) for q in queries)
    assert corpus.search_many([], 2) == ()


def rows_corpus(**options) -> tuple[Corpus, tuple[str, ...]]:
    table = Model.parse("table t { age integer  kind enum('a', 'b') }").table()
    rows = [{"age": age, "kind": kind} for age, kind in [(40, "a"), (41, "b"), (40, "a"), (9, "b")]]
    batch = to_batch(table.columns, rows)
    return Corpus.of_rows(table.columns, batch, **options), row_texts(table.columns, batch)


def test_rows_are_found_by_what_is_known_of_one_and_itself_is_left_out() -> None:
    corpus, texts = rows_corpus()
    assert [d.row for d in corpus.documents] == [0, 1, 3]
    best = corpus.search('{"age": 40}', 1, 0)[0]
    assert (best.text, best.source, best.kind, best.row) == (texts[0], "row 1", "row", 0)
    others = corpus.search(texts[2], 5, leave_out={texts[2]})
    assert {p.row for p in others} == {1, 3}
    written, _ = rows_corpus(texts=["one", "two", "three", "four"])
    assert written.search("three", 1)[0].row == 2
    with pytest.raises(UsageError, match="2 texts for 4 rows"):
        rows_corpus(texts=["one", "two"])


def test_real_rows_are_refused_under_a_budget_and_others_are_not(guides) -> None:
    privacy = Privacy(epsilon=1.0, delta=1e-6)
    real, _ = rows_corpus()
    drawn, _ = rows_corpus(real=False)
    assert real.real
    with pytest.raises(BudgetError, match=r"rows of the data that are learned \(3 passages\)"):
        refuse_real_rows(real, privacy)
    refuse_real_rows(real, None)
    refuse_real_rows(drawn, privacy)
    refuse_real_rows(Corpus.from_folder(guides), privacy)
    with pytest.raises(BudgetError):
        refuse_real_rows(Corpus.from_folder(guides, real=True), privacy)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k=0"),
        ({"k": True}, "k=True"),
        ({"k": 2, "diversity": 1.5}, "diversity=1.5"),
        ({"k": 2, "diversity": float("nan")}, "diversity=nan"),
        ({"k": 2, "query": " \n"}, "a query is blank"),
    ],
)
def test_arguments_that_are_none_are_refused(guides, arguments, message) -> None:
    with pytest.raises(UsageError, match=message):
        Corpus.from_folder(guides).search(**({"query": "beds"} | arguments))
    with pytest.raises(UsageError, match="leave_out is for 1 of 2"):
        Corpus.from_folder(guides).search_many(["a", "b"], 1, leave_out=[()])


def test_an_empty_corpus_is_refused_with_what_was_left_out(tmp_path) -> None:
    with pytest.raises(DataError, match="it has no files"):
        Corpus.from_folder(tmp_path)
    (tmp_path / "film.mov").write_bytes(b"x")
    with pytest.raises(DataError, match=r"(?s)left out were:.*film\.mov: a file of unknown kind"):
        Corpus.from_folder(tmp_path)


def test_an_embedder_that_is_none_is_refused(guides, tmp_path) -> None:
    with pytest.raises(UsageError, match="embedder=7 is none"):
        Corpus.from_folder(guides, embedder=7)
    with pytest.raises(UsageError, match=r"there is no .*nowhere"):
        Corpus.from_folder(guides, embedder=tmp_path / "nowhere")


class Mumbling:
    """An embedder of one's own, which may give vectors of a wrong shape."""

    name, dimensions = "mumbling", 4

    def __init__(self, width: int = 4) -> None:
        self.width = width

    def embed(self, texts):
        return np.array([[len(t), t.count("e"), 1, k] for k, t in enumerate(texts)])[
            :, : self.width
        ]

    def to_dict(self):
        return {"kind": "mumbling"}


def test_an_embedder_of_ones_own_is_used_and_must_be_given_again(guides, tmp_path) -> None:
    corpus = Corpus.from_folder(guides, embedder=Mumbling())
    corpus.save(tmp_path / "c")
    with pytest.raises(UsageError, match=r"of the kind 'mumbling'.*give it"):
        Corpus.load(tmp_path / "c")
    again = Corpus.load(tmp_path / "c", embedder=Mumbling())
    assert again.search("beds", 2) == corpus.search("beds", 2)
    with pytest.raises(UsageError, match=r"shape \(3, 2\); \(3, 4\) were due"):
        Corpus.from_folder(guides, embedder=Mumbling(2))


def test_a_saved_corpus_gives_the_same_answers(guides, tmp_path) -> None:
    (guides / "film.mov").write_bytes(b"x")
    (guides / "half.csv").write_text("a\n1\n2\n")
    corpus = Corpus.from_folder(guides, rows=1, real=True)
    corpus.save(tmp_path / "c")
    again = Corpus.load(tmp_path / "c")
    assert (again.documents, again.skipped, again.real) == (
        corpus.documents,
        corpus.skipped,
        True,
    )
    for query in ("beds", "a dose of 40 mg", "1"):
        for diversity in (0, 0.4, 1):
            assert again.search(query, 3, diversity) == corpus.search(query, 3, diversity)
    again.save(tmp_path / "c")
    assert Corpus.load(tmp_path / "c").search("beds", 2) == corpus.search("beds", 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "guides"]


def test_the_same_documents_make_the_same_files(guides, tmp_path) -> None:
    for name in ("a", "b"):
        Corpus.from_folder(guides).save(tmp_path / name)
    names = sorted(os.listdir(tmp_path / "a"))
    assert names == sorted(os.listdir(tmp_path / "b"))
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    "name", ["documents.jsonl", "texts.npy", "texts.ann", "idf.npy", "probe.npy", MANIFEST]
)
def test_damage_is_told_before_anything_is_opened(guides, tmp_path, name) -> None:
    Corpus.from_folder(guides).save(tmp_path / "c")
    file = tmp_path / "c" / name
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(SavedModelError, match=name.replace(".", r"\.")):
        Corpus.load(tmp_path / "c")
    file.unlink()
    with pytest.raises(SavedModelError, match=name.replace(".", r"\.")):
        Corpus.load(tmp_path / "c")


def test_other_versions_and_other_directories_are_refused(guides, tmp_path) -> None:
    Corpus.from_folder(guides).save(tmp_path / "c")
    with pytest.raises(SavedModelError, match="is no saved corpus"):
        Corpus.load(guides)
    with pytest.raises(UsageError, match="holds something else"):
        Corpus.from_folder(guides).save(guides)
    manifest = tmp_path / "c" / MANIFEST
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(facts | {"version": 9}))
    with pytest.raises(SavedModelError, match=r"format version 9.*build the corpus again"):
        Corpus.load(tmp_path / "c")
    for spoilt in (
        {"documents": {"texts": 2, "pictures": 0}},
        {"documents": 3},
        {"dimensions": 64},
        {"real": "no"},
        {"embedder": {}},
        {"skipped": [1]},
        {"files": {}},
    ):
        manifest.write_text(json.dumps(facts | spoilt))
        with pytest.raises(SavedModelError, match="build the corpus again"):
            Corpus.load(tmp_path / "c")


def test_another_embedder_than_the_one_that_was_used_is_refused(guides, tmp_path) -> None:
    bert = save_tiny_bert(tmp_path / "bert")
    corpus = Corpus.from_folder(guides, embedder=bert)
    corpus.save(tmp_path / "c")
    assert Corpus.load(tmp_path / "c").search("beds", 2) == corpus.search("beds", 2)
    with pytest.raises(UsageError, match=r"of 64 dimensions; the .* was made by one of 16"):
        Corpus.load(tmp_path / "c", embedder=NgramEmbedder.fit(["a"], 64))
    other = save_tiny_bert(tmp_path / "other", seed=1)
    with pytest.raises(UsageError, match="is not the one that made the corpus"):
        Corpus.load(tmp_path / "c", embedder=other)
    bert.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="bert, which is not there any more: say where it is"):
        Corpus.load(tmp_path / "c")
    found = Corpus.load(tmp_path / "c", embedder=tmp_path / "moved")
    assert found.search("beds", 2) == corpus.search("beds", 2)


def test_pictures_are_found_beside_texts(guides, tmp_path) -> None:
    for number in range(4):
        Image.effect_noise((70, 70), 20 + 50 * number).convert("RGB").save(guides / f"{number}.png")
    write_pdf(guides / "g.pdf", ["Doses by weight."])
    corpus = Corpus.from_folder(guides, embedder=save_tiny_clip(tmp_path / "clip"))
    assert [d.kind for d in corpus.documents] == ["text"] * 2 + ["page", "text"] + ["image"] * 4
    found = corpus.search("a chart of doses", 8)
    assert {p.source for p in found} == {d.source for d in corpus.documents}
    # Texts lie nearer to any query than pictures do, and must not keep them all away.
    assert "image" in [p.kind for p in corpus.search("a chart of doses", 4, 0)]
    corpus.save(tmp_path / "c")
    again = Corpus.load(tmp_path / "c")
    assert again.search("a chart of doses", 8, 0.3) == corpus.search("a chart of doses", 8, 0.3)
    only = Corpus.of([replace(corpus.documents[-1], vector=np.ones(8))], embedder=corpus.embedder)
    assert only.search("anything", 3)[0].kind == "image"


def test_a_vector_of_another_embedder_is_refused() -> None:
    with pytest.raises(UsageError, match=r"vector of scan is of shape \(3,\); .* \(512,\)"):
        Corpus.of([Document("a", "a"), Document("picture", "scan", "image", vector=np.ones(3))])


def test_halves_of_characters_do_no_harm(tmp_path) -> None:
    corpus = corpus_of(["half \ud800 a pair\0", "another"])
    corpus.save(tmp_path / "c")
    assert Corpus.load(tmp_path / "c").search("\udfff half", 1)[0].text == "half ? a pair"


def test_the_examples_of_the_page_run(guides, tmp_path, monkeypatch, capsys) -> None:
    page = (ROOT / "docs" / "retrieval.md").read_text(encoding="utf-8")
    lines = [line[4:] for line in page.split("\n") if line.startswith("    ")]
    code = "\n".join(line for line in lines if not line.startswith("pip"))
    monkeypatch.chdir(tmp_path)
    guides.rename("guidelines")
    (tmp_path / "guidelines" / "film.mov").write_bytes(b"x")
    rules = "table intake { age integer\n smokes boolean }"
    (tmp_path / "intake.rules").write_text(rules)
    table = Model.parse(rules).table()
    batch = to_batch(table.columns, [{"age": 40, "smokes": True}, {"age": 9, "smokes": False}])
    names = {"table": table, "batch": batch}
    exec(code, names)
    assert "film.mov: a file of unknown kind; known are .txt" in capsys.readouterr().out
    assert [p.row for p in names["like_it"]] == [0, 1]


def test_without_annoy_a_corpus_is_refused(guides, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "annoy", None)
    with pytest.raises(UsageError, match="retrieval needs annoy"):
        Corpus.from_folder(guides)
