"""Topics and subscriptions: all there, and such that no event is lost between them; and the dead letters."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial

from dropforge.deadletters import SetAside
from dropforge.doctor.diagnosis import Diagnosis, looked, mends, ok, shows, skipped, wrong
from dropforge.doctor.facts import GivenUp, Subscription, Wiring
from dropforge.domain.messages import counted
from dropforge.domain.topology import TAKES, TOPICS, VALIDATE, dead_letters
from dropforge.ports import ObjectStore
from dropforge.settings import Settings

_ROLE = "roles/pubsub.viewer"


def messages(*, settings: Settings, wiring: Wiring) -> Iterator[Diagnosis]:
    """Topics, the functions' subscriptions, and where dead letters are kept."""
    show = shows(settings, f"gcloud pubsub topics list --project={settings.project}")
    yield from looked("topics", partial(_topics, settings, wiring), role=_ROLE, do=show)
    yield from looked("subscriptions", partial(_subscriptions, settings, wiring), role=_ROLE, do=show)


def _topics(settings: Settings, wiring: Wiring) -> Iterator[Diagnosis]:
    there = wiring.topics()
    wanted = [*TOPICS, *map(dead_letters, TAKES)]
    missing = [topic for topic in wanted if topic not in there]
    if missing == wanted:
        yield wrong("topics", "not one is there: nothing is deployed", mends(settings))
        return
    for topic in missing:
        make = f"gcloud pubsub topics create {topic} --project={settings.project}"
        yield wrong(f"topic {topic}", "is not there", mends(settings, make))
    if not missing:
        yield ok("topics", f"all {len(wanted)} are there")


def _subscriptions(settings: Settings, wiring: Wiring) -> Iterator[Diagnosis]:
    there = wiring.subscriptions()
    problems = [
        *(
            problem
            for function, topics in TAKES.items()
            for topic in topics
            for problem in _of(settings, there, function, topic)
        ),
        *(problem for function in TAKES for problem in _keeping(settings, there, function)),
    ]
    yield from problems
    if not problems:
        count = sum(map(len, TAKES.values()))
        yield ok("subscriptions", f"all {count} are there: retried, never expiring, with dead letters kept")
    if settings.has_stand_ins:
        yield skipped(VALIDATE, "the local storage server notifies it by itself")
    elif any(each.push and belongs(each, VALIDATE) for each in there):
        yield ok(VALIDATE, "new objects are delivered to it")
    else:
        yield wrong(VALIDATE, "nothing delivers new objects to it", mends(settings))


def _of(settings: Settings, there: Iterable[Subscription], function: str, topic: str) -> Iterator[Diagnosis]:
    """What is wrong with how a function takes a topic."""
    found = next((each for each in there if each.topic == topic and each.push and belongs(each, function)), None)
    if found:
        yield from _well_kept(settings, found, dead_letters(function))
        return
    says = "nothing delivers this topic to it"
    yield wrong(f"{function} on {topic}", says, mends(settings))


def belongs(subscription: Subscription, function: str) -> bool:
    """Whether a subscription delivers to a function: its name, or where it delivers to, names it.

    Eventarc names its own `eventarc-REGION-TRIGGER-sub-NUMBER`, and calls the function's service by its address.
    """
    named = rf"(?<![a-z]){function.replace('_', '-')}(?![a-z])"
    return any(re.search(named, text.replace("_", "-")) for text in (subscription.name, subscription.push))


def _well_kept(settings: Settings, found: Subscription, dead: str) -> Iterator[Diagnosis]:
    """Whether no message can get lost: one command mends all that is wrong with a subscription."""
    wants: list[tuple[str, str]] = []
    if found.expires:
        wants.append(("is deleted when idle", "--expiration-period=never"))
    if not found.backs_off:
        wants.append(("retries without a pause", "--min-retry-delay=10s --max-retry-delay=600s"))
    if not found.dead_letters:
        wants.append(("keeps no dead letters", f"--dead-letter-topic={dead} --max-delivery-attempts=100"))
    if wants:
        flags = " ".join(flag for _, flag in wants)
        mend = f"gcloud pubsub subscriptions update {found.name} --project={settings.project} {flags}"
        says = ", ".join(what for what, _ in wants)
        yield wrong(f"subscription {found.name}", says, mends(settings, mend))


def _keeping(settings: Settings, there: Iterable[Subscription], function: str) -> Iterator[Diagnosis]:
    """Whether dead letters are kept: a topic without a subscription loses them."""
    name = dead_letters(function)
    found = [each for each in there if each.topic == name]
    where = f"--project={settings.project}"
    if not found:
        make = (
            f"gcloud pubsub subscriptions create {name} --topic={name} {where} "
            "--expiration-period=never --message-retention-duration=31d"
        )
        yield wrong(f"subscription {name}", "is not there: dead letters get lost", mends(settings, make))
    elif all(each.expires for each in found):
        mend = f"gcloud pubsub subscriptions update {found[0].name} {where} --expiration-period=never"
        yield wrong(f"subscription {found[0].name}", "is deleted when idle", mends(settings, mend))


def letters(*, settings: Settings, state: ObjectStore, undelivered: GivenUp) -> Iterator[Diagnosis]:
    """What nobody could handle."""
    show = shows(settings, "dropforge dlq list")
    yield from looked("set aside", partial(_aside, state), role="roles/storage.objectViewer", do=show)
    yield from looked("given up", partial(_given_up, undelivered), role="roles/pubsub.subscriber", do=show)


def _aside(state: ObjectStore) -> Iterator[Diagnosis]:
    yield _counted("set aside", SetAside(state).counts())


def _given_up(undelivered: GivenUp) -> Iterator[Diagnosis]:
    try:
        yield _counted("given up", Counter(letter.function for letter in undelivered.letters()))
    finally:
        undelivered.give_back()


def _counted(what: str, by_function: Counter[str]) -> Diagnosis:
    if not by_function:
        return ok(what, "no dead letters")
    of_each = ", ".join(f"{count} of {function}" for function, count in sorted(by_function.items()))
    return wrong(what, f"{counted(by_function.total(), 'dead letter')}: {of_each}", "dropforge dlq list")
