"""Bring the whole stack up and keep it up."""

import importlib.util
import logging
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dropforge_local.stack import ports, topology
from dropforge_local.stack.down import end_leftovers
from dropforge_local.stack.environment import environment, url
from dropforge_local.stack.errors import StackError
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.programs import programs
from dropforge_local.stack.record import Record
from dropforge_local.stack.supervisor import Supervisor
from dropforge_local.stack.wiring import wire

# The checkout that this package lies in: deploy/local/dropforge_local/stack/up.py.
CHECKOUT = Path(__file__).resolve().parents[4]

_NEEDED = ("functions_framework", "ir_measures", "numpy", "starlette", "uvicorn", "wordllama")
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def up(folder: StackFolder, *, source: Path, port_base: int, on_ready: Callable[[Record], None]) -> None:
    """Run the stack until a stop signal; `on_ready` is called once, when every part answers, and should return soon.

    What a killed stack left running in the folder is ended first.

    Raises:
        StackError: something is missing, in use, unwritable, or does not start.
    """
    _require_dependencies()
    plan = topology.load(source / "deploy" / "topology.json")
    folder.prepare()
    with folder.held():
        end_leftovers(folder)
        numbers = ports.allocate(plan.functions, port_base)
        wiring = partial(
            wire,
            plan,
            rest_port=numbers["pubsub-rest"],
            urls={name: f"{url(numbers[name])}/" for name in plan.functions},
        )
        supervisor = Supervisor(
            programs(plan, ports=numbers, source=source, folder=folder, wire=wiring),
            folder=folder,
            console=url(numbers["console"]),
            variables=environment(numbers),
        )
        for number in _STOP_SIGNALS:
            # A signal that is ignored already (nohup sees to that) is meant to stay ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: supervisor.stop())
        supervisor.run(on_ready)


def log_to_stdout() -> None:
    """Show what the supervisor has to say: which process ended, and when it is started again."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stdout)


def _require_dependencies() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise StackError(f"Not installed: {', '.join(missing)}. Install them with `pip install 'dropforge[local]'`.")
