"""Runs jobs, each in a tuner process of its own, a few at a time, and writes down what the tuners tell."""

import asyncio
import contextlib
import math
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

from dropforge_local.faults.instructions import Form, Instruction
from dropforge_local.faults.state import Faults
from dropforge_local.vertex import lifecycle
from dropforge_local.vertex.deadlines import Deadlines
from dropforge_local.vertex.errors import Status
from dropforge_local.vertex.happenings import TASK
from dropforge_local.vertex.models import Models, model_id
from dropforge_local.vertex.state import Resource, State, timestamp
from dropforge_local.vertex.step_cache import StepCache
from dropforge_local.vertex.templates import resolve
from dropforge_local.vertex.tuning.protocol import (
    EVENT_DECODER,
    TRAINER,
    UPLOADER,
    Event,
    Failed,
    Started,
    Succeeded,
    TuningSpec,
    line,
)

LAST_WORDS = 2000  # characters of a dead tuner's standard error that its job's error quotes
LINE_LIMIT = 1 << 24  # an event carries metadata, never texts
TUNER_ENVIRONMENT = {
    # More threads mostly wait for each other on matrices of this size.
    "OPENBLAS_NUM_THREADS": "1",
    # The base model is bundled; nothing asks a hub, and this makes sure.
    "HF_HUB_OFFLINE": "1",
}


class Tuners:
    """Keeps at most `limit` tuners running; what a stopped server left unfinished is begun again by the next one.

    A job whose paths and other parameters are those of an earlier one is answered from the cache, without a tuner. A job
    that is paused has none either, and begins again when it goes on: what its tasks have done is kept, and comes out
    the same.
    """

    def __init__(
        self,
        state: State,
        models: Models,
        deadlines: Deadlines,
        faults: Faults,
        *,
        limit: int,
        ended: Callable[[Resource], None],
    ) -> None:
        """Nothing runs yet. `ended` is called with each job that has ended, once that is written down."""
        self._state = state
        self._models = models
        self._deadlines = deadlines
        self._faults = faults
        self._cache = StepCache(state, models)
        self._limit = limit
        self._ended = ended
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look again for jobs to run or to stop."""
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled, or until something unforeseen is raised; then end the tuners, whose jobs stay unfinished."""
        try:
            while True:
                self._collect_ended()
                self._stop_cancelled()
                self._resume_paused()
                self._start_waiting()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._deadlines.next_in()):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _collect_ended(self) -> None:
        for name, tuning in list(self._running.items()):
            if tuning.done():
                del self._running[name]
                if not tuning.cancelled():
                    tuning.result()

    def _stop_cancelled(self) -> None:
        for name in self._state.named_in_states(frozenset({lifecycle.CANCELLING})):
            tuning = self._running.get(name)
            if tuning is None:
                self._once_due(name, lifecycle.cancel)
            elif not tuning.cancelling():
                tuning.cancel()

    def _resume_paused(self) -> None:
        for name in self._state.named_in_states(frozenset({lifecycle.PAUSED})):
            self._once_due(name, lifecycle.resume)

    def _once_due(self, name: str, change: Callable[[Resource, str], None]) -> None:
        if self._deadlines.passed(name):
            self._deadlines.call_off(name)
            self._change(name, change)

    def _start_waiting(self) -> None:
        for name in self._state.named_in_states(lifecycle.TO_RUN):
            if len(self._running) >= self._limit:
                return
            if name not in self._running:
                self._running[name] = asyncio.create_task(self._tune(name))
                self._running[name].add_done_callback(lambda _: self.wake())

    async def _tune(self, name: str) -> None:
        job = self._change(name, lifecycle.prepare)
        if job["state"] == lifecycle.PENDING and (earlier := self._cache.earlier(job)):
            self._change(name, lambda job, now: lifecycle.skip(job, earlier, now))
            return
        spec = self._spec(job)
        try:
            await self._run_tuner(spec)
        except (OSError, ValueError) as error:  # no process to be had, or one that speaks nonsense
            self._fail(spec, str(error))

    async def _run_tuner(self, spec: TuningSpec) -> None:
        tuner = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # as every server is started: what lies in the current folder is no library
            "-m",
            "dropforge_local.vertex.tuning",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_LIMIT,
            env=os.environ | TUNER_ENVIRONMENT,
        )
        try:
            await self._follow(tuner, spec)
        finally:
            with contextlib.suppress(ProcessLookupError):
                tuner.kill()
            await tuner.wait()

    async def _follow(self, tuner: Process, spec: TuningSpec) -> None:
        """Tell the tuner what to do and write down what it tells, for as long as the job is to run."""
        assert tuner.stdin and tuner.stdout and tuner.stderr  # noqa: S101, PT018 - all three were asked for with PIPE
        last_words = asyncio.create_task(tuner.stderr.read())
        tuner.stdin.write(line(spec))
        async for told in tuner.stdout:
            if self._note(spec, EVENT_DECODER.decode(told))["state"] not in lifecycle.TO_RUN:
                return
        code = await tuner.wait()
        words = (await last_words).decode(errors="replace").strip()
        self._fail(spec, f"The tuner exited with status {code} before its end. {words[-LAST_WORDS:]}")

    def _note(self, spec: TuningSpec, event: Event) -> Resource:
        """Write one event down, with what comes of it: the job's end, and the model with it, in one transaction."""

        def happen(job: Resource, now: str) -> None:
            if job["state"] not in lifecycle.TO_RUN:
                return
            begins = isinstance(event, Started) and not lifecycle.has_begun(job, event.task)
            lifecycle.happen(job, event, now)
            if begins:
                self._befall(job, event.task, now)
            if isinstance(event, Succeeded) and event.task == UPLOADER:
                trained = lifecycle.task_of(job, TRAINER)["outputs"]["training_output"]["artifacts"][0]
                model = self._models.add(job, spec.parameters, trained)
                lifecycle.succeed(job, model, now)
                self._cache.remember(job)

        return self._change(spec.job, happen)

    def _befall(self, job: Resource, task: str, now: str) -> None:
        """A task has just begun: let happen what is in store for it."""
        match self._faults.take_delivery(TASK + task, job["name"].rpartition("/")[2]):
            case Instruction(form=Form.FAIL, code=code, message=message):
                lifecycle.happen(job, Failed(task, code, message), now)
            case Instruction(form=Form.PAUSE):
                lifecycle.pause(job, now)
                self._deadlines.put_off(job["name"], math.inf)
            case Instruction(form=Form.PAUSE_FOR, seconds=seconds):
                lifecycle.pause(job, now)
                self._deadlines.put_off(job["name"], seconds)

    def _fail(self, spec: TuningSpec, message: str) -> None:
        """End the job, if its tuner did not end it, blaming the task that was running."""
        job = self._state.get(spec.job)
        if job is not None and job["state"] in lifecycle.TO_RUN:
            self._note(spec, Failed(lifecycle.current_task(job), Status.INTERNAL.name, message))

    def _change(self, name: str, change: Callable[[Resource, str], None]) -> Resource:
        with self._state.transaction():
            job = self._state.get(name)
            assert job is not None  # noqa: S101 - only a job that has ended can be deleted
            was = job["state"]
            change(job, timestamp(time.time()))
            self._state.replace(name, job)
        if was in lifecycle.UNFINISHED and job["state"] not in lifecycle.UNFINISHED:
            self._ended(job)
        return job

    def _spec(self, job: Resource) -> TuningSpec:
        runtime = job["runtimeConfig"]
        _, project, *_, job_id = job["name"].split("/")
        return TuningSpec(
            job=job["name"],
            parameters=resolve(job["templateUri"], runtime["parameterValues"]),
            output_uri=f"{runtime['gcsOutputDirectory'].rstrip('/')}/{project}/{job_id}",
            model_folder=str(self._models.folder(model_id(job))),
        )
