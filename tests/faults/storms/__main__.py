"""Run storms by hand: `python -m faults.storms NAME [--seed N] [--size N] [--full]`, with tests/ on the path."""

import argparse
import inspect
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faults.storms.listener import Listener
from faults.storms.register import SIZE, SMALL, STORMS
from faults.storms.stack import stormy_stack


def main() -> int:
    """Print the figures of each storm as a line of JSON; 1 when an invariant did not hold."""
    parser = argparse.ArgumentParser(prog="python -m faults.storms", description=__doc__)
    parser.add_argument("name", choices=[*STORMS, "all"])
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance")
    parser.add_argument("--size", type=int, help="how many folders, kills, ... instead of the usual number")
    parser.add_argument("--full", action="store_true", help="at full size, instead of the size of the test run")
    parser.add_argument("--dir", type=Path, help="keep the stacks' folders below this one")
    options = parser.parse_args()
    wrong = 0
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
    return wrong


if __name__ == "__main__":
    sys.exit(main())
