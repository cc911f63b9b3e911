"""Pages of the documentation that end with what the program knows; what stands before that is written by hand."""

from collections.abc import Iterable

from dropforge.domain.errors import Missing


def anew(written: str, mark: str, lines: Iterable[str]) -> str:
    """The page, with everything after the mark made anew.

    Raises:
        Missing: The page has no such mark.
    """
    before, found, _ = written.partition(mark)
    if not found:
        raise Missing(f"the page has no line `{mark.strip()}`: nothing says where what is made begins")
    return "\n".join([f"{before}{found}", *lines])
