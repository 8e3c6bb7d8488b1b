"""Forms of English words, generously: more forms than exist do no harm, as nobody writes them."""

from __future__ import annotations

import re

# Irregular verbs, and nouns that name what happens: any of a line stands for all.
_FAMILIES = (
    ("leave", "leaves", "left", "leaving", "leaver"),
    ("bear", "birth", "born"),
    ("die", "dies", "died", "death", "dying"),
    ("begin", "begins", "began", "begun", "beginning"),
    ("start", "starts", "started", "starting"),
    ("end", "ends", "ended", "ending"),
    ("pay", "pays", "paid", "paying", "payment"),
    ("rent", "rents", "rented", "rental", "renting"),
    ("return", "returns", "returned", "back"),
    ("buy", "buys", "bought", "purchase", "purchased"),
    ("sell", "sells", "sold", "sale"),
    ("send", "sends", "sent", "sending"),
    ("take", "takes", "took", "taken"),
    ("make", "makes", "made"),
    ("deliver", "delivers", "delivered", "delivery"),
    ("arrive", "arrives", "arrived", "arrival"),
    ("depart", "departs", "departed", "departure"),
    ("admit", "admits", "admitted", "admission"),
    ("require", "required", "requires"),
)
_IRREGULAR_PLURALS = {
    "person": "people",
    "child": "children",
    "man": "men",
    "woman": "women",
    "staff": "staff",
    "wife": "wives",
}


def plurals(noun: str) -> tuple[str, ...]:
    """Return a noun's singular and plural, whichever it was: ``city``, ``cities``."""
    singulars = {noun}
    if noun.endswith("ies") and len(noun) > 4:
        singulars.add(noun[:-3] + "y")
    if noun.endswith(("ses", "xes", "shes", "ches", "zes")):
        singulars.add(noun[:-2])
    if noun.endswith("s") and not noun.endswith("ss") and len(noun) > 3:
        singulars.add(noun[:-1])
    found = dict.fromkeys((noun, *sorted(singulars)))
    for one in (*sorted(singulars), noun):
        found[_IRREGULAR_PLURALS.get(one, _plural(one))] = None
    return tuple(found)


def _plural(noun: str) -> str:
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    if noun.endswith(("s", "x", "sh", "ch", "z")):
        return noun + "es"
    return noun + "s"


def verb_forms(word: str) -> tuple[str, ...]:
    """Return what a verb, or a noun that names an event, may look like: ``hire``, ``hired`` ..."""
    for family in _FAMILIES:
        if word in family:
            return tuple(dict.fromkeys((word, *family)))
    bases = {word}
    if word.endswith("ed") and len(word) > 4:
        bases |= {word[:-1], word[:-2]}
        if word[-3] == word[-4]:
            bases.add(word[:-3])
    elif word.endswith("s") and not word.endswith("ss"):
        bases.add(word[:-1])
    forms = dict.fromkeys((word, *sorted(bases)))
    for base in sorted(bases):
        stem = base.removesuffix("e")
        last = base[-1:]
        forms |= dict.fromkeys((base + "s", stem + "ed", stem + "ing", base + "es"))
        if re.search(r"[^aeiou][aeiou][bdglmnprt]$", base):
            forms |= dict.fromkeys((base + last + "ed", base + last + "ing"))
        if re.search(r"[^aeiou]y$", base):
            forms |= dict.fromkeys((base[:-1] + "ies", base[:-1] + "ied"))
    return tuple(forms)
