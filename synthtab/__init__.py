"""Synthetic tables that cannot break the rules of the data.

>>> from synthtab import Model, Synthesizer
>>> synthesizer = Synthesizer(Model.load("adult.rules")).fit("adult.csv.gz")  # doctest: +SKIP
>>> rows = synthesizer.sample(50_000, seed=1)  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthtab.errors import SynthTabError
    from synthtab.generate.generator import GeneratorConfig
    from synthtab.generate.language.settings import Pretrained
    from synthtab.generate.pretrain.domainmodel import DomainModel
    from synthtab.generate.retrieval.corpus import Corpus
    from synthtab.lang.model import Model
    from synthtab.pipeline import Synthesizer
    from synthtab.privacy.settings import Privacy

__version__ = "0.1.0"
__all__ = [
    "Corpus",
    "DomainModel",
    "GeneratorConfig",
    "Model",
    "Pretrained",
    "Privacy",
    "SynthTabError",
    "Synthesizer",
    "__version__",
]

# Loaded when first asked for: torch comes with the Synthesizer, and rules can do without.
_HOMES = {
    "Corpus": "synthtab.generate.retrieval.corpus",
    "DomainModel": "synthtab.generate.pretrain.domainmodel",
    "GeneratorConfig": "synthtab.generate.generator",
    "Model": "synthtab.lang.model",
    "Pretrained": "synthtab.generate.language.settings",
    "Privacy": "synthtab.privacy.settings",
    "SynthTabError": "synthtab.errors",
    "Synthesizer": "synthtab.pipeline",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'synthtab' has no attribute {name!r}")
