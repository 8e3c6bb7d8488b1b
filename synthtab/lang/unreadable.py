"""Sentences that state no rule: why, and what would do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from lark.exceptions import UnexpectedCharacters, UnexpectedInput

from synthtab.errors import UsageError
from synthtab.lang.lexicon import Lexicon

MAX_SENTENCE = 400
_CONTRACTIONS = (
    (r"\bcan't\b", "cannot"),
    (r"\bwon't\b", "will not"),
    (r"\bmustn't\b", "must not"),
    (r"\bshouldn't\b", "should not"),
    (r"\b(do|does|is|are|was|were|has|have)n't\b", r"\1 not"),
)
# Words that ask for a judgement, and what can be checked instead.
_JUDGEMENTS = frozenset(
    [
        "fair",
        "reasonable",
        "appropriate",
        "suitable",
        "sensible",
        "good",
        "correct",
        "right",
        "realistic",
        "plausible",
        "valid",
        "proper",
        "normal",
        "typical",
        "okay",
        "ok",
        "accurate",
        "consistent",
        "competitive",
        "adequate",
        "decent",
        "acceptable",
        "nice",
    ]
)
_VAGUE = frozenset(
    [
        "high",
        "low",
        "large",
        "small",
        "big",
        "long",
        "short",
        "few",
        "many",
        "much",
        "several",
        "enough",
        "old",
        "young",
        "recent",
        "soon",
        "early",
        "late",
        "quickly",
        "promptly",
        "approximately",
        "about",
        "roughly",
        "around",
        "nearly",
        "almost",
        "close",
        "similar",
    ]
)
_SOFT = frozenset(
    [
        "usually",
        "often",
        "mostly",
        "normally",
        "generally",
        "typically",
        "sometimes",
        "most",
        "rarely",
        "seldom",
    ]
)
_NOW = frozenset(["today", "now", "currently", "yesterday", "tomorrow", "ago", "future", "past"])
_HEDGES = frozenset(
    ["maybe", "perhaps", "probably", "possibly", "ideally", "preferably", "hopefully"]
)


def clean(sentence: str) -> str:
    """Return a sentence on one line, with plain quotes, without its full stop and contractions."""
    text = sentence.translate(str.maketrans("‘’“”", "''\"\""))
    text = " ".join(text.split()).rstrip(" .!")
    for short, whole in _CONTRACTIONS:
        text = re.sub(short, whole, text, flags=re.IGNORECASE)
    return text


def refuse_unreadable(
    said: str, lexicon: Lexicon, grammar: Collection[str], error: type[UsageError]
) -> None:
    """Raise ``error`` where it is plain from its words that a sentence cannot be read."""
    if not said:
        raise error("the sentence is empty; say a rule, as in “The amount must be positive”")
    if len(said) > MAX_SENTENCE:
        raise error(
            f"the sentence has {len(said):,} characters, and {MAX_SENTENCE} can be read: state one "
            "rule a sentence"
        )
    if said.endswith("?"):
        raise error("a question states no rule: say what must be, as in “X must be at least 5”")
    plain = re.sub(r"'[^']*'(?!\w)|\"[^\"]*\"", " ", said)
    if re.search(r"[.;]\s+\w", plain):
        raise error("there are several sentences: state one rule at a time")
    known = lexicon.words() | set(grammar)
    words = words_in(plain)
    refuse_judgements(words, known, error)
    for word in words:
        if word not in known and not set(re.split(r"[-_]", word)) <= known:
            raise error(_unknown(word, lexicon, grammar))


def words_in(sentence: str) -> list[str]:
    """Return the words of a sentence outside quotes, in small letters."""
    plain = re.sub(r"'[^']*'(?!\w)|\"[^\"]*\"", " ", sentence)
    return [w.lower() for w in re.findall(r"[^\W\d_][\w-]*", plain)]


def refuse_judgements(
    words: Collection[str], own: Collection[str], error: type[UsageError]
) -> None:
    """Raise ``error`` where a word that is not in ``own`` says nothing that can be checked."""
    for word in words:
        if word in own:
            continue
        if word in _JUDGEMENTS:
            raise error(
                f"“{word}” is a judgement that no table can be checked for: give a bound, as in "
                "“at least 1,000”, “between 1 and 5” or “one of 'a', 'b'”"
            )
        if word in _NOW:
            raise error(
                f"“{word}” changes from day to day, and a rule does not: compare with a date or "
                "another column"
            )
        if word in _SOFT:
            raise error(f"“{word}” is no number: say a share, as in “95% of ... must ...”")
        if word in _HEDGES:
            raise error(f"“{word}” leaves it open whether this is a rule: say “must”")
        if word in _VAGUE:
            raise error(f"“{word}” is no number: say how much, as in “more than 100”")


def _unknown(word: str, lexicon: Lexicon, grammar: Collection[str]) -> str:
    near = difflib.get_close_matches(word, lexicon.names(), 3, 0.6)
    near += difflib.get_close_matches(word, sorted(g for g in grammar if len(g) > 3), 2, 0.75)
    shown = ", ".join(f"“{n}”" for n in dict.fromkeys(near))
    help_ = (
        f"did you mean {shown}?" if shown else "use the names of the model, or put texts in quotes"
    )
    return f"“{word}” is neither a word of this model nor one of the rules' English; {help_}"


def where_it_stops(said: str, error: UnexpectedInput) -> str:
    """Return how far a sentence could be read."""
    # An end that comes too early has no place of its own.
    at = getattr(error, "pos_in_stream", None)
    if not isinstance(error, UnexpectedCharacters) or at is None or at >= len(said):
        return (
            "the sentence stops before it states a rule: say what must be, as in “The amount must "
            "be at least 5”"
        )
    read, rest = said[:at].rstrip(), said[at:].lstrip()
    if not read:
        return f"no rule begins with “{rest.split()[0]}”: begin with what the rule is about"
    return f"read as far as “{read}”, but not what follows: “{rest}”"
