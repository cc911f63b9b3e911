"""What a dataset says as a whole: which ids and texts there are, what labels name, how they are spread."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dropforge.domain.catalogue import Limits, suggestion
from dropforge.domain.datasets import CORPUS, QUERIES
from dropforge.domain.errors import Missing
from dropforge.domain.findings import Findings, quoted
from dropforge.domain.rules import RULES
from dropforge.domain.tuning import Tuning
from dropforge.domain.validator.keys import Index, Keys, Numbers, keys_of
from dropforge.domain.validator.labels import cells_of
from dropforge.domain.validator.likeness import Sketches, agree
from dropforge.domain.validator.parts import Labels, Part, Records
from dropforge.domain.validator.record import FIELDS, identity_in
from dropforge.domain.validator.records import MOST_UNUSED

_TOLD_FOREIGN = 0.01  # share of the texts
_APART = np.int64(0x9E3779B97F4A7C15 - (1 << 64))  # odd, so that (q, d) and (d, q) have different keys

_SHORTEST_ROW = 2  # bytes

Flags = NDArray[np.bool_]
Kind = TypeVar("Kind", bound=Part)


class RecordShelf:
    """The records of one file: a number for each id, and by number its line and text."""

    def __init__(self, most: int) -> None:
        self.ids = Index(most)
        self.texts = Index(most)
        self.lines: Numbers = np.zeros(most + 1, np.int32)  # by number of id, like the next three; number 0 is nobody
        self.text_of: Keys = np.zeros(most + 1, np.int64)
        self.sketch_of: Sketches = np.zeros(most + 1, np.uint64)
        self.same_text: Numbers = np.zeros(most + 1, np.int32)  # the number of its text
        self.first_with: Numbers = np.zeros(most + 1, np.int32)  # by number of text: the number of the first id

    def __len__(self) -> int:
        return len(self.ids)


class Pile:
    """The labels of one file: by number of the query and the document, how many say that one answers the other."""

    def __init__(self, queries: RecordShelf | None, documents: RecordShelf | None) -> None:
        """Begin a pile. Where a file of records was not read, number 1 stands for all that it may hold."""
        self.queries = queries
        self.documents = documents
        self.by_query: Numbers = np.zeros(len(queries or "1") + 1, np.int32)
        self.by_document: Numbers = np.zeros(len(documents or "1") + 1, np.int32)
        self.asked_at: Numbers = np.zeros(len(self.by_query), np.int32)  # the query's first label, whatever its score

    @property
    def answered(self) -> Flags:
        """The queries that have a document."""
        return self.by_query > 0

    def first(self, queries: Flags) -> int:
        """The first line that is about one of these queries."""
        return int(self.asked_at[queries].min())


@dataclass
class Dataset:
    """Takes in a dataset's files, part by part: records before labels."""

    tuning: Tuning
    findings: Findings
    limits: Limits
    sizes: Mapping[str, int] = field(default_factory=dict)  # of its files, in bytes, as far as they are known
    shelves: dict[str, RecordShelf] = field(default_factory=dict)  # only of files that were read to their end
    piles: dict[str, Pile] = field(default_factory=dict)  # the same, and that are not empty
    labels: int = 0

    def take_records(self, file: str, parts: Iterable[Records]) -> None:
        """Take in corpus.jsonl or queries.jsonl."""
        low, high = (
            (self.limits.fewest_documents, self.limits.most_documents)
            if file == CORPUS
            else (self.limits.fewest_queries, self.limits.most_queries)
        )
        room = self._room(file, high)
        shelf = RecordShelf(room)
        rows = foreign = first_foreign = 0
        unused = set[str]()
        for before, part in self._parts(file, parts):
            rows += part.rows
            if rows > high:  # the rest is not read: memory and time stay bounded whatever is dropped
                break
            _keep_within(room, rows, file)
            self._tell_unused(file, before, part, unused)
            self._shelve(file, before, part, shelf)
            foreign += part.foreign
            if part.foreign and not first_foreign:
                first_foreign = before + part.first_foreign
        else:
            self.shelves[file] = shelf
            del shelf.texts  # half of the shelf's memory, and only useful while reading
        self.findings.rows[file] = rows
        if not low <= rows <= high:
            many = f"{rows:,} records" if rows <= high else f"more than {high:,} records"
            hint = "Add records." if rows < low else "Remove records."
            self.findings.add("size-rows", file, 0, f"{many}, but Vertex takes {low:,} to {high:,}", hint=hint)
        if foreign and foreign >= rows * _TOLD_FOREIGN:
            what = f"{foreign:,} of {rows:,} texts, the first here, are not in Latin script, and the base model"
            self.findings.add("text-script", file, first_foreign, f"{what} {self.tuning.base_model} is for English")

    def take_labels(self, file: str, parts: Iterable[Labels]) -> None:
        """Take in a label file."""
        pile = Pile(self.shelves.get(QUERIES), self.shelves.get(CORPUS))
        room = self._room(file, self.limits.most_labels)
        pairs = Index(room)
        lines, scores = (np.zeros(room + 1, np.int32) for _ in range(2))  # by number of pair
        rows = lines_read = 0
        for before, part in self._parts(file, parts):
            rows += part.rows
            lines_read += part.lines
            if self.labels + rows > self.limits.most_labels:
                break
            _keep_within(room, rows, file)
            numbers, new = pairs.add(part.queries * _APART + part.documents)
            lines[numbers[new]], scores[numbers[new]] = before + part.at[new], part.scores[new]
            self._tell_pairs(file, before, part, ~new, lines[numbers], scores[numbers])
            self._count(file, before, part, new, pile)
        else:
            if lines_read:
                self.piles[file] = pile
        self.findings.rows[file] = rows
        self.labels += rows

    def _room(self, file: str, most: int) -> int:
        """For how many rows there must be room: many small datasets at once must not take as much as so many large ones."""
        return min(most, self.sizes[file] // _SHORTEST_ROW + 1) if file in self.sizes else most

    def _parts(self, file: str, parts: Iterable[Kind]) -> Iterator[tuple[int, Kind]]:
        """Each part with the number of lines before it; what it says of single lines is taken over here."""
        before, crlf = 0, False
        for part in parts:
            if part.crlf and not crlf:
                crlf = True
                self.findings.add("bytes-line-ends", file, before + part.crlf)
            self.findings.merge(part.findings, lines_before=before)
            yield before, part
            before += part.lines
        if not before:
            self.findings.add("bytes-empty", file)

    # Records

    def _tell_unused(self, file: str, before: int, part: Records, told: set[str]) -> None:
        for name, line in part.unused.items():
            if name not in told and len(told) < MOST_UNUSED:
                told.add(name)
                what = f"the field {quoted(name)} is not used{suggestion(name.strip('_ ').lower(), FIELDS)}"
                self.findings.add("record-unknown-field", file, before + line, what, source=part.line(line))

    def _shelve(self, file: str, before: int, part: Records, shelf: RecordShelf) -> None:
        """Put the records on the shelf, and tell which ids and texts stand there already."""
        begin = len(shelf) + 1
        numbers, new = shelf.ids.add(part.ids)
        mine = slice(begin, len(shelf) + 1)
        shelf.lines[mine] = before + part.at[new]

        def id_twice(place: int) -> str:
            what = f"_id {quoted(identity_in(part.line(int(part.at[place]))))}"
            return f"{what} is already on line {shelf.lines[numbers[place]]}"

        self._tell_each("id-duplicate", file, before, part, ~new, id_twice)
        keys, sketches = part.texts.keys[new], part.texts.sketches[new]
        shelf.text_of[mine], shelf.sketch_of[mine] = keys, sketches
        texts, first = shelf.texts.add(keys)
        shelf.first_with[texts[first]] = np.flatnonzero(first) + begin
        texts[keys == 0] = 0
        again = np.flatnonzero(~first & (texts > 0))
        alike = agree(sketches[again], shelf.sketch_of[shelf.first_with[texts[again]]])
        texts[again[~alike]] = 0
        shelf.same_text[mine] = texts
        twice = np.zeros(len(new), np.bool_)
        twice[np.flatnonzero(new)[again[alike]]] = True

        def same_text(place: int) -> str:
            nearly = "nearly " if part.texts.sketches[place] else ""
            return f"{nearly}the same text as on line {shelf.lines[shelf.first_with[shelf.same_text[numbers[place]]]]}"

        self._tell_each("text-duplicate", file, before, part, twice, same_text)

    def _tell_each(
        self,
        code: str,
        file: str,
        before: int,
        part: Part,
        which: Flags,
        what: Callable[[int], str],
        column: Callable[[str], int] = lambda _: 0,
    ) -> None:
        """Tell a fault of each record or label so marked while there is room for findings; count the rest."""
        places = np.flatnonzero(which).tolist()
        room = self.findings.room(code)
        for place in places[:room]:
            number = int(part.at[place])
            line = part.line(number)
            self.findings.add(code, file, before + number, what(place), column=column(line), source=line)
        self.findings.add_unseen(code, len(places[room:]))

    # Labels

    def _tell_pairs(self, file: str, before: int, part: Labels, again: Flags, lines: Numbers, scores: Numbers) -> None:
        """Tell the labels whose pair stands on an earlier line, with the same score or another."""
        if not again.any():
            return
        conflict = scores != part.scores
        self._tell_each(
            "labels-duplicate",
            file,
            before,
            part,
            again & ~conflict,
            lambda place: f"the same label is on line {lines[place]}",
        )
        self._tell_each(
            "labels-conflict",
            file,
            before,
            part,
            again & conflict,
            lambda place: f"score {part.scores[place]}, but line {lines[place]} gives the same pair {scores[place]}",
        )

    def _count(self, file: str, before: int, part: Labels, new: Flags, pile: Pile) -> None:
        """Look up what the labels name, tell what is not there, and count the rest."""
        queries = self._look_up(file, before, part, part.queries, pile.queries, "query")
        documents = self._look_up(file, before, part, part.documents, pile.documents, "document")
        known = (queries > 0) & (documents > 0)
        asked, at = queries[known][::-1], part.at[known][::-1]
        pile.asked_at[asked] = np.where(pile.asked_at[asked] > 0, pile.asked_at[asked], before + at)
        relevant = known & new & (part.scores > 0)
        pile.by_query += np.bincount(queries[relevant], minlength=len(pile.by_query)).astype(np.int32)
        pile.by_document += np.bincount(documents[relevant], minlength=len(pile.by_document)).astype(np.int32)
        if pile.queries and pile.documents:
            text = pile.queries.text_of[queries]
            itself = relevant & (text != 0) & (text == pile.documents.text_of[documents])
            itself &= agree(pile.queries.sketch_of[queries], pile.documents.sketch_of[documents])
            self._tell_each("query-is-document", file, before, part, itself, lambda _: RULES["query-is-document"].title)

    def _look_up(
        self, file: str, before: int, part: Labels, keys: Keys, shelf: RecordShelf | None, what: str
    ) -> Numbers:
        """The number of each key; those that have none are told. Where the file itself was not read, all are taken."""
        if shelf is None:
            return np.ones(len(keys), np.int32)
        numbers = shelf.ids.numbers_of(keys)
        unknown = numbers == 0
        if unknown.any():
            where = QUERIES if what == "query" else CORPUS

            def message(place: int) -> str:
                identity = cells_of(part.line(int(part.at[place])))[what == "document"]
                return f"{quoted(identity)} is no _id in {where}{self._near(identity, shelf)}"

            def column(line: str) -> int:
                return 1 if what == "query" else line.find("\t") + 2

            self._tell_each(f"labels-unknown-{what}", file, before, part, unknown, message, column)
        return numbers

    @staticmethod
    def _near(identity: str, shelf: RecordShelf) -> str:
        """What the label may have meant, as far as a slip of case, spaces or quotes goes."""
        near = dict.fromkeys((identity.strip(), identity.lower(), identity.upper(), identity.strip().strip("'\"")))
        found = shelf.ids.numbers_of(keys_of(list(near)))
        meant = next((word for word, number in zip(near, found.tolist(), strict=True) if number and word), None)
        return f"; did you mean {quoted(meant)}?" if meant else ""


def _keep_within(room: int, rows: int, file: str) -> None:
    if rows > room:
        raise Missing(f"{file} has grown while it was read: check it again")
