"""A downstream team that heard of everything: a subscription to each public topic, made before anything happens."""

import base64
import json
import threading
from collections import Counter
from types import TracebackType
from typing import Self

from faults.storms.stack import PUBLIC, StormyStack
from support.stack import PROJECT

_BATCH = 200


class Listener:
    """Pulls until it is closed. `heard` counts how often each event came, by its id."""

    def __init__(self, stack: StormyStack) -> None:
        self.heard = Counter[str]()
        self._stack = stack
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._listen, args=[topic], daemon=True) for topic in PUBLIC]

    def __enter__(self) -> Self:
        for topic in PUBLIC:
            wanted = {"topic": f"{PROJECT}/topics/{topic}", "ackDeadlineSeconds": 60}
            self._stack.ask("pubsub", "PUT", f"/v1/{_subscription(topic)}", json=wanted).raise_for_status()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def _listen(self, topic: str) -> None:
        path = f"/v1/{_subscription(topic)}"
        while not self._closed.is_set():
            wanted = {"maxMessages": _BATCH, "returnImmediately": True}
            answer = self._stack.ask("pubsub", "POST", f"{path}:pull", json=wanted).json()
            received = answer.get("receivedMessages", [])
            if not received:
                self._closed.wait(0.5)
                continue
            for one in received:
                assert json.loads(base64.b64decode(one["message"]["data"]))
                self.heard[one["message"]["attributes"]["ce-id"]] += 1
            acks = [one["ackId"] for one in received]
            self._stack.ask("pubsub", "POST", f"{path}:acknowledge", json={"ackIds": acks})


def _subscription(topic: str) -> str:
    return f"{PROJECT}/subscriptions/storm-{topic}"
