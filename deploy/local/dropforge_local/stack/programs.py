"""What runs: one `Program` for each local server and each function of the topology."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dropforge.domain.topology import JOBS_LOG
from dropforge_local.serving import HOST
from dropforge_local.stack.environment import PROJECT, bucket_name, environment, url
from dropforge_local.stack.errors import StackError
from dropforge_local.stack.folder import StackFolder
from dropforge_local.stack.topology import Function, Topology

# Handlers mostly wait for other servers, so one process can hold many of them.
_FUNCTION_THREADS = 64


@dataclass(frozen=True)
class Program:
    """A Python module to keep running, as `python -m MODULE ARGUMENT...`.

    It is ready when `GET /` on `health_port` (by default `port`) is answered and `port` takes connections.
    `needs` names the programs that must have been ready before it starts. `once_ready` is called the first time that
    it is ready, and what needs it waits for that too.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    health_port: int | None = None
    needs: tuple[str, ...] = ()
    once_ready: Callable[[], None] | None = None


def programs(
    topology: Topology, *, ports: Mapping[str, int], source: Path, folder: StackFolder, wire: Callable[[], None]
) -> list[Program]:
    """The whole stack: servers keep their state in the stack's folder, functions come from `source/functions/`.

    Raises:
        StackError: a function of the topology has no `main.py`.
    """
    variables = environment(ports) | _without_proxy()
    servers = [
        _storage(topology, ports, folder, variables),
        Program(
            "pubsub",
            "dropforge_local.pubsub.server",
            (*_home("pubsub", ports, folder), "--rest-port", str(ports["pubsub-rest"])),
            ports["pubsub"],
            variables,
            health_port=ports["pubsub-rest"],
            once_ready=wire,
        ),
        _vertex(topology, ports, folder, variables),
        Program("slack", "dropforge_local.slack.server", _home("slack", ports, folder), ports["slack"], variables),
        _scheduler(topology, ports, folder, variables),
    ]
    return servers + [
        _function(name, function, ports[name], source, folder, variables)
        for name, function in topology.functions.items()
    ]


def _home(name: str, ports: Mapping[str, int], folder: StackFolder) -> tuple[str, ...]:
    return ("--port", str(ports[name]), "--dir", str(folder.state_of(name)))


def _storage(
    topology: Topology, ports: Mapping[str, int], folder: StackFolder, variables: Mapping[str, str]
) -> Program:
    buckets = [f"--bucket={bucket_name(role)}" for role in topology.buckets]
    notifications = [
        f"--notify={bucket_name(function.trigger.bucket)}={url(ports[name])}/"
        for name, function in topology.functions.items()
        if function.trigger.bucket is not None
    ]
    delivery = topology.delivery.local
    backoff = (
        f"--minimum-backoff={delivery.minimum_backoff_seconds}",
        f"--maximum-backoff={delivery.maximum_backoff_seconds}",
    )
    return Program(
        "storage",
        "dropforge_local.storage.server",
        (*_home("storage", ports, folder), *buckets, *notifications, *backoff),
        ports["storage"],
        variables,
    )


def _vertex(topology: Topology, ports: Mapping[str, int], folder: StackFolder, variables: Mapping[str, str]) -> Program:
    events = ("--job-events", f"projects/{PROJECT}/topics/{JOBS_LOG}") if JOBS_LOG in topology.topics else ()
    return Program(
        "vertex",
        "dropforge_local.vertex.server",
        (*_home("vertex", ports, folder), *events),
        ports["vertex"],
        variables,
        # A job that a stopped stack left may end at once: its topic must be there by then.
        needs=("pubsub",) if events else (),
    )


def _scheduler(
    topology: Topology, ports: Mapping[str, int], folder: StackFolder, variables: Mapping[str, str]
) -> Program:
    schedules = [
        f"--schedule={name}={schedule.topic}={schedule.local_seconds}" for name, schedule in topology.schedules.items()
    ]
    return Program(
        "scheduler",
        "dropforge_local.scheduler.server",
        (*_home("scheduler", ports, folder), "--project", PROJECT, *schedules),
        ports["scheduler"],
        variables,
        needs=("pubsub",),
    )


def _function(
    name: str, function: Function, port: int, source: Path, folder: StackFolder, variables: Mapping[str, str]
) -> Program:
    main = source / "functions" / name / "main.py"
    if not main.is_file():
        raise StackError(
            f"The function {name} has no {main}: complete the checkout, or name another one with --source."
        )
    # gunicorn puts a control socket there, otherwise into the home folder, where seven of them would fight over one name.
    runtime = folder.state_of(f"functions/{name}")
    return Program(
        name,
        "functions_framework",
        (
            *("--source", str(main), "--target", name),
            *("--signature-type", "http" if function.trigger.http else "cloudevent"),
            *("--host", HOST, "--port", str(port)),
        ),
        port,
        {
            **variables,
            "K_SERVICE": name,
            "THREADS": str(_FUNCTION_THREADS),
            "CLOUD_RUN_TIMEOUT_SECONDS": str(function.timeout_seconds),
            "XDG_RUNTIME_DIR": str(runtime),
        },
    )


def _without_proxy() -> dict[str, str]:
    """A company's proxy must not be asked for what is on this machine; Python and gRPC read either spelling."""
    inherited = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    exempt = ",".join(filter(None, [HOST, "localhost", inherited]))
    return {"NO_PROXY": exempt, "no_proxy": exempt}
