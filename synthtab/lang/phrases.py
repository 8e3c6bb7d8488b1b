"""The common syntax mistakes, each with an example that the tests parse."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mistake:
    """One mistake: patterns that recognise it, what to say, and a text that shows it.

    ``here`` matches at the place where the parser stopped, ``before`` up to it within the item (its
    group 1, if any, widens the marked text), ``item`` anywhere in the item (its group 1 is marked);
    ``expects`` are terminals the parser would have taken. ``example`` is an item of a table with
    columns a, b (integer), c (enum of 'x' and 'y'), d (date), t (datetime), s (text).
    """

    code: str
    message: str
    help: str
    example: str
    here: str | None = None
    before: str | None = None
    item: str | None = None
    expects: frozenset[str] = field(default=frozenset())


_TYPE = frozenset({"INTEGER", "BOOLEAN"})
_KEYWORD = r"AND|OR|NOT|IN|IS|NULL|BETWEEN|LIKE|MATCHING|WHEN|THEN|ELSE|END|CASE|IFF|TRUE|FALSE"
_IN_RULE = r"\brule\b.*"

# fmt: off
MISTAKES: tuple[Mistake, ...] = (
    # Rules across rows and tables.
    Mistake("E102", "`->` leads to a key of a table",
            "write `a -> parent.id`; an implication is `when a then b`", "rule r: a -> b = 2",
            here="=|!|<|>|and|or|$", before=r"^rule\b[^:]*:.*(->)[^.(]*"),
    Mistake("E101", "a reference names a column too", "write `-> table.column`",
            "e integer -> other\n  f integer", before=r"^(?!rule).*(->\s*\w+)\s*",
            expects=frozenset({"DOT"})),
    Mistake("E101", "a kind of text is one word", "write `~ like_name`", "e text(9) ~ like name",
            here=r"like\s+\w+", before=r"^(?!rule).*~\s*"),
    Mistake("E114", "a reference is written with an arrow", "write `-> other.id`",
            "e integer references other (id)", item=r"^(?!rule).*\b(references|foreign)\b"),
    Mistake("E101", "a share goes before the `:`, and after the name of the rule",
            "write rule name at least 98%: condition", "rule r: at least 98% a > 0",
            item=r"^rule\b[^:]*:\s*(at\s+least)\b"),
    Mistake("E102", "groups are named by `per`", "write `sum(x) per a`",
            "rule r: sum(a) group by b > 3", item=rf"{_IN_RULE}\)\s*((?:group|partition)\s+by)\b"),
    Mistake("E102", "groups are named by `per`", "write `sum(x) per a`",
            "rule r: sum(a) over (partition by b) > 3", item=rf"{_IN_RULE}\)\s*(over)\b"),
    Mistake("E102", "an order is named by `ordered by`", "write `previous(x) ordered by d`",
            "rule r: previous(a) order by d > 3", item=rf"{_IN_RULE}[\w)]\s+(order\s+by)\b"),
    Mistake("E101", "`forbid pair` names its two rows first",
            "write forbid pair (p, q): p.x = q.x and ...", "rule r: forbid pair: a > 3",
            item=r"\b(forbid\s+pairs?)\s*:"),
    Mistake("E101", "an interval has two ends", "write `no overlap (start, end)`",
            "rule r: no overlap (d)", here=r"\)", before=r"\b(no\s+overlap\s*\([^,()]*)"),
    Mistake("E106", "the bracket before this is not closed",
            "`per` and `ordered by` go after the `)`: `sum(x) per a`",
            "rule r: sum(a per b) > 3", here=r"(?:ordered\s+by|per)\b", before=r"\([^()]*"),
    # Operators of other languages.
    Mistake("E102", "`==` is not an operator here", "equality is a single `=`", "rule r: a == 1",
            here="=", before="(=)"),
    Mistake("E102", "`=>` is not an operator here",
            "at least is `>=`; an implication is `when a then b`", "rule r: a => 1", here=">",
            before="(=)"),
    Mistake("E102", "`=<` is not an operator here", "at most is `<=`", "rule r: a =< 1", here="<",
            before="(=)"),
    Mistake("E102", "`<>` is not an operator here", "inequality is `!=`", "rule r: a <> 1",
            here=">", before="(<)"),
    Mistake("E102", "`->` is not an operator of rules", "an implication is `when a then b`",
            "rule r: a = 1 -> b = 2", here=">", before=rf"{_IN_RULE}(-)"),
    Mistake("E102", "`&` is not an operator here", "write `and`", "rule r: a > 1 && b > 1",
            here="&&?"),
    Mistake("E102", "`|` is not an operator here", "write `or`", "rule r: a > 1 || b > 1",
            here=r"\|\|?"),
    Mistake("E102", "`!` is not an operator here", "write `not`, or `!=` for unequal",
            "rule r: !(a > 1)", here="!"),
    Mistake("E102", "`%` is not an operator here", "there is no remainder; a share is written 5%",
            "rule r: a % 2 = 0", here="%"),
    Mistake("E102", "there is no operator for powers", "write the product: `x * x`",
            "rule r: a ** 2 < 9", here=r"\*", before=r"(\*)"),
    Mistake("E102", "there is no operator for powers", "write the product: `x * x`",
            "rule r: a ^ 2 < 9", here=r"\^"),
    Mistake("E102", "`not =` is not an operator here", "inequality is `!=`", "rule r: a not = 3",
            here="=", before=r"(\bnot\s*)"),
    Mistake("E102", "comparisons do not chain",
            "write `x between 0 and 5`, or join two with `and`", "rule r: 0 <= a <= 5",
            here="<=|>=|!=|=|<|>",
            before=r"(?:<=|>=|!=|=|<|>)\s*[^\s<>=]+(?:\s*[-+*/]\s*[^\s<>=]+)*\s*"),
    Mistake("E102", "`//` does not begin a comment", "comments begin with #",
            "// years are whole\n  e integer", here="//"),
    Mistake("E102", "`--` does not begin a comment", "comments begin with #",
            "-- years are whole\n  e integer", here="--"),
    Mistake("E110", "this is a word of the language", "as a name it goes in backticks, as `when`",
            "when date",
            here=r"(?:and|or|not|when|then|else|iff|case|is|between|like|null|true|false)"
                 r"(?=\s+(?:integer|decimal|date|datetime|boolean|enum|text)\b)"),
    # `if`, `when` without `then`.
    Mistake("E105", "`if` does not begin a condition", "write `when ... then ...`",
            "rule r: if a > 1 then b > 1", item=r":\s*(if)\b"),
    Mistake("E105", "this `when` has no `then`", "write `when ... then ...`",
            "rule r: when a > 1 b > 1", item=r"\b(when)\b(?!.*\bthen\b)"),
    Mistake("E105", "`then` has no `when` before it", "write `when ... then ...`",
            "rule r: a > 1 then b > 1", here=r"then\b", item=r"^(?!.*\bwhen\b)"),
    # Keywords in capitals.
    Mistake("E109", "the words of the language are written in lower case",
            "write `and`, `or`, `not`, `in` ... in lower case", "rule r: a > 1 AND b > 1",
            item=rf"\b({_KEYWORD})\b"),
    Mistake("E207", "`null` is not a value and equals nothing, not even itself",
            "write `x is null` or `x is not null`",
            "rule r: a = null", here=r"null\b", before=r"^rule\b.*"),
    # Quotes.
    Mistake("E103", "a description goes in double quotes", 'write rule name "what it says": ...',
            "rule r 'a is small': a < 9", here="'[^'\n]*'?", before=r"^rule\s+\S+\s*"),
    Mistake("E103", "text constants go in single quotes",
            "write 'x'; double quotes are for the description of a rule", 'rule r: c = "x"',
            here='"[^"\n]*"?'),
    Mistake("E103", "these are not the quotes of the language",
            "text constants go in 'single quotes'", "rule r: c = ‘x’", here="[‘’“”„«»´]"),
    Mistake("E103", "the values of an enum are texts in single quotes", "write enum('a', 'b')",
            "e enum(low, high)", here=r"\w+", before=r"\benum\s*\([^)\n]*"),
    Mistake("E103", "the values of a list are constants; a text goes in single quotes",
            "write `x in ('a', 'b')`", "rule r: c in (x, y)", here=r"[^\W\d]\w*",
            before=r"\bin\s*\([^)\n]*"),
    Mistake("E106", "this quote is never closed", "end it with the same quote on the same line",
            "rule r: c = 'x", here="'[^\n]*"),
    Mistake("E106", "this backtick is never closed", "end it with a backtick on the same line",
            "rule r: `a > 1", here="`[^\n]*"),
    # Numbers and dates.
    Mistake("E113", "digits are not grouped by commas", "write 1_000", "rule r: a > 1,000",
            here=r",\d{3}(?!\d)", before=r"(?<![\w.])(\d{1,3})"),
    Mistake("E113", "numbers have no exponents here", "write the number out, as 1_000_000",
            "rule r: a > 1e6", before=r"(\b\d[\d.]*[eE]\d*)\s*"),
    Mistake("E108", "a range has exactly two dots", "write `in 0 .. 5`", "e integer in 0...5",
            here=r"\.", before=r"(\.\.)"),
    Mistake("E113", "a number needs a digit before the point", "write 0.5", "rule r: a > .5",
            here=r"\.\d+", before=r"(?<![\d.])\s*"),
    Mistake("E108", "a range is written with two dots", "write `in 0 .. 5`", "e integer in 0 . 5",
            here=r"\.\s*\d", before=r"\bin\s+-?[\w.-]+\s*"),
    Mistake("E113", "a number does not end with a point", "write 5 or 5.0", "rule r: a > 5.",
            here=r"\.", before=r"(\d)"),
    Mistake("E111", "a date is written with hyphens", "write 2014-01-31",
            "e date in 2014/01/31 .. 2015-01-01", here=r"/\d", before=r"\bin\s+(\d{4})\s*"),
    Mistake("E111", "a date and its time are joined by a T", "write 2014-01-31T10:00:00",
            "rule r: t > 2014-01-31 10:00:00", here=r"\d{1,2}:\d\d[:\d]*",
            before=r"(\d{4}-\d\d-\d\d\s*)"),
    Mistake("E111", "this is not a time of day", "write 2014-01-31T09:00 or 2014-01-31T09:00:00",
            "rule r: t > 2014-01-31T9:00", before=r"(\d{4}-\d\d-\d\dT\d*)"),
    # Lists and ranges.
    Mistake("E108", "a list goes in round brackets", "write `x in (1, 2)`",
            "rule r: a not in [1, 2]", here=r"\[[^\]\n]*\]?"),
    Mistake("E108", "a list in braces is not known here", "write `x in (1, 2)`",
            "rule r: a in {1, 2}", here=r"\{[^}\n]*\}?", before=r"\bin\s*"),
    Mistake("E108", "this list is empty", "name at least one value: `x in (1, 2)`",
            "rule r: a in ()", here=r"\)", before=r"\bin\s*(\()\s*"),
    Mistake("E108", "nothing follows the last comma", "leave the comma out",
            "rule r: a in (1, 2,)", here=r"\)", before=r"(,)\s*"),
    Mistake("E108", "a range is written with two dots", "write `in 0 .. 5`", "e integer in 0 to 5",
            here=r"to\b|-|,|:|and\b", before=r"^(?!rule).*\bin\s+[^\s.]+\s*"),
    Mistake("E108", "within a condition a range needs both ends",
            "write `x >= 0`, or both: `x in 0 .. 5`", "rule r: a in 0 ..",
            before=r"^rule\b.*\bin\s+[^\s.]+\s*\.\.\s*"),
    Mistake("E108", "within a condition a range needs both ends",
            "write `x <= 5`, or both: `x in 0 .. 5`", "rule r: a in .. 5", here=r"\.\.",
            before=r"^rule\b.*\bin\s*"),
    # Modifiers of other languages.
    Mistake("E114", "columns are never null unless they say `optional`", "leave `not null` out",
            "e integer not null", here=r"not\s+null", before=r"^(?!rule).*"),
    Mistake("E114", "a column that may be null says `optional`", "write `optional`",
            "e integer nullable\n  f integer", before=r"\b(nullable|null)\s*", expects=_TYPE),
    Mistake("E114", "columns are never null unless they say `optional`", "leave `required` out",
            "e integer required\n  f integer", before=r"\b(required|mandatory)\s*", expects=_TYPE),
    Mistake("E114", "a key is declared by one word", "write `key`", "e integer primary key",
            here="key", before=r"\b(primary\s*)"),
    Mistake("E114", "columns have no default values", "leave `default ...` out",
            "e integer default 5", before=r"\b(default)\s*", expects=_TYPE),
    Mistake("E114", "a condition on a column is a rule of its own", "write rule name: ...",
            "e integer check (e > 0)", here=r"\(", before=r"\b(check)\s*"),
    Mistake("E110", "this is a word of the language", "as a name it goes in backticks, as `of`",
            "rule r: a > b\n  of integer",
            here=r"(?:of|where|per|determines)"
                 r"(?=\s+(?:integer|decimal|date|datetime|boolean|enum|text)\b)"),
    Mistake("E110", "this is a word of the language", "as a name it goes in backticks, as `key`",
            "optional integer",
            before=r"^(key|unique|optional|in|matching)\s+"
                   r"(?:integer|decimal|date|datetime|boolean|enum|text)\b.*"),
    # Types that lack something.
    Mistake("E104", "`text` needs its greatest length", "write text(20)", "e text optional",
            before=r"\b(text)\s*", expects=frozenset({"LPAR"})),
    Mistake("E104", "`decimal` needs its digits",
            "write decimal(10, 2): 10 in all, 2 after the point", "e decimal",
            before=r"\b(decimal)\s*", expects=frozenset({"LPAR"})),
    Mistake("E104", "`decimal` needs two numbers",
            "write decimal(10, 2): 10 digits in all, 2 after the point", "e decimal(10)",
            here=r"\)", before=r"\b(decimal\s*\(\s*\d+)\s*"),
    Mistake("E104", "`enum` needs its values", "write enum('a', 'b')", "e enum",
            before=r"\b(enum)\s*", expects=frozenset({"LPAR"})),
    # Rules that lack something.
    Mistake("E101", "this rule has no name", "write rule name: condition", "rule: a > 1", here=":",
            before=r"^(rule)\s*"),
    Mistake("E101", "a `:` is missing after the name of the rule", "write rule name: condition",
            "rule r a > 1", before=r"^(rule\s+(?:\w+|`[^`]*`))\s*", expects=frozenset({"COLON"})),
    Mistake("E101", "`is` goes before `null` only", "compare with `=`: `x = true`",
            "rule r: a is 1", before=r"\b(is(?:\s+not)?\s*)"),
    Mistake("E101", "the condition ends too early", "something is missing after the last operator",
            "rule r: a >\n  rule q: a < 9",
            before=r"^rule\b.*(?:(<=|>=|!=|=|<|>|\+|-|\*|/|\band|\bor|\bnot|\bthen|:))\s*",
            here=r"rule\b|\}|table\b|(?:key|unique)\s*\("),
    # Brackets and separators.
    Mistake("E107", "items are not separated by commas", "leave the comma out; a new line will do",
            "e integer,\n  f integer", here=","),
    Mistake("E107", "items are not separated by semicolons", "leave the semicolon out",
            "e integer;\n  f integer", here=";"),
    Mistake("E106", "this `)` has no `(` before it", "take it away, or add the `(`",
            "rule r: a > 1)", here=r"\)"),
    Mistake("E106", "the table before this one is not closed", "add a `}` before this line",
            "table u {", here=r"table\b"),
)
# fmt: on

TYPE_ALIASES = {
    **dict.fromkeys(("int", "bigint", "smallint", "int64", "long", "serial", "id"), "integer"),
    **dict.fromkeys(
        ("float", "double", "real", "number", "numeric", "money", "float64"), "decimal(10, 2)"
    ),
    **dict.fromkeys(("str", "string", "varchar", "char", "object", "uuid"), "text(50)"),
    **dict.fromkeys(("bool", "bit", "flag"), "boolean"),
    **dict.fromkeys(("timestamp", "time"), "datetime"),
    **dict.fromkeys(("category", "categorical", "factor", "enumeration"), "enum('a', 'b')"),
}
