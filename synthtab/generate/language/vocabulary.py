"""The bytes of every token of a Hugging Face fast tokenizer, as one trie.

Two families of tokenizers say what their tokens stand for: byte-level ones (GPT-2, Llama 3, Qwen)
write each byte as a character of an alphabet of 256; those made after SentencePiece (Llama 2,
Gemma) write a space as ``▁`` and a byte that has no token as ``<0xNN>``. Special and added tokens
stand for no bytes: no value can hold one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthtab.errors import SavedModelError, UsageError

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"
_PROBES = ('{"a": 1, "b": "Xy z"}', ' "été", null}', "-12.50")

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Level:
    """The nodes of a trie at one depth, in the order of their bytes.

    Per node: ``byte`` is the last byte read; the children are nodes ``first`` .. ``end`` of the
    next level; the tokens that end here are entries ``own`` .. ``own_end`` of the trie's tokens.
    """

    byte: NDArray[np.uint8]
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    own: NDArray[np.int64]
    own_end: NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """What tokens stand for.

    ``tokens`` maps a token's number to its bytes, of those that text is made of; ``end`` ends a
    text, ``start`` stands before one; ``size`` is the width of the network's output.
    """

    tokens: Mapping[int, bytes]
    end: int
    start: int
    size: int
    tokenizer: Any

    @classmethod
    def of(cls, tokenizer: Any, size: int) -> Vocabulary:
        """Read a fast tokenizer whose network gives ``size`` logits.

        Raises UsageError where it has no end of a text, or spells text in a way that is not known;
        SavedModelError where it has tokens that the network has not.
        """
        place = getattr(tokenizer, "name_or_path", "")
        where = f" in {place}" if place else ""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise UsageError(
                f"the tokenizer{where} ({type(tokenizer).__name__}) is none of the fast ones; save "
                "it with a tokenizer.json"
            )
        if tokenizer.eos_token_id is None:
            raise UsageError(
                f"the tokenizer{where} has no token that ends a text (eos_token), so that a row "
                "would never end; name one as eos_token in its tokenizer_config.json"
            )
        made = json.loads(backend.to_str())
        apart = {int(token["id"]) for token in made.get("added_tokens", ())}
        apart |= {int(token) for token in tokenizer.all_special_ids}
        spell = _byte_level if _mentions(made, "ByteLevel") else _sentencepiece
        if made["model"].get("byte_fallback"):
            # Bytes are tokens of text even where they are listed as added ones.
            apart -= {n for text, n in tokenizer.get_vocab().items() if _BYTE.fullmatch(text)}
        tokens = {
            number: spelled
            for text, number in tokenizer.get_vocab().items()
            if number not in apart
            and number < size
            and (spelled := spell(text)) is not None
            and spelled
        }
        begin = tokenizer.bos_token_id
        end = int(tokenizer.eos_token_id)
        _check_size(end, size)
        found = cls(tokens, end, end if begin is None else int(begin), size, tokenizer)
        for text in _PROBES:
            found._probe(text)
        return found

    def _probe(self, text: str) -> None:
        """Raise UsageError where the tokenizer's own tokens of a text do not spell it."""
        ids = self.encoded(text)
        _check_size(max(ids, default=0), self.size)
        unknown = self.tokenizer.unk_token_id
        if unknown is not None and unknown in ids:
            return  # a character that is not there is named when a column needs it
        if self.spelled(ids).lstrip(b" ") != text.encode().lstrip(b" "):
            raise UsageError(
                f"the tokenizer writes {text!r} as tokens of {self.spelled(ids)!r}: it changes "
                "text (lower case, accents, spaces), so that values could not be written exactly; "
                "use a model with a byte-level or SentencePiece tokenizer"
            )

    def encoded(self, text: str) -> list[int]:
        """Return the tokenizer's own tokens of a text, without any that it would put around it."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def spelled(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of tokens; special ones have none."""
        return b"".join(self.tokens.get(int(i), b"") for i in ids)

    @cached_property
    def numbers(self) -> dict[bytes, int]:
        """The token of each string of bytes that is one.

        Of several the greatest: what SentencePiece falls back to for a byte comes before what it
        writes as a character.
        """
        return {text: number for number, text in sorted(self.tokens.items())}

    @cached_property
    def longest(self) -> int:
        """The greatest number of bytes of a token."""
        return max(map(len, self.tokens.values()), default=0)

    @cached_property
    def _broken(self) -> bool:
        """Whether tokens of several bytes may end within a character."""
        return any(len(text) > 1 and not _whole(text) for text in self.tokens.values())

    def can_spell(self, character: str) -> bool:
        """Say whether a character can be written wherever it may be begun."""
        spelled = character.encode("utf-8", "surrogatepass")
        if all(bytes([b]) in self.numbers for b in spelled):
            return True
        return spelled in self.numbers and not self._broken

    def require(self, text: str, what: str) -> None:
        """Raise UsageError, naming the characters, where a text cannot be written."""
        missing = sorted({c for c in text if not self.can_spell(c)})
        if missing:
            shown = " ".join(repr(c) for c in missing[:8])
            raise UsageError(
                f"the vocabulary of this model has no token for {shown}, which {what} needs; "
                "use a model with a byte-level tokenizer, or one with byte fallback"
            )

    def spell_out(self, text: bytes) -> Ids:
        """Return the fewest tokens that spell a text, the longer ones first.

        Raises UsageError where there are none.
        """
        best: list[tuple[int, int]] = [(0, 0)]  # tokens from here on, bytes of the first of them
        for at in range(len(text) - 1, -1, -1):
            ways = [
                (best[-size][0] + 1, -size)
                for size in range(1, min(self.longest, len(text) - at) + 1)
                if text[at : at + size] in self.numbers and best[-size][0] < len(text) + 1
            ]
            best.append(min(ways, default=(len(text) + 1, 0)))
        if best[-1][0] > len(text):
            self.require(text.decode("utf-8", "replace"), f"the text {text!r}")
            raise UsageError(f"no tokens of this model spell {text!r}")
        out, at = [], 0
        while at < len(text):
            size = -best[len(text) - at][1]
            out.append(self.numbers[text[at : at + size]])
            at += size
        return tuple(out)

    def edges(self, text: str) -> tuple[list[int], list[int]] | None:
        """Return the tokenizer's tokens of a text and how many bytes of it each one ends at.

        None where the tokens do not spell it. A space that the tokenizer puts before a text is
        counted with the first character.
        """
        ids = self.encoded(text)
        wanted, found = text.encode("utf-8"), self.spelled(ids)
        extra = len(found) - len(wanted)
        if extra not in (0, 1) or found[extra:] != wanted or found[:extra].strip(b" "):
            return None
        ends = np.cumsum([len(self.tokens.get(i, b"")) for i in ids]) - extra
        return ids, [int(e) for e in ends]

    def encoded_after(self, context: str, text: bytes) -> Ids:
        """Return tokens of ``text`` as the tokenizer writes it after ``context``.

        Where it would not break between the two, or ``text`` begins within a character, they are
        the fewest that spell it.
        """
        if not text:
            return ()
        try:
            found = self.edges(context + text.decode("utf-8"))
        except UnicodeDecodeError:
            found = None
        if found is not None:
            ids, ends = found
            edge = len(context.encode("utf-8"))
            if edge in ends:
                return tuple(ids[ends.index(edge) + 1 :])
        return self.spell_out(text)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """All tokens of :attr:`tokens`, in the order of their bytes."""
        return np.array(sorted(self.tokens, key=lambda n: self.tokens[n]), dtype=np.int64)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The trie of all tokens, level by level; level 0 is the root alone."""
        texts = [self.tokens[n] for n in self.order.tolist()]
        lengths = np.array([len(t) for t in texts], dtype=np.int64)
        packed = b"".join(t.ljust(self.longest, b"\0") for t in texts)
        table = np.frombuffer(packed, dtype=np.uint8).reshape(len(texts), self.longest)
        # A node is a run of tokens, [start, stop) of the order, that begin with the same bytes.
        start, stop = np.array([0]), np.array([len(texts)])
        byte = np.zeros(1, dtype=np.uint8)
        out: list[Level] = []
        for depth in range(self.longest + 1):
            # Tokens that end at this node come first in its run.
            ending = np.append(0, np.cumsum(lengths == depth))
            own_end = start + (ending[stop] - ending[start])
            if depth == self.longest:
                none = np.zeros(len(start), dtype=np.int64)
                out.append(Level(byte, none, none, start, own_end))
                break
            inside = lengths > depth
            new = np.zeros(len(texts), dtype=bool)
            new[own_end[own_end < stop]] = True
            column = table[:, depth]
            new[1:] |= inside[1:] & inside[:-1] & (column[1:] != column[:-1])
            new &= inside
            heads = np.flatnonzero(new)
            first = np.searchsorted(heads, own_end)
            end = np.searchsorted(heads, stop)
            out.append(Level(byte, first, end, start, own_end))
            owner = np.repeat(np.arange(len(start)), end - first)
            following = np.append(heads[1:], len(texts))
            start, stop, byte = heads, np.minimum(following, stop[owner]), column[heads]
        return tuple(out)


def _check_size(token: int, size: int) -> None:
    """Raise SavedModelError where a token is none of the network's."""
    if token >= size:
        raise SavedModelError(
            f"the tokenizer's token {token:,} is beyond the network's {size:,}: they are not of "
            "one model; give a directory that has both as they were saved together"
        )


def _mentions(made: Mapping[str, Any], kind: str) -> bool:
    """Say whether a tokenizer's decoder or pre-tokenizer is, or holds, one of a kind."""

    def within(part: Any) -> bool:
        if isinstance(part, dict):
            return part.get("type") == kind or any(within(v) for v in part.values())
        return isinstance(part, list) and any(within(v) for v in part)

    return within(made.get("decoder")) or within(made.get("pre_tokenizer"))


def _byte_alphabet() -> dict[str, int]:
    """Return the character that byte-level tokenizers write each byte as.

    Bytes that are printable in Latin-1 are themselves; the others follow each other from U+0100
    (Radford et al., "Language models are unsupervised multitask learners", 2019).
    """
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + k): b for k, b in enumerate(others)}


_ALPHABET = _byte_alphabet()


def _byte_level(token: str) -> bytes | None:
    try:
        return bytes(_ALPHABET[c] for c in token)
    except KeyError:
        return None


def _sentencepiece(token: str) -> bytes | None:
    if (match := _BYTE.fullmatch(token)) is not None:
        return bytes([int(match[1], 16)])
    try:
        return token.replace(_SPACE, " ").encode("utf-8")
    except UnicodeEncodeError:
        return None


def _whole(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
