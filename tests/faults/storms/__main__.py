"""Run storms by hand: `python -m faults.storms NAME [--seed N] [--size N] [--full]`, with tests/ on the path."""

import argparse
import inspect
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faults.storms.listener import Listener
from faults.storms.register import SIZE, SMALL, STORMS
from faults.storms.stack import stormy_stack
from support.written import write


def main() -> int:
    """Print the figures of each storm as a line of JSON; 1 when an invariant did not hold."""
    parser = argparse.ArgumentParser(prog="python -m faults.storms", description=__doc__)
    parser.add_argument("name", choices=[*STORMS, "all"])
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance")
    parser.add_argument("--size", type=int, help="how many folders, kills, ... instead of the usual number")
    parser.add_argument("--full", action="store_true", help="at full size, instead of the size of the test run")
    parser.add_argument("--dir", type=Path, help="keep the stacks' folders below this one")
    parser.add_argument("--write", type=Path, help="the document whose table is written anew")
    options = parser.parse_args()
    wrong = 0
    rows = ["| storm | what happens | figures | s |", "|---|---|---|---:|"]
    for name in STORMS if options.name == "all" else [options.name]:
        sizes: dict[str, Any] = {} if options.full else dict(SMALL[name])
        if options.size:
            sizes[SIZE[name]] = options.size
        if "seed" in inspect.signature(STORMS[name]).parameters:
            sizes["seed"] = options.seed
        with tempfile.TemporaryDirectory(prefix=f"storm-{name}-", ignore_cleanup_errors=True) as temporary:
            home = options.dir / name if options.dir else Path(temporary)
            home.mkdir(parents=True, exist_ok=True)
            began = time.monotonic()
            with stormy_stack(home) as stack, Listener(stack) as listener:
                told: dict[str, Any] = {"storm": name}
                try:
                    told |= asdict(STORMS[name](stack, listener, name, **sizes))
                except AssertionError as error:
                    wrong = 1
                    told["broken"] = str(error)
                told["retried"] = stack.log_lines("event.retried")
                told["seconds"] = round(time.monotonic() - began, 1)
        print(json.dumps(told), flush=True)  # noqa: T201 - a command prints
        rows.append(_row(name, told))
    if options.write:
        write(options.write, "storms", rows)
    return wrong


def _row(name: str, told: Mapping[str, Any]) -> str:
    """A storm as a line of the table."""
    what = (inspect.getdoc(STORMS[name]) or "").partition("\n")[0]
    figures = {key: value for key, value in told.items() if key not in {"storm", "seconds"}}
    return f"| {name} | {what} | {_in_words(figures)} | {told['seconds']:,.0f} |"


def _in_words(figures: Mapping[Any, Any]) -> str:
    """Figures on one line: `jobs 50, answers (200 5,000)`."""
    return ", ".join(f"{str(key).replace('_', ' ')} {_figure(value)}" for key, value in figures.items())


def _figure(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({_in_words(value)})"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
