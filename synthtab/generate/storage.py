"""A generator's files: the network as transformers names it, and the layout as JSON.

``config.json`` and ``model.safetensors`` open with transformers' own loader; ``layout.json`` holds
the columns and how they are written; ``fingerprints.safetensors`` the hashes of training texts. A
generator that writes rows after examples has those in ``examples.safetensors``, as they are.
Nothing is unpickled, and whatever does not fit together is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from synthtab.errors import SavedModelError
from synthtab.generate.examples import Examples
from synthtab.generate.model import blank_network, examples_before
from synthtab.generate.places import places_of
from synthtab.generate.texts import Fingerprints, Texts
from synthtab.generate.tokenizer import ColumnLayout, Layout
from synthtab.schema import (
    BooleanType,
    Column,
    ColumnType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

FORMAT = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"
LAYOUT, FINGERPRINTS = "layout.json", "fingerprints.safetensors"
EXAMPLES = "examples.safetensors"
_TIED = "lm_head.weight"
_TYPES: Mapping[str, type[ColumnType]] = {
    "integer": IntegerType,
    "decimal": DecimalType,
    "date": DateType,
    "datetime": DatetimeType,
    "boolean": BooleanType,
    "enum": EnumType,
    "text": TextType,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


def write_network(directory: Path, network: LlamaForCausalLM) -> None:
    """Write configuration and weights; an output layer that is the embedding is stored once."""
    config = network.config.to_dict() | {"architectures": ["LlamaForCausalLM"]}
    write_json(directory / CONFIG, config)
    weights = {k: v.contiguous() for k, v in _own(network).items()}
    save_file(weights, directory / WEIGHTS, metadata={"format": "pt"})


def read_network(directory: Path, layout: Layout) -> LlamaForCausalLM:
    """Read a network made for ``layout``. Raises SavedModelError where it is not, or is damaged."""
    config = read_json(directory / CONFIG)
    try:
        network = blank_network(LlamaConfig.from_dict(config))
    except (TypeError, ValueError, KeyError, AttributeError) as problem:
        raise damaged(directory / CONFIG, f"is not a network's configuration: {problem}") from None
    if network.config.vocab_size != layout.vocabulary:
        raise damaged(
            directory / CONFIG,
            f"is of a network with {network.config.vocab_size} tokens, "
            f"but the layout has {layout.vocabulary}",
        )
    path = directory / WEIGHTS
    try:
        weights = load_file(path)
    except (SafetensorError, OSError, ValueError) as problem:
        raise damaged(path, f"cannot be read: {problem}") from None
    wanted = {k: tuple(v.shape) for k, v in _own(network).items()}
    found = {k: tuple(v.shape) for k, v in weights.items()}
    if wanted != found:
        wrong = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
        raise damaged(path, f"does not hold the network's weights: {', '.join(wrong[:3])} differ")
    network.load_state_dict(weights, strict=False)
    network.tie_weights()
    network.train(False)
    return network


def _own(network: LlamaForCausalLM) -> dict[str, Tensor]:
    """Return a network's weights by name, each once."""
    tied = bool(network.config.tie_word_embeddings)
    return {k: v for k, v in network.state_dict().items() if not (tied and k == _TIED)}


def write_layout(directory: Path, columns: tuple[Column, ...], layout: Layout) -> None:
    """Write the columns, in the table's order, and the layout."""
    written = {c.column.name: c.places for c in layout.columns}
    records = []
    for column in columns:
        places = written[column.name]
        record = column_record(column)
        if isinstance(places, Texts):
            record["alphabet"], record["length"] = "".join(places.alphabet), places.length
        else:
            record["domain"] = [places.lo, places.hi]
        records.append(record)
    order = [c.column.name for c in layout.columns]
    write_json(directory / LAYOUT, {"format": FORMAT, "columns": records, "order": order})


def read_layout(directory: Path) -> tuple[tuple[Column, ...], Layout]:
    """Read what :func:`write_layout` wrote. Raises SavedModelError where that is not what it is."""
    path = directory / LAYOUT
    data = read_json(path)
    if data.get("format") != FORMAT:
        raise damaged(path, f"has format {data.get('format')!r}; this version reads {FORMAT}")
    try:
        records = {record["name"]: record for record in data["columns"]}
        columns = {name: column_of(record) for name, record in records.items()}
        layouts: list[ColumnLayout] = []
        first = 0
        for name in data["order"]:
            column, record = columns[name], records[name]
            if isinstance(column.type, TextType):
                alphabet = tuple(record["alphabet"])
                made = ColumnLayout(
                    column, Texts(alphabet, int(record["length"]), column.type.pattern), first
                )
            else:
                lo, hi = (int(code) for code in record["domain"])
                made = ColumnLayout(column, places_of(column, lo, hi), first)
            layouts.append(made)
            first += len(made.sizes)
        if len(layouts) != len(columns):
            raise ValueError("the order does not name every column once")
    except (KeyError, TypeError, ValueError) as problem:
        raise damaged(path, f"is not a layout: {problem}") from None
    return tuple(columns.values()), Layout(tuple(layouts))


def write_fingerprints(directory: Path, prints: Mapping[str, Fingerprints]) -> None:
    """Write salts and hashes, two arrays a column, named by the column's number."""
    arrays: dict[str, NDArray[Any]] = {}
    for number, (_, one) in enumerate(sorted(prints.items())):
        arrays[f"{number}.salt"] = np.frombuffer(one.salt, dtype=np.uint8)
        arrays[f"{number}.hashes"] = one.hashes
    save_arrays(arrays, directory / FINGERPRINTS)


def read_fingerprints(directory: Path, texts: Iterable[str]) -> dict[str, Fingerprints]:
    """Read the fingerprints of text columns, given their names. Raises SavedModelError."""
    path = directory / FINGERPRINTS
    names = sorted(texts)
    try:
        arrays = load_arrays(path)
        return {
            name: Fingerprints(arrays[f"{k}.salt"].tobytes(), arrays[f"{k}.hashes"])
            for k, name in enumerate(names)
        }
    except (SafetensorError, OSError, ValueError, KeyError) as problem:
        raise damaged(path, f"cannot be read: {problem}") from None


def write_examples(directory: Path, examples: Examples) -> None:
    """Write the rows that serve as examples, and which of them do for which row."""
    arrays = {"shown": examples.shown.astype(np.int32), "lists": examples.lists}
    save_arrays(arrays, directory / EXAMPLES)


def read_examples(directory: Path, layout: Layout, network: LlamaForCausalLM) -> Examples | None:
    """Read what :func:`write_examples` wrote; None where the network reads no examples.

    Raises SavedModelError where they are missing or damaged, or do not fit layout and network, or
    there are some for a network that reads none.
    """
    path = directory / EXAMPLES
    try:
        many = examples_before(network)
    except ValueError as problem:
        raise damaged(directory / CONFIG, f"is not a network's configuration: {problem}") from None
    if not many:
        if path.exists():
            raise damaged(directory / CONFIG, f"is of a network that does not read {EXAMPLES}")
        return None
    try:
        arrays = load_arrays(path)
        shown, lists = arrays["shown"], arrays["lists"]
    except (SafetensorError, OSError, ValueError, KeyError) as problem:
        raise damaged(path, f"cannot be read: {problem}") from None
    fitting = (
        shown.ndim == lists.ndim == 2
        and shown.dtype == lists.dtype == np.int32
        and shown.shape[1] == layout.length
        and lists.shape[1] == many
        and len(lists) > 0
    )
    if not fitting:
        raise damaged(path, f"does not hold {many} rows of {layout.length} symbols for each row")
    if not (_within(shown, np.array(layout.sizes)) and _within(lists, len(shown))):
        raise damaged(path, "holds symbols that the layout lacks, or rows that are not there")
    return Examples(shown.astype(np.int64), lists)


def _within(numbers: NDArray[np.int32], ends: NDArray[np.int64] | int) -> bool:
    return bool(((numbers >= 0) & (numbers < ends)).all())


def column_record(column: Column) -> dict[str, Any]:
    """Return a column as plain JSON."""
    return {
        "name": column.name,
        "type": {"kind": _NAMES[type(column.type)], **vars(column.type)},
        "optional": column.optional,
        "range": [column.lo, column.hi],
    }


def column_of(record: Mapping[str, Any]) -> Column:
    """Return the column of a record; KeyError, TypeError or ValueError where it is none."""
    fields = dict(record["type"])
    kind = _TYPES[fields.pop("kind")]
    if "values" in fields:
        fields["values"] = tuple(fields["values"])
    lo, hi = record["range"]
    return Column(str(record["name"]), kind(**fields), bool(record["optional"]), lo, hi)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write an object as JSON."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises SavedModelError where it is missing or none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise damaged(path, "is missing") from None
    except (OSError, ValueError) as problem:
        raise damaged(path, f"cannot be read: {problem}") from None
    if not isinstance(data, dict):
        raise damaged(path, "does not hold an object")
    return data


def damaged(path: Path, what: str) -> SavedModelError:
    """Return the error for a file of a saved model."""
    return SavedModelError(f"the saved model's file {path} {what}; fit and save the model again")
