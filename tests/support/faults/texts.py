"""Faults of texts: the same one twice, a query that is its document, too long a text, another script."""

from random import Random

from support.faults.fault import CORPUS, LABELS, QUERIES, TEST, TRAINING, Edit, Fault

from dropforge.domain.tuning import Tuning
from dropforge.settings import Operator

MOST_BYTES = 3_072 * 4  # of a text that is read to its end, by the estimate


def _twice(name: str, one: str, other: str, apart: str = "") -> tuple[Fault, ...]:
    """A text in two documents, and in two queries of one file of labels."""
    return (
        Fault(
            name=f"a text twice{name}, in {CORPUS}",
            edits=(
                Edit(CORPUS, (f'{{"_id": "d#", "text": "{one}"}}',), instead=True),
                Edit(CORPUS, ((f'{{"_id": "d@", "text": "{other}"}}', "text-duplicate"),), instead=True, ahead=1),
            ),
            apart=apart,
        ),
        Fault(
            name=f"a text twice{name}, in {QUERIES}",
            edits=(
                Edit(QUERIES, (f'{{"_id": "q#", "text": "{one}"}}',), instead=True),
                Edit(QUERIES, ((f'{{"_id": "q@", "text": "{other}"}}', "text-duplicate"),), instead=True, ahead=1),
            ),
            apart=apart,
        ),
    )


_ALONE = "to see it once is enough"
_TEXTS = (
    *_twice("", "a card # was lost", "a card # was lost"),
    *_twice(" but for its case", "A card # was swallowed", "a CARD # was Swallowed"),
    *_twice(" but for its punctuation", "A card, #, was stolen!", "(a) card # was: stolen"),
    *_twice(" but for its spaces", "a card # was eaten", " acard  #\\nwas eaten\\t"),
    *_twice(" but for its escapes", "a card # was drowned", "\\u0061 card\\u0020# w\\u0061s drowned"),
    *_twice(" but for the width of its letters", "a card # was burnt", "\uff41 card # was burnt"),
    *_twice(" but for how its marks are written", "une carte # gelée", "une carte # gele\u0301e"),
    *_twice(" but for a ligature", "a # file", "a # ﬁle"),
    *_twice(" but for a sharp s", "eine # STRASSE", "eine # Straße"),
    *_twice(" but for an exclamation mark of full width", "find the card #\uff01", "find the card #!", _ALONE),
    *_twice(" but for a space of full width", "find\u3000a card #", "find a card #", _ALONE),
    *_twice(" but for a no-break space", "find no\u00a0card #", "find no card #", _ALONE),
    *_twice(" but for a thin space", "find one\u2009card #", "find one card #", _ALONE),
    *_twice(" but for typographic punctuation", "where\u2019s \u201cthe\u201d card # \u2014 now\u2026", "wheres the card # now"),
    *_twice(" but for marks of another language", "\u00bfla # tarjeta? \u00abs\u00ed\u00bb", "la # tarjeta - s\u00ed"),
    *_twice(" but for the width of its punctuation", "où est la carte \uff03#\uff1f", "Où est la carte #"),
    Fault(
        name="a query that is its document, labelled twice",  # it is its document once
        edits=(
            Edit(CORPUS, ('{"_id": "d#", "text": "itself #"}',), instead=True),
            Edit(QUERIES, ('{"_id": "y#", "text": "itself #"}',)),
            Edit(TEST, (("y#\td#\t1", "query-is-document"), ("y#\td#\t1", "labels-duplicate"))),
        ),
    ),
    Fault(
        name="a text three times",
        edits=(
            Edit(CORPUS, ('{"_id": "d#", "text": "three cards #"}',), instead=True),
            Edit(CORPUS, (('{"_id": "d@", "text": "Three cards #"}', "text-duplicate"),), instead=True, ahead=1),
            Edit(CORPUS, (('{"_id": "x#", "text": "three cards, #!"}', "text-duplicate"), ), ahead=1),
            Edit(TRAINING, ("q#\tx#\t1",)),
        ),
    ),
    *(
        Fault(
            name=f"a query that is its document{how}, in {file}",
            edits=(
                Edit(CORPUS, (f'{{"_id": "d#", "text": "The {file} of #"}}',), instead=True),
                Edit(QUERIES, (f'{{"_id": "y#", "text": "{text}"}}',)),
                Edit(file, (("y#\td#\t1", "query-is-document"),)),
            ),
        )
        for file in LABELS
        for how, text in ((", word for word", f"The {file} of #"), (" but for its case", f"the {file.upper()} of #?"))
    ),
)  # fmt: skip


def prose(seed: int, size: int) -> str:
    """So many bytes of words in an order of their own: no two of different seeds are alike."""
    chance = Random(seed)
    words = [chance.choice(_SYLLABLES) + chance.choice(_SYLLABLES) for _ in range(size // 5 + 1)]
    return " ".join(words)[: size - 1] + "."


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


_SYLLABLES = [f"{one}{vowel}{other}" for one in "bcdfghjklmnprstvw" for vowel in "aeiouy" for other in "dlmnrst"]

# Each has as many bytes as are read.
LONGEST_TEXTS = {
    "plain letters": prose(1, MOST_BYTES),
    "letters of three bytes": prose(2, 288) + "—" * 4_000,
    "letters of four bytes": prose(3, 288) + "😀" * 3_000,
    "escaped letters": prose(4, 288) + "\\u2014" * 4_000,
    "line ends": prose(5, 288) + "\\n" * 12_000,
}
_TEXTS_TOO_LONG = (
    *(
        Fault(
            name=f"a text of one byte more than is read, {letters}, in {file}",
            edits=(Edit(file, ((f'{{"_id": "{letter}#", "text": "{text}."}}', "text-long"),), instead=True),),
            apart="it is large",
        )
        for letters, text in LONGEST_TEXTS.items()
        for file, letter in ((CORPUS, "d"), (QUERIES, "q"))
    ),
    *(
        Fault(
            name=f"a book for a text, in {file}",
            edits=(
                Edit(file, ((f'{{"_id": "{letter}#", "text": "{prose(seed, 100_000)}"}}', "text-long"),), instead=True),
            ),
        )
        for file, letter, seed in ((CORPUS, "d", 6), (QUERIES, "q", 7))
    ),
)

SCRIPTS = {
    "Greek": "Πού είναι η κάρτα μου;",
    "Cyrillic": "Где моя карта?",
    "Armenian": "Որտե՞ղ է իմ քարտը",
    "Hebrew": "איפה הכרטיס שלי?",
    "Arabic": "أين بطاقتي؟",
    "Devanagari": "मेरा कार्ड कहाँ है?",
    "Thai": "บัตรของฉันอยู่ที่ไหน",
    "Georgian": "სად არის ჩემი ბარათი?",
    "Hangul": "제 카드는 어디에 있습니까?",
    "Kana": "カードはどこですか",
    "Han": "我的银行卡在哪里",
    "Han beyond U+FFFF": "𠀀𠀁𠀂𠀃",
    "Cyrillic, escaped": "\\u0413\\u0434\\u0435",
}
_SHARE = "it is told of a share of all texts"
_SCRIPT = (
    Fault(
        name="one document of a hundred in Greek",
        edits=(Edit(CORPUS, (('{"_id": "d#", "text": "Πού είναι η κάρτα μου;"}', "text-script"),), instead=True),),
        apart=_SHARE,
        size=100,
    ),
    *(
        Fault(
            name=f"a document in {script}",
            edits=(Edit(CORPUS, ((f'{{"_id": "d#", "text": "{text} #"}}', "text-script"),), instead=True),),
            apart=_SHARE,
        )
        for script, text in SCRIPTS.items()
    ),
    Fault(
        name="two queries of a hundred and twenty in Cyrillic",
        edits=(
            Edit(QUERIES, (('{"_id": "q#", "text": "Где # карта?"}', "text-script"),), instead=True),
            Edit(QUERIES, ('{"_id": "q@", "text": "Где @ карта?"}',), instead=True, ahead=1),
        ),
        apart=_SHARE,
    ),
    Fault(
        name="a document in Greek, with an older model for English",
        edits=(Edit(CORPUS, (('{"_id": "d#", "text": "Πού είναι η κάρτα μου;"}', "text-script"),), instead=True),),
        operator=Operator(tuning=Tuning(base_model="text-embedding-004")),
        apart=_SHARE,
    ),
)

_LONG_TEXT = prose(8, 900)
_ALIKE = (
    *_twice(", a long one", f"{_LONG_TEXT} #", f"{_LONG_TEXT} #"),
    *(
        fault
        for size in (250, 300, 400, 500, 700, 5_000)
        for fault in _twice(f", of {size:,} characters", prose(size, size), prose(size, size))
    ),
    *_twice(", of a thousand words that are one", "na " * 1_000 + "#", "na " * 1_000 + "#"),
    *_twice(", a long one but for its case", f"{prose(9, 900)} #", f"{prose(9, 900).upper()} #"),
    *_twice(", a long one but for some escapes", f"é {prose(12, 900)} é #", f"\\u00e9 {prose(12, 900)} \\u00e9 #"),
    *_twice(", a long one but for its title", f"{prose(13, 900)} #", f'{prose(13, 900)} #", "title": "A title'),
    *_twice(", a long one, and all of it is escaped", prose(14, 300), _escaped(prose(14, 300)), _ALONE),
)  # fmt: skip

FAULTS = (*_TEXTS, *_TEXTS_TOO_LONG, *_ALIKE, *_SCRIPT)
