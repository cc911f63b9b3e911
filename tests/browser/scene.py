"""What the pages show: datasets of every kind, brought to where they are by the real workers."""

from dataclasses import replace

from support.data import dataset, labels, lines
from support.world import ENVIRONMENT, World

from dropforge.domain.caps import Caps
from dropforge.domain.errors import Exhausted
from dropforge.domain.facts import Fault
from dropforge.domain.jobs import JobState
from dropforge.domain.runs import Run
from dropforge.settings import load

HOSTILE = '</pre><script>document.title = "caught"</script><img src=x onerror=alert(1)>'
JAPANESE = {"corpus.jsonl": "東京は日本の首都です。第{}番の文書", "queries.jsonl": "日本の首都はどこですか。{}"}


def japanese() -> dict[str, bytes]:
    """A dataset in Japanese."""
    files = dataset()
    for name, text in JAPANESE.items():
        count, prefix = len(files[name].splitlines()), name[0].replace("c", "d")
        files[name] = lines([{"_id": f"{prefix}{number}", "text": text.format(number)} for number in range(count)])
    return files | {"tuning.yaml": b"base_model: text-multilingual-embedding-002\n"}


def broken() -> dict[str, bytes]:
    """A dataset with a fault in hostile text, and labels that lead nowhere."""
    files = dataset()
    spoilt = files["corpus.jsonl"] + b'{"_id": "d1", "text": "' + HOSTILE.replace('"', "'").encode() + b'"}\n'
    return files | {"corpus.jsonl": spoilt, "test_label.tsv": labels([("q41", "nowhere", 1), ("nobody", "d1", 2)])}


class Scene:
    """A Dropforge whose pages are looked at.

    Attributes:
        world: It.
        url: Where its console is served.
        former, deployed, rejected, withheld, failed, running, waiting: The runs' ids.
    """

    url = ""

    def __init__(self) -> None:
        settings = load(ENVIRONMENT)
        allowed = replace(
            settings.operator,
            console_actions=True,
            console_predictions=True,
            caps=Caps(day_accelerator_hours=100),
        )
        self.world = World(replace(settings, operator=allowed))
        self.former = self._deployed("topics", dataset())
        files = dataset()
        self.deployed = self._deployed("topics", files | {"corpus.jsonl": files["corpus.jsonl"] + _MORE})
        self._deployed("faq-ja", japanese())
        self.withheld = self._withheld("poisoned")
        self.rejected = self.dropped("broken", broken())
        self.failed = self._failed("unlucky")
        self.running = self.started("on-its-way")
        self.waiting = self._waiting("patient")

    def dropped(self, name: str, files: dict[str, bytes]) -> str:
        """Drop a dataset, and let the workers react; gives the run's id."""
        before = {run.id for run in self.world.ledger.summaries()}
        self.world.land(self.world.put(name, files))
        self.world.clock.advance(60)
        self.world.sweep()
        self.world.react()
        [run] = {run.id for run in self.world.ledger.summaries()} - before
        return run

    def started(self, name: str) -> str:
        """Drop a dataset, and have its job run; gives the run's id."""
        run = self.dropped(name, dataset())
        self._looks(run, state=JobState.RUNNING)
        self.world.watch()
        return run

    def finish(self, run: str, *, tuned: float = 0.8) -> None:
        """Let a run's job succeed, and the run come to its end."""
        job = self.world.tuner.named(run)
        self.world.tuner.end(job, JobState.SUCCEEDED, metrics={"base_ndcg_at_10": 0.5, "tuned_ndcg_at_10": tuned})
        for _ in range(4):
            self.world.watch()

    def standing(self, run: str) -> Run:
        """A run as it stands."""
        return self.world.ledger.wanted(run)

    def _deployed(self, name: str, files: dict[str, bytes]) -> str:
        run = self.dropped(name, files)
        self.finish(run)
        return run

    def _withheld(self, name: str) -> str:
        run = self.dropped(name, dataset())
        self.finish(run, tuned=0.2)
        return run

    def _failed(self, name: str) -> str:
        run = self.dropped(name, dataset())
        fault = Fault(code="INTERNAL", message=HOSTILE, step="text-embedding-trainer", blame="system_error")
        self._looks(run, state=JobState.FAILED, fault=fault)
        self.world.watch()
        return run

    def _waiting(self, name: str) -> str:
        """It waits until the next tick of the watcher."""
        tuner = self.world.tuner
        submit = tuner.submit

        def crowded(_: object) -> str:
            raise Exhausted("Vertex AI: the quota of concurrent jobs is used up")

        tuner.submit = crowded
        run = self.dropped(name, dataset())
        tuner.submit = submit
        return run

    def _looks(self, run: str, **changes: object) -> None:
        job = self.world.tuner.named(run)
        self.world.tuner.looks[job] = replace(self.world.tuner.looks[job], **changes)


_MORE = lines([{"_id": "more", "text": HOSTILE}])
