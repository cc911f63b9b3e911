"""Ids and texts as 64-bit keys, and which of them came first: half a million of them in a few megabytes.

A key is Python's own hash of a string, which is keyed with a secret of the process: nobody can write a dataset whose
ids collide on purpose, and by chance only one in forty million datasets of a million ids has a collision.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

_SECRET = np.uint64(hash("Index") & 0xFFFFFFFFFFFFFFFF | 1)

Keys = NDArray[np.int64]
Numbers = NDArray[np.int32]


def keys_of(values: Collection[str] | Collection[bytes]) -> Keys:
    """A key for each value; equal values have equal keys, the empty one has 0."""
    return np.fromiter(map(hash, values), np.int64, len(values))


class Index:
    """Gives each key a number, from 1, in the order in which they come: a hash table that takes a block at a time."""

    def __init__(self, most: int) -> None:
        """Make room for so many keys. What is not used costs no memory: the pages stay untouched."""
        bits = max(2 * most, 16).bit_length()
        self._keys: Keys = np.empty(most + 1, np.int64)  # by number
        self._slots: Numbers = np.zeros(1 << bits, np.int32)
        self._shift, self._mask = np.uint64(64 - bits), np.uint64((1 << bits) - 1)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def numbers_of(self, keys: Keys) -> Numbers:
        """The number of each key; 0 where it has none."""
        slots, steps = self._ways(keys)
        found: Numbers = self._slots[slots]
        wrong = np.flatnonzero((found > 0) & (self._keys[found] != keys))
        while len(wrong):  # another key's slot: the next one may be right
            slots[wrong] = (slots[wrong] + steps[wrong]) & self._mask
            found[wrong] = there = self._slots[slots[wrong]]
            wrong = wrong[(there > 0) & (self._keys[there] != keys[wrong])]
        return found

    def add(self, keys: Keys) -> tuple[Numbers, NDArray[np.bool_]]:
        """The number of each key, and whether it came here first. The caller keeps within `most`."""
        numbers = self.numbers_of(keys)
        new = numbers == 0
        fresh = keys[new]
        ordered = np.sort(fresh)
        if (ordered[1:] == ordered[:-1]).any():  # some come more than once: the first of each is new
            _, first = np.unique(fresh, return_index=True)
            first.sort()
            fresh = fresh[first]
            new[np.delete(np.flatnonzero(new), first)] = False
            self._insert(fresh)
            return self.numbers_of(keys), new
        numbers[new] = self._insert(fresh)
        return numbers, new

    def _insert(self, keys: Keys) -> Numbers:
        """Take in keys that are all different and not there yet; gives their numbers."""
        given = numbers = np.arange(self._count + 1, self._count + len(keys) + 1, dtype=np.int32)
        self._keys[numbers] = keys
        self._count += len(keys)
        slots, steps = self._ways(keys)
        while len(numbers):
            free = self._slots[slots] == 0
            self._slots[slots[free]] = numbers[free]
            left = self._slots[slots] != numbers  # taken before, or by another of these
            numbers, steps = numbers[left], steps[left]
            slots = (slots[left] + steps) & self._mask
        return given

    def _ways(self, keys: Keys) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The slot in which to look for each key first, and how far on to look next."""
        mixed = keys.view(np.uint64) * _SECRET
        return mixed >> self._shift, mixed & self._mask | np.uint64(1)
