"""Which texts are alike: short ones by what is left of them when they are folded, long ones by a sketch of their line.

A sketch is a MinHash (Broder, "On the resemblance and containment of documents", 1997). A line's shingles are the 16
bytes from each place that two of its bytes mark, so that a word put in moves no other shingle. Of each of ten orders
of all shingles the sketch keeps which of the line's comes first: two lines agree in one order with just the chance of
their resemblance, the share of shingles that they have in common. Two orders make the key under which a line is found,
eight decide.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from dropforge.domain.validator.keys import Keys, Numbers, keys_of

Sketches = NDArray[np.uint64]

LONG = 256  # bytes of a line, from which on a text is sketched
_FEWEST_SHINGLES = 3  # fewer say too little: such a line is taken for a short one
_MOST_DIFFERENT = 1  # of eight orders; nine of ten lines with one word changed in a hundred stay within that

_LOWER = bytes(range(256)).lower()
_PASSED_OVER = bytes(byte for byte in range(128) if not chr(byte).isalnum())

_OTHER_WIDTH = re.compile("[\uff10-\uff5a\uff66-\uff9f]")  # full-width Latin, half-width Katakana

_QUOTE = ord('"')
_SHINGLE = 16  # bytes
_MARK = (
    22  # the last five bits of v, V, 6 and two of the bytes that go on a character: 0.8 % of English and of Japanese
)
_FOLD_CASE = np.uint64(0x2020202020202020)
# Odd numbers without a pattern; each of the latter orders the shingles in another way: two for the key, eight to decide.
_MIX = tuple(np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xBF58476D1CE4E5B9))
_ORDERS = np.array(
    (
        (0x9E3779B1, 0x85EBCA77),
        (0xC2B2AE3D, 0x27D4EB2F),
        (0x165667B1, 0xD3A2646D),
        (0xFD7046C5, 0xB55A4F09),
        (0x9C8E6D2F, 0xE2F4A1B7),
    ),
    np.uint32,
).ravel()


@dataclass(frozen=True, slots=True)
class Likeness:
    """What says which texts are alike.

    Attributes:
        keys: By text; alike ones have the same. 0 for no text.
        sketches: Eight bytes for the eight orders; 0 where equal keys say it all.
    """

    keys: Keys
    sketches: Sketches


def likeness(texts: Sequence[str], data: bytes, ends: NDArray[np.intp], at: Numbers) -> Likeness:
    """The likeness of texts.

    Args:
        texts: The texts.
        data: The lines that they stand on, and others.
        ends: Where in it each line ends.
        at: The line of each text, from 1.
    """
    bounds = _bounds(texts, data, ends, at)
    sketched = bounds[:, 1] - bounds[:, 0] >= LONG
    if not sketched.any():
        return Likeness(keys_of(folded(texts)), np.zeros(len(texts), np.uint64))
    bounds[~sketched] = 0
    keys, sketches = _sketched(data, bounds)
    sketched &= keys != 0
    short = [text for text, is_sketched in zip(texts, sketched.tolist(), strict=True) if not is_sketched]
    keys[~sketched], sketches[~sketched] = keys_of(folded(short)), 0
    return Likeness(keys, sketches)


def _bounds(texts: Sequence[str], data: bytes, ends: NDArray[np.intp], at: Numbers) -> NDArray[np.intp]:
    """Between which places of the data the shingles of each text begin.

    A text is mostly what its line ends with, each letter a byte, so that its length says where it begins. Where no
    quotation mark stands there, it is looked for.
    """
    bounds = np.empty((len(texts), 2), np.intp)
    bounds[:, 0] = ends[at - 1] - len('"}') - np.fromiter(map(len, texts), np.intp, len(texts))
    bounds[:, 1] = ends[at - 1] - _SHINGLE + 1
    elsewhere = np.flatnonzero(np.frombuffer(data, np.uint8)[bounds[:, 0] - 1] != _QUOTE)
    begins = np.append(0, ends[:-1] + 1)[at[elsewhere] - 1]
    bounds[elsewhere, 0] = [data.find(b'"text"', begin) % len(data) for begin in begins.tolist()]
    return bounds


def agree(one: Sketches, other: Sketches) -> NDArray[np.bool_]:
    """Which texts of the same key are alike indeed."""
    different = (one ^ other).view(np.uint8).reshape(-1, 8)
    return np.asarray(np.count_nonzero(different, axis=1) <= _MOST_DIFFERENT)


def folded(texts: Iterable[str]) -> list[bytes]:
    """What is left of texts when case, spaces, ASCII punctuation, composition and the width of letters do not count."""
    return [
        text.encode().translate(_LOWER, _PASSED_OVER)
        if text.isascii()
        else normalize("NFKC" if _OTHER_WIDTH.search(text) else "NFC", text)
        .casefold()
        .encode()
        .translate(None, _PASSED_OVER)
        for text in texts
    ]


def _sketched(data: bytes, bounds: NDArray[np.intp]) -> tuple[Keys, Sketches]:
    """A key for what stands between each pair of bounds, 0 where there are too few shingles, and its sketch."""
    marks = np.frombuffer(data, np.uint8) & 31
    places = np.flatnonzero(marks == _MARK)
    begins, ends = np.searchsorted(places, bounds).T
    counts = np.maximum(ends - begins, 0)
    first = np.cumsum(counts) - counts
    within = np.repeat(begins - first, counts) + np.arange(counts.sum())
    # One more than there are, so that a line at the end without any has a place to begin too.
    ordered = np.full((len(_ORDERS), len(within) + 1), -1, np.int32).view(np.uint32)
    np.multiply.outer(_ORDERS, _shingles(data, places[within]), out=ordered[:, :-1])
    least = np.minimum.reduceat(ordered, first, axis=1)
    keys = least[0] * _MIX[0] + least[1] * _MIX[1]
    keys[counts < _FEWEST_SHINGLES] = 0
    sketches = np.ascontiguousarray((least[2:] >> 8).astype(np.uint8).T).view(np.uint64)
    return keys.view(np.int64), sketches[:, 0]


def _shingles(data: bytes, places: NDArray[np.intp]) -> NDArray[np.uint32]:
    """A number for each shingle, whatever its case."""
    words: NDArray[np.uint64] = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))  # one begins at every byte
    mixed = (words[places] | _FOLD_CASE) * _MIX[0] ^ (words[places + 8] | _FOLD_CASE) * _MIX[1]
    mixed ^= mixed >> np.uint64(29)
    mixed *= _MIX[2]
    return (mixed >> np.uint64(32)).astype(np.uint32)
