"""Tests of the index are skipped where Annoy could not be compiled."""

from importlib.util import find_spec

import pytest

NEED_ANNOY = ("test_retrieval_corpus", "test_retrieval_relevance")


@pytest.fixture(autouse=True, scope="module")
def _annoy(request):
    if request.module.__name__ in NEED_ANNOY and find_spec("annoy") is None:
        pytest.skip("annoy is not installed; compiling it takes a C++ compiler")
