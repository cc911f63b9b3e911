"""A folder of vectors is made part by part, and whoever is cut off goes on where it stopped."""

import json
from datetime import timedelta
from itertools import count

import numpy as np
import pytest

from dropforge.adapters.memory import ManualClock, MemoryDisk, MemoryStore
from dropforge.domain.content import Text
from dropforge.domain.errors import Refused, Unavailable, Unreadable
from dropforge.embeddings import Embeddings, brief

PREFIX = "runs/r/embeddings/"
TEXTS = [(f"d{number}", Text("", f"text {number}")) for number in range(23)]


class Bucket(MemoryStore):
    """Counts what is written, and fails before or after a write when it is told to."""

    def __init__(self, clock):
        super().__init__(MemoryDisk(clock), "state")
        self.written = []
        self.fails_before = self.fails_after = None

    def write(self, name, data, *, replacing, metadata=None):
        if len(self.written) == self.fails_before:
            self.fails_before = None
            raise Unavailable("cut off")
        generation = super().write(name, data, replacing=replacing, metadata=metadata)
        self.written.append(name)
        if len(self.written) == self.fails_after:
            self.fails_after = None
            raise Unavailable("cut off")
        return generation


class World:
    def __init__(self):
        self.clock = ManualClock()
        self.state = Bucket(self.clock)
        self.embeddings = Embeddings(self.state, self.clock)
        self.embedded = []
        self.seconds = 0

    def embed(self, texts):
        self.clock.advance(self.seconds)
        self.embedded += [text.text for text in texts]
        return [[float(text.text.removeprefix("text ")), 0.1] for text in texts]

    def fill(self, texts=TEXTS, part=5, within=1_000, embed=None):
        until = self.clock.now() + timedelta(seconds=within)
        return self.embeddings.fill(PREFIX, iter(texts), embed or self.embed, part=part, until=until)

    @property
    def parts(self):
        return [file.name.removeprefix(PREFIX) for file in self.state.list(PREFIX)]


@pytest.fixture
def world():
    return World()


def expected(texts=TEXTS):
    return [(identity, [float(text.text.removeprefix("text ")), 0.1]) for identity, text in texts]


def test_a_folder_is_what_vector_search_imports(world):
    assert world.fill() is True
    assert world.parts == [f"part-{number:05}.json" for number in range(5)]
    lines = world.state.read(f"{PREFIX}part-00004.json")[0].splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": f"d{number}", "embedding": [number, 0.1]} for number in (20, 21, 22)
    ]
    assert world.embeddings.complete(PREFIX)
    assert list(world.embeddings.read(PREFIX)) == expected()


@pytest.mark.parametrize("number", [1, 4, 5, 6, 10])
def test_any_number_of_texts_is_embedded_in_order(world, number):
    assert world.fill(TEXTS[:number]) is True
    assert world.embeddings.complete(PREFIX)
    assert list(world.embeddings.read(PREFIX)) == expected(TEXTS[:number])


def test_no_texts_are_soon_done(world):
    assert world.fill([]) is True
    assert world.embeddings.complete(PREFIX)
    assert (list(world.embeddings.read(PREFIX)), world.embedded) == ([], [])


def test_what_is_complete_is_not_read_again(world):
    world.fill()

    def unread():
        raise AssertionError("the texts were read")
        yield

    assert world.fill(unread()) is True
    assert len(world.state.written) == 5


def test_nothing_is_begun_when_the_time_is_up(world):
    assert world.fill(within=0) is False
    assert (world.parts, world.embedded) == ([], [])
    assert not world.embeddings.complete(PREFIX)


def test_cut_off_by_the_time_after_every_part_it_goes_on_with_the_next(world):
    world.seconds = 10
    answers = [world.fill(within=5) for _ in range(5)]
    assert answers == [False, False, False, False, True]
    assert world.embedded == [text.text for _, text in TEXTS]
    assert list(world.embeddings.read(PREFIX)) == expected()


@pytest.mark.parametrize("part", range(5))
def test_a_crash_before_a_part_is_written_loses_that_part_only(world, part):
    world.state.fails_before = part
    with pytest.raises(Unavailable):
        world.fill()
    assert not world.embeddings.complete(PREFIX)
    assert world.fill() is True
    every = [text.text for _, text in TEXTS]
    assert world.embedded == every[: 5 * part + 5] + every[5 * part :]
    assert list(world.embeddings.read(PREFIX)) == expected()


@pytest.mark.parametrize("part", range(1, 6))
def test_a_crash_after_a_part_is_written_loses_nothing(world, part):
    world.state.fails_after = part
    with pytest.raises(Unavailable):
        world.fill()
    assert world.embeddings.complete(PREFIX) is (part == 5)
    assert world.fill() is True
    assert world.embedded == [text.text for _, text in TEXTS]
    assert list(world.embeddings.read(PREFIX)) == expected()


@pytest.mark.parametrize("part", range(5))
def test_of_two_at_once_one_leaves_the_rest_to_the_other(world, part):
    numbers = count()

    def overtaken(texts):
        if next(numbers) == part:
            assert world.fill() is True
        return world.embed(texts)

    assert world.fill(embed=overtaken) is False
    assert world.fill() is True
    assert list(world.embeddings.read(PREFIX)) == expected()


def test_parts_of_another_size_are_gone_on_from(world):
    world.seconds = 10
    assert world.fill(part=7, within=15) is False
    assert world.fill(part=4) is True
    assert world.embedded == [text.text for _, text in TEXTS]
    assert list(world.embeddings.read(PREFIX)) == expected()


def test_no_more_than_a_part_and_one_text_is_held(world):
    read, ahead = [], []

    def texts():
        for pair in TEXTS:
            read.append(pair)
            yield pair

    def embed(some):
        ahead.append(len(read) - len(world.embedded))
        return world.embed(some)

    world.fill(texts(), embed=embed)
    assert max(ahead) == 6


def test_hostile_ids_come_back_as_they_are(world):
    ids = ['"', "a\nb", "\x1b[2J", "\u2028", "\u202e", "\\", "日本", "x" * 5_000]
    texts = [(identity, Text("", f"text {place}")) for place, identity in enumerate(ids)]
    world.fill(texts)
    assert [identity for identity, _ in world.embeddings.read(PREFIX)] == ids
    content = b"".join(world.state.read(f"{PREFIX}{name}")[0] for name in world.parts).decode()
    assert len(content.splitlines()) == len(ids)
    assert all(line.isprintable() for line in content.splitlines())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_what_is_no_number_is_refused_by_its_id(world, value):
    with pytest.raises(Refused, match="the vector of d0 holds"):
        world.fill(embed=lambda texts: [[value, 1.0] for _ in texts])
    assert world.parts == []


def test_a_part_that_was_taken_away_is_told(world):
    world.fill()
    world.state.delete(f"{PREFIX}part-00002.json")
    with pytest.raises(Unreadable, match=r"part-00003\.json comes after 2 parts"):
        world.fill()


def test_a_folder_that_could_not_be_imported_is_not_made(world, monkeypatch):
    monkeypatch.setattr("dropforge.embeddings.MOST_PARTS", 4)
    with pytest.raises(Refused, match="make them larger than 5 texts"):
        world.fill()


def test_numbers_are_written_with_the_digits_that_32_bits_have():
    vector = np.random.default_rng(7).standard_normal(20_000).astype(np.float32)
    exactly = [*vector, np.float32(0), np.float32(-0.5), np.float32(1e-7)]
    told = brief([float(value) for value in exactly], "x")
    assert [np.float32(value) for value in told] == exactly
    assert told == [float(str(value)) for value in exactly]
