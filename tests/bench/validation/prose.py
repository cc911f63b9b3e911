"""Text that reads like prose to a machine: words by Zipf's law, sentences, some of it not ASCII. The same for a seed."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_COMMON = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "he",
    "his",
    "but",
    "at",
    "are",
    "this",
    "have",
    "had",
    "from",
    "or",
    "one",
    "which",
    "you",
    "were",
    "all",
    "her",
    "she",
    "there",
    "would",
    "their",
    "we",
    "him",
    "been",
    "has",
    "when",
    "who",
    "will",
    "no",
    "more",
    "if",
    "out",
    "so",
    "said",
    "what",
    "up",
    "its",
    "about",
    "into",
    "than",
    "them",
    "can",
    "only",
    "other",
    "new",
    "some",
    "could",
    "time",
    "these",
    "two",
    "may",
    "then",
    "do",
    "first",
    "any",
    "my",
    "now",
    "such",
    "like",
    "our",
    "over",
    "even",
    "most",
]
_BEGINNINGS = [
    "b",
    "br",
    "c",
    "ch",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "qu",
    "r",
    "s",
    "sh",
    "st",
    "str",
    "t",
    "th",
    "tr",
    "v",
    "w",
]
_MIDDLES = ["a", "ai", "e", "ea", "ee", "i", "io", "o", "oa", "oo", "ou", "u"]
_ENDINGS = [
    "",
    "",
    "",
    *["b", "ck", "d", "g", "l", "ll", "m", "n", "nd", "ng", "nt", "p", "r", "rd", "rt", "s", "ss", "st", "t", "x"],
]
_ACCENTS = str.maketrans("aeioucnsz", "áéíöüçñšž")
_ACCENTED = re.compile("[aeioucnsz]")
_WORDS = 30_000
_FLAT = 2.7  # of Zipf-Mandelbrot: how little the very first words stand out
_CHARACTERS = 3_000  # of Chinese, from U+4E00 on
_STEPS = 1 << 20  # into which chance is divided

# What a word may look like. Written as JSON has it: nothing needs to be escaped later.
_FORMS: Sequence[str] = ("{}", "{}", "{},", "{}.", "{}?", '\\"{}\\"', "{}.\\n")
_PLAIN, _CAPITAL, _COMMA, _STOP, _QUESTION, _QUOTED, _PARAGRAPH = range(len(_FORMS))
_CHINESE_FORMS: Sequence[str] = ("{}", "{}", "{}\uff0c", "{}。", "{}\uff1f", "{}", "{}。\\n")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


class Writer:
    """Writes texts in one manner.

    Attributes:
        joint: What stands between two words.
    """

    def __init__(self, chance: np.random.Generator, words: Sequence[str], forms: Sequence[str], joint: str) -> None:
        """Learn the words; the first are used the most."""
        self.joint = joint
        self._chance = chance
        self._count = len(words)
        shapes = [form.format(word) for form in forms for word in words]
        shapes[self._count : 2 * self._count] = [word.capitalize() for word in words]
        self._shapes = np.array(shapes, object)
        weight = 1 / (np.arange(len(words)) + _FLAT)
        self._draw = np.searchsorted(np.cumsum(weight / weight.sum()), (np.arange(_STEPS) + 0.5) / _STEPS)

    def texts(self, lengths: NDArray[np.int64]) -> Iterator[str]:
        """A text of each of these many words, escaped as in JSON."""
        ends = np.cumsum(lengths)
        words = self._draw[self._chance.integers(0, _STEPS, ends[-1])]
        shapes = self._shapes[self._forms(ends) * self._count + words].tolist()
        begin = 0
        for end in ends.tolist():
            yield self.joint.join(shapes[begin:end]).replace("\\n ", "\\n")
            begin = end

    def _forms(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """How each word of these texts looks: sentences begin with a capital and end with a stop."""
        count = int(ends[-1])
        luck = self._chance.random(count)
        forms = np.where(luck < 0.06, _COMMA, np.where(luck > 0.995, _QUOTED, _PLAIN))
        last = np.cumsum(self._chance.integers(6, 25, count // 6)) - 1
        last = last[last < count - 1]
        luck = self._chance.random(len(last))
        forms[last] = np.where(luck < 0.1, _QUESTION, np.where(luck > 0.85, _PARAGRAPH, _STOP))
        forms[last + 1] = _CAPITAL
        forms[ends - 1] = _STOP
        forms[np.concatenate(([0], ends[:-1]))] = _CAPITAL
        return forms


def english(chance: np.random.Generator) -> Writer:
    """Writes something like English, in ASCII."""
    return Writer(chance, _vocabulary(chance), _FORMS, " ")


def accented(chance: np.random.Generator) -> Writer:
    """Writes something like a language of Europe: every third word has a letter with a diacritic."""
    words = _vocabulary(chance)
    words[::3] = [_ACCENTED.sub(lambda found: found[0].translate(_ACCENTS), word, count=1) for word in words[::3]]
    return Writer(chance, words, _FORMS, " ")


def chinese(chance: np.random.Generator) -> Writer:
    """Writes Chinese characters, with their own punctuation and no spaces."""
    characters = [chr(0x4E00 + place) for place in chance.permutation(_CHARACTERS).tolist()]
    return Writer(chance, characters, _CHINESE_FORMS, "")


def escaped(text: str) -> str:
    """The text as most JSON writers put it by default: everything beyond ASCII as an escape."""
    return _BEYOND_ASCII.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _vocabulary(chance: np.random.Generator) -> list[str]:
    """Different words: common ones first, then made up ones, the short ones before the long ones."""
    words = dict.fromkeys(_COMMON)
    parts = [*[_BEGINNINGS, _MIDDLES, _ENDINGS] * 3]
    syllables = np.stack([chance.integers(0, len(part), 4 * _WORDS) for part in parts], axis=1).tolist()
    for count, drawn in enumerate(syllables):
        if len(words) == _WORDS:
            break
        most = 3 * (1 + count * 3 // (2 * _WORDS))  # letters of one syllable, then of two, then of three
        words["".join(part[place] for part, place in zip(parts[:most], drawn, strict=False))] = None
    return list(words)
