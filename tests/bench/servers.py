"""The local Pub/Sub and Cloud Storage beside other servers that stand in for the same services.

Run it: `.venv/bin/python tests/bench/servers.py [--write docs/performance.md]`; it takes two minutes. Google's Pub/Sub emulator is
taken where it is installed with Java; other Cloud Storages once `make bench` was run, which installs them.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from serving import pushing, storing
from support.written import write
from validation.machine import described, load
from validation.tables import table

_PUBLISHERS = 1, 8


def rows_of_pubsub(count: int, repeats: int) -> list[tuple[str, ...]]:
    """Each server's rows, and beside each how many times as fast ours is."""
    found = {}
    for name, server in pushing.servers().items():
        with server() as host:
            for publishers in _PUBLISHERS:
                found[publishers, name] = each = pushing.pushed(host, publishers, count, repeats)
                print(name, publishers, each, file=sys.stderr, flush=True)
    return [
        (
            name,
            str(publishers),
            f"{each.a_second:,.0f}",
            f"{each.median:.1f}",
            f"{each.slow:.1f}",
            f"{found[publishers, 'ours'].a_second / each.a_second:.2f}",
        )
        for (publishers, name), each in sorted(found.items(), key=lambda item: item[0][0])
    ]


def rows_of_storage(count: int, repeats: int) -> list[tuple[str, ...]]:
    rows = []
    for name, place in storing.places().items():
        with place() as made:
            each = storing.stored(made, count, repeats)
        figures = (each.written, each.written_by_eight, each.read, each.read_by_eight, each.up, each.down)
        rows.append((name, *(f"{figure:,.0f}" for figure in figures)))
        print(*rows[-1], file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--objects", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose tables are written anew")
    asked = parser.parse_args()
    busy = load()
    pubsub = ("Pub/Sub", "publishers", "messages a second", "median ms", "p99 ms", "ours ÷ this one")
    stores = (
        "Cloud Storage",
        "written a second",
        "by 8 threads",
        "read a second",
        "by 8 threads",
        "MB a second up",
        "down",
    )
    lines = [
        f"- Machine: {described()}. Load average before the run: {busy} (one minute).",
        f"- Medians of {asked.repeats}: {asked.messages:,} messages of 1 KB; {asked.objects:,} objects of 1 KB, and one of 64 MiB.",
        "",
        *table(pubsub, rows_of_pubsub(asked.messages, asked.repeats)).splitlines(),
        "",
        *table(stores, rows_of_storage(asked.objects, asked.repeats)).splitlines(),
    ]
    if asked.write:
        write(asked.write, "servers", lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
