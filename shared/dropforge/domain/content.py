"""What the lines of a dataset's files hold, once the validator has found them to be good: labels, and texts."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import msgspec

_LONGEST = 24_576  # characters of a text that are kept: more than any model reads


@dataclass(frozen=True, slots=True)
class Text:
    """A query or a document."""

    title: str
    text: str


def labels_of(lines: Iterable[bytes]) -> Iterator[tuple[str, str, int]]:
    """Query, document and score of each label of a label file's lines; a score left out is 1."""
    for line in islice(lines, 1, None):
        query, document, *score = line.decode().rstrip("\r\n").split("\t")
        yield query, document, int(score[0]) if score else 1


def text_of(line: bytes) -> tuple[str, Text]:
    """Id and text of a line of a corpus or query file."""
    record = msgspec.json.decode(line)
    return record["_id"], Text(record.get("title", "")[:_LONGEST], record["text"][:_LONGEST])


def texts_of(records: Iterable[bytes], wanted: Collection[str], *, at_least: int = 0) -> dict[str, Text]:
    """The texts of the wanted ids, in their order, from the lines of a corpus or query file.

    Args:
        records: The file's lines.
        wanted: The ids.
        at_least: How many texts to give: others of the file fill up what is missing, after the wanted ones.
    """
    found, others = dict[str, Text](), dict[str, Text]()
    for line in records:
        identity, text = text_of(line)
        if identity in wanted or len(others) < at_least:
            (found if identity in wanted else others)[identity] = text
        if len(found) == len(wanted) and len(found) + len(others) >= at_least:
            break
    ordered = {identity: found[identity] for identity in wanted}
    return dict(islice((ordered | others).items(), max(at_least, len(ordered))))
