"""Which texts are alike: short ones by what is left of them when they are folded, long ones by a sketch.

A sketch is a MinHash (Broder, "On the resemblance and containment of documents", 1997). A text's shingles are the 16
bytes that begin at each byte of a certain kind, so that an inserted word moves no other shingle. For each of ten orders
of all shingles the sketch keeps which of the text's comes first: the chance that two texts agree in one order is their
resemblance, the share of shingles that they have in common. Two orders make the key under which a text is found, eight
decide.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from dropforge.domain.validator.keys import Keys, Numbers, keys_of
from dropforge.domain.validator.lines import Lines, Places
from dropforge.domain.validator.record import as_json

Sketches = NDArray[np.uint64]

LONG = 256  # bytes of a line, from which on a text is sketched
_FEWEST_SHINGLES = 3  # fewer say too little: such a line is taken for a short one
_MOST_DIFFERENT = 1  # of eight orders; nine of ten lines with one word changed in a hundred stay within that

_LOWER = bytes(range(256)).lower()
_PASSED_OVER = bytes(byte for byte in range(128) if not chr(byte).isalnum())

# Punctuation and spaces beyond ASCII; and the same together with full-width and half-width letters.
_PUNCTUATION = (
    "\u00a0\u00a1\u00ab\u00bb\u00bf\u2000-\u205f\u3000-\u3020\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_OF_PUNCTUATION = re.compile(f"[{_PUNCTUATION}]")
_OUT_OF_FORM = re.compile(f"[{_PUNCTUATION}\uff10-\uff9f]")

_QUOTE, _SLASH, _U = b'"/u'
_SHINGLE = 16  # bytes
_MOST_BYTES, _MOST_OF_AN_ESCAPE = 4, 6  # of a character
# The last five bits of v, V, 6 and two of UTF-8's continuation bytes: 0.8 % of English and of Japanese.
_MARK = 22
_FOLD_CASE = np.uint64(0x2020202020202020)
# Odd numbers without a pattern; each of `_ORDERS` orders the shingles in another way: two for the key, eight to decide.
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


def likeness(texts: Sequence[str], lengths: Places, lines: Lines, at: Numbers) -> Likeness:
    """The likeness of texts.

    Args:
        texts: The texts.
        lengths: How many characters each has.
        lines: The lines that they stand on, and others.
        at: The line of each text, from 1.
    """
    bounds = _bounds(lengths, lines, at)
    sketched = (lengths > 0) & (bounds[:, 1] - bounds[:, 0] >= LONG)
    if not sketched.any():
        return Likeness(keys_of(folded(texts)), np.zeros(len(texts), np.uint64))
    bounds[~sketched] = 0
    keys, sketches = _sketched(lines.data, bounds)
    if len(otherwise := _written_otherwise(lines, at)):
        keys[otherwise], sketches[otherwise] = _sketched(*_rewritten([texts[place] for place in otherwise.tolist()]))
    sketched &= keys != 0
    short = list(compress(texts, (~sketched).tolist()))
    keys[~sketched], sketches[~sketched] = keys_of(folded(short)), 0
    return Likeness(keys, sketches)


def _bounds(lengths: Places, lines: Lines, at: Numbers) -> Places:
    """Between which places the shingles of each text begin.

    A text is mostly what its line ends with, a byte for each character and one more for each escape, so that its length
    says where it begins. Where no quotation mark stands there, it is looked for.
    """
    begins, ends = lines.begins[at - 1], lines.ends[at - 1]
    first, last = np.searchsorted(lines.backslashes, (begins, ends))
    most = lengths * _MOST_BYTES + (last - first) * _MOST_OF_AN_ESCAPE
    bounds = np.stack((ends - len('"}') - lengths - (last - first), ends), axis=1)
    elsewhere = np.flatnonzero(lines.there[bounds[:, 0] - 1] != _QUOTE)
    found = np.array([lines.data.find(b'"text"', begin) for begin in begins[elsewhere].tolist()], np.intp)
    bounds[elsewhere, 0] = np.where(found < 0, ends[elsewhere], found)
    bounds[:, 1] = np.minimum(ends, bounds[:, 0] + most) - _SHINGLE + 1
    return bounds


def _written_otherwise(lines: Lines, at: Numbers) -> Places:
    r"""The places of texts on a line with an escape that not every writer of JSON would write: `\u....` or `\/`."""
    optional = lines.backslashes[(lines.escaped == _U) | (lines.escaped == _SLASH)]
    first, last = np.searchsorted(optional, (lines.begins[at - 1], lines.ends[at - 1]))
    return np.flatnonzero(np.less(first, last))


def _rewritten(texts: Sequence[str]) -> tuple[bytes, Places]:
    """The texts with the escapes that every writer of JSON writes, and no others; and the bounds of their shingles."""
    written = [as_json(text) for text in texts]
    sizes = np.fromiter(map(len, written), np.intp, len(written))
    ends = np.cumsum(sizes)
    bounds = np.stack((ends - sizes, ends - _SHINGLE), axis=1)
    bounds[sizes < LONG] = 0
    return b"".join(written), bounds


def agree(one: Sketches, other: Sketches) -> NDArray[np.bool_]:
    """Which texts of the same key are really alike."""
    different = (one ^ other).view(np.uint8).reshape(-1, 8)
    return np.asarray(np.count_nonzero(different, axis=1) <= _MOST_DIFFERENT)


def folded(texts: Sequence[str]) -> list[bytes]:
    """What is left of texts when case, spaces, punctuation, composition and the width of letters do not count."""
    are_plain = list(map(str.isascii, texts))
    # All of these at once, set apart by a character that none of them has.
    plain = "\x80".join(compress(texts, are_plain)).encode("latin-1").translate(_LOWER, _PASSED_OVER).split(b"\x80")
    pieces = iter(plain)
    return [next(pieces) if is_plain else _folded_wide(text) for text, is_plain in zip(texts, are_plain, strict=True)]


def _folded_wide(text: str) -> bytes:
    form: Literal["NFC", "NFKC"] = "NFC"  # takes a tenth of the other's time
    if _OUT_OF_FORM.search(text):
        text = _OF_PUNCTUATION.sub("", text)
        form = "NFKC" if _OUT_OF_FORM.search(text) else "NFC"
    return normalize(form, text).casefold().encode().translate(None, _PASSED_OVER)


def _sketched(data: bytes, bounds: Places) -> tuple[Keys, Sketches]:
    """A key for what stands between each pair of bounds, 0 where there are too few shingles, and its sketch."""
    places = np.flatnonzero(np.frombuffer(data, np.uint8) & 31 == _MARK)
    begins, ends = np.searchsorted(places, bounds).T
    counts = np.maximum(ends - begins, 0)
    first = np.cumsum(counts) - counts
    within = np.repeat(begins - first, counts) + np.arange(counts.sum())
    if not len(within):
        return np.zeros(len(bounds), np.int64), np.zeros(len(bounds), np.uint64)
    # One more than there are, so that a line at the end without any has a place to begin too.
    ordered = np.full((len(_ORDERS), len(within) + 1), -1, np.int32).view(np.uint32)
    np.multiply.outer(_ORDERS, _shingles(data, places[within]), out=ordered[:, :-1])
    least = np.minimum.reduceat(ordered, first, axis=1)
    keys = least[0] * _MIX[0] + least[1] * _MIX[1]
    keys[counts < _FEWEST_SHINGLES] = 0
    sketches = np.ascontiguousarray((least[2:] >> 8).astype(np.uint8).T).view(np.uint64)
    return keys.view(np.int64), sketches[:, 0]


def _shingles(data: bytes, places: Places) -> NDArray[np.uint32]:
    """A number for each shingle, whatever its case."""
    words: NDArray[np.uint64] = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))  # one begins at every byte
    mixed = (words[places] | _FOLD_CASE) * _MIX[0] ^ (words[places + 8] | _FOLD_CASE) * _MIX[1]
    mixed ^= mixed >> np.uint64(29)
    mixed *= _MIX[2]
    return (mixed >> np.uint64(32)).astype(np.uint32)
