"""A network that reads schemas: what it is for a table, how it learns, how it is kept."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_domain import COLUMNS, DOMAINS, TINY, admissions, domain_model, layout_of

from synthtab.errors import DataError, SavedModelError, UsageError
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.model import position_losses, row_log_probabilities
from synthtab.generate.pretrain import shelf, training
from synthtab.generate.pretrain.domainmodel import DomainModel
from synthtab.generate.pretrain.schemamodel import SchemaModel, settled
from synthtab.generate.pretrain.shelf import card_of, facts_of, find, shipped
from synthtab.generate.pretrain.symbols import describe
from synthtab.generate.pretrain.tables import RealTable
from synthtab.generate.pretrain.training import PretrainConfig, pretrain
from synthtab.generate.step import Cache, Stepper
from synthtab.generate.tokenizer import Layout
from synthtab.generate.train import TrainConfig, learned_rows, train

QUICK = TrainConfig(symbols_seen=8_000, max_epochs=6)


def written(rows=40):
    batch = admissions(rows)
    layout = layout_of(batch)
    return layout, layout.encode(batch)


def test_the_network_of_a_table_is_the_one_that_was_learned():
    layout, symbols = written()
    model = domain_model().network
    network = settled(model.network(layout, symbols))
    assert not any("encoder" in name for name, _ in network.named_parameters())
    with torch.no_grad():
        own = model.losses(layout, torch.from_numpy(symbols), describe(layout, symbols))
        as_any = position_losses(network, layout, torch.from_numpy(symbols))
    torch.testing.assert_close(as_any, own, rtol=1e-4, atol=1e-5)


def test_a_network_that_is_not_tied_is_decoded_as_transformers_has_it():
    layout, symbols = written(6)
    network = settled(domain_model().network.network(layout, symbols))
    assert not network.config.tie_word_embeddings
    stepper = Stepper(network, layout)
    cache = Cache.empty(stepper, len(symbols))
    found = torch.zeros(len(symbols))
    for position in range(layout.length):
        before = symbols[:, position - 1] if position else np.zeros(len(symbols), np.int64)
        logits = stepper.logits(position, torch.from_numpy(before), cache)
        picked = torch.from_numpy(symbols[:, position])[:, None]
        found += logits.log_softmax(dim=1).gather(1, picked)[:, 0]
    with torch.no_grad():
        whole = row_log_probabilities(network, layout, torch.from_numpy(symbols))
    torch.testing.assert_close(found, whole, rtol=1e-3, atol=1e-3)


def test_it_learns_of_tables_what_serves_for_the_next():
    layout, symbols = written(300)
    rows, told = torch.from_numpy(symbols), describe(layout, symbols)
    with torch.no_grad():
        fresh = float(SchemaModel(TINY).losses(layout, rows, told).sum())
        seen = float(domain_model().network.losses(layout, rows, told).sum())
    assert seen < fresh - 3


def test_the_seed_decides_and_nothing_global_changes():
    table = RealTable("admission", COLUMNS, admissions(200))
    state, told, weights = torch.random.get_rng_state(), [], []
    for _ in range(2):
        network = SchemaModel(TINY, seed=3)
        pretrain(network, [table], PretrainConfig(steps=4, rows=8), 1, told.append)
        weights.append([p.detach().clone() for p in network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [p.step for p in told] == [1, 2, 3, 4] * 2
    assert told[-1].seconds_left == 0


def test_without_tables_there_is_nothing_to_learn():
    with pytest.raises(DataError, match="no tables to learn from"):
        pretrain(SchemaModel(TINY), [], PretrainConfig(steps=1), 0)


def test_tables_that_are_too_long_are_named(monkeypatch):
    monkeypatch.setattr(training, "TRIES", 20)
    table = RealTable("admission", COLUMNS, admissions(50))
    config = PretrainConfig(steps=1, imagined=0.0, longest=2)
    with pytest.raises(DataError, match=r"of 20 views of the tables admission none has at most 2"):
        pretrain(SchemaModel(TINY), [table], config, 0)


def fitted(config):
    order = [c.name for c in COLUMNS]
    return RowGenerator.fit(COLUMNS, order, DOMAINS, admissions(60), config, seed=0)


def test_a_generator_that_begins_as_one_is_a_generator(tmp_path):
    made = fitted(GeneratorConfig(train=QUICK, init=domain_model()))
    drawn = made.draw(30, level="grammar", seed=1)
    assert not drawn.malformed.any()
    made.save(tmp_path)
    again = RowGenerator.load(tmp_path)
    assert np.array_equal(again.draw(30, level="grammar", seed=1).batch.codes, drawn.batch.codes)
    assert np.allclose(again.log_likelihood(admissions(9)), made.log_likelihood(admissions(9)))


def test_the_start_knows_nothing_of_the_rows_it_is_judged_by():
    layout, symbols = written(60)
    told = learned_rows(symbols, QUICK, 0)
    assert len(told) == 48
    plain = Layout(layout.columns)
    network = domain_model().network.network(plain, told)
    trained = train(network, plain, symbols, replace(QUICK, learning_rate=1e-9), 0)
    rows = torch.from_numpy(symbols)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    start = domain_model().network.network(plain, told)
    with torch.no_grad():
        held = float(position_losses(start, plain, rows[order[:12]]).sum())
    assert trained.loss == pytest.approx(held, abs=1e-3)
    settled(network)
    with torch.no_grad():
        after = float(position_losses(network, plain, rows[order[:12]]).sum())
    assert after == pytest.approx(held, abs=1e-3)
    assert sorted(map(tuple, told)) == sorted(map(tuple, rows[order[12:]].tolist()))


def test_examples_may_stand_before_its_rows():
    made = fitted(GeneratorConfig(train=QUICK, init=domain_model(), examples=2))
    assert not made.draw(12, level="grammar", seed=1).malformed.any()


def test_it_is_kept_in_a_directory(tmp_path):
    model = domain_model()
    model.save(tmp_path / "tiny")
    again = DomainModel.load(tmp_path / "tiny")
    assert (again.name, again.about, again.card) == (model.name, model.about, model.card)
    assert again.parameters == model.parameters
    for own, other in zip(model.network.parameters(), again.network.parameters(), strict=True):
        torch.testing.assert_close(other, own, rtol=2e-3, atol=1e-4)
    assert facts_of(tmp_path / "tiny")["parameters"] == model.parameters


def test_what_is_no_domain_model_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(shelf, "shipped", lambda: ("finance", "healthcare"))
    with pytest.raises(UsageError, match=r"there is no domain model 'helthcare': did you mean"):
        find("helthcare")
    (tmp_path / "some").mkdir()
    with pytest.raises(SavedModelError, match=r"is no saved domain model: it has no manifest"):
        DomainModel.load(tmp_path / "some")
    domain_model().save(tmp_path / "tiny")
    weights = tmp_path / "tiny" / shelf.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(SavedModelError, match="is truncated or was altered"):
        DomainModel.load(tmp_path / "tiny")


@pytest.mark.parametrize("lost", ["README.md", "about", "shape"])
def test_a_manifest_that_lacks_something_is_told(tmp_path, lost):
    domain_model().save(tmp_path / "tiny")
    manifest = tmp_path / "tiny" / "manifest.json"
    facts = json.loads(manifest.read_text())
    for part in (facts, facts["files"]):
        part.pop(lost, None)
    manifest.write_text(json.dumps(facts))
    for read in (DomainModel.load, facts_of, card_of):
        with pytest.raises(SavedModelError, match=f"its manifest says nothing of {lost}"):
            read(tmp_path / "tiny")


def test_weights_of_another_shape_are_told(tmp_path):
    model = domain_model()
    network = SchemaModel(replace(TINY, layers=2))
    replace(model, network=network).save(tmp_path / "tiny")
    manifest = tmp_path / "tiny" / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["shape"]["layers"] = 1
    manifest.write_text(json.dumps(facts))
    with pytest.raises(SavedModelError, match="does not hold the weights"):
        DomainModel.load(tmp_path / "tiny")


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_ones_can_be_read_and_tell_of_their_data(name):
    model = DomainModel.load(name)
    assert model.name == name
    assert model.parameters < 8_000_000
    for part in ("## Data", "Licence", "Command", "Date", "## Figures"):
        assert part in model.card
    layout, symbols = written(100)
    network = model.network.network(layout, symbols)
    with torch.no_grad():
        loss = float(position_losses(network, layout, torch.from_numpy(symbols)).sum())
    alone = 0.0
    for position, size in enumerate(layout.sizes):
        counts = np.bincount(symbols[:, position], minlength=size) + 0.5
        alone -= np.log(counts / counts.sum())[symbols[:, position]].mean()
    # Not having seen this table, it writes its columns about as well as their frequencies do.
    assert loss < alone + 3
