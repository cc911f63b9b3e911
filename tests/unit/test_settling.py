"""When a folder counts as complete: whatever the order of its files, and whatever changes while it is looked at."""

from itertools import permutations

import pytest
from support.data import dataset
from support.world import World

from dropforge import wire
from dropforge.domain import events
from dropforge.domain.runs import State
from dropforge.outcome import What

FILES = dataset()
CORPUS = {"corpus.jsonl": dataset(documents=21)["corpus.jsonl"]}


@pytest.fixture
def world() -> World:
    return World()


def manifest_of(files) -> bytes:
    """A manifest of these files, checksums as the bucket would tell them."""
    scratch = World()
    scratch.put("topics", files)
    listed = [
        {"name": file.name.rpartition("/")[2], "size": file.size, "crc32c": file.crc32c}
        for file in scratch.drop.list("datasets/topics/")
    ]
    return wire.encode({"files": listed})


def runs(world):
    return [world.ledger.load(summary.id) for summary in world.ledger.summaries()]


@pytest.mark.parametrize("order", list(permutations(FILES)), ids=lambda order: ",".join(name[:2] for name in order))
def test_files_in_any_order_make_one_run(world, order):
    for name in order:
        world.land(world.put("topics", {name: FILES[name]}))
    assert [run.state for run in runs(world)] == [State.VALIDATED]


@pytest.mark.parametrize("place", range(4))
def test_a_manifest_completes_the_folder_with_its_last_file_wherever_it_comes(world, place):
    files = list(FILES.items())
    files.insert(place, ("MANIFEST.json", manifest_of(FILES)))
    outcomes = [world.land(world.put("topics", {name: data}))[0] for name, data in files[:-1]]
    assert {outcome.what for outcome in outcomes} == {What.DEFERRED}
    before = world.clock.now()
    [last] = world.land(world.put("topics", dict(files[-1:])))
    assert last.why == "dataset validated"
    assert (world.clock.now() - before).total_seconds() < 1, "with a manifest nobody waits"
    assert len(runs(world)) == 1


def test_a_folder_that_does_not_grow_quiet_waits_for_its_last_file(world):
    sleep, late = world.clock.sleep, [dataset(documents=n)["corpus.jsonl"] for n in (21, 22, 23)]
    events_of_late = []

    def something_lands(seconds):
        sleep(seconds / 2)
        if late:
            events_of_late.extend(world.put("topics", {"corpus.jsonl": late.pop()}))
        sleep(seconds / 2)

    world.clock.sleep = something_lands
    landed = world.put("topics", FILES)
    assert [outcome.what for outcome in world.land(landed)] == [What.DEFERRED] * 4
    while events_of_late:
        [outcome] = world.land([events_of_late.pop(0)])
    assert outcome.why == "dataset validated"
    assert len(runs(world)) == 1


def test_a_file_deleted_while_it_is_checked_leaves_nothing_behind(world):
    landed = world.put("topics", FILES)
    stream = world.drop.open

    def deleted_then_opened(file):
        world.drop.delete(file.name)
        return stream(file)

    world.drop.open = deleted_then_opened
    assert world.land(landed)[-1].what is What.DEFERRED
    world.drop.open = stream
    for _ in range(2):
        world.clock.advance(601)
        world.sweep()
    assert runs(world) == []
    assert list(world.ledger.active()) == [], "the marker of what could not be checked is taken away"

    [again] = world.land(world.put("topics", FILES))[-1:]
    assert again.why == "dataset validated"


def test_a_folder_deleted_while_it_settles_starts_nothing(world):
    landed = world.put("topics", FILES)
    sleep = world.clock.sleep

    def everything_goes(seconds):
        sleep(seconds)
        for file in list(world.drop.list("datasets/topics/")):
            world.drop.delete(file.name)

    world.clock.sleep = everything_goes
    assert world.land(landed)[-1].what is What.DEFERRED
    assert (runs(world), list(world.ledger.active())) == ([], [])


def test_a_file_replaced_during_tuning_is_a_new_version_and_the_old_run_goes_on_with_its_input(world):
    world.land(world.put("topics", FILES))
    world.react()
    [first] = runs(world)
    path = f"runs/{first.id}/input/corpus.jsonl"
    pinned = world.state.read(path)[0]

    world.land(world.put("topics", CORPUS))
    world.react()
    [second] = [run for run in runs(world) if run.id != first.id]
    assert len(world.tuner.jobs) == 2
    assert world.state.read(path)[0] == pinned == FILES["corpus.jsonl"]
    assert world.state.read(f"runs/{second.id}/input/corpus.jsonl")[0] == CORPUS["corpus.jsonl"]

    world.finish_jobs()
    for _ in range(5):
        world.watch()
    assert {run.state for run in runs(world)} == {State.DEPLOYED}
    assert world.aliases.of("topics").run == second.id


def test_the_same_bytes_dropped_again_during_tuning_are_skipped(world):
    for _ in range(2):
        world.land(world.put("topics", FILES))
        world.react()
    assert len(world.tuner.jobs) == 1
    assert len(world.published(events.DatasetSkipped)) == 1


def test_a_drop_that_takes_a_file_away_is_the_newer_one(world):
    def home():
        world.react()
        world.finish_jobs()
        for _ in range(5):
            world.watch()

    extra = {"validation_label.tsv": b"query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\nq3\td3\t1\n"}
    world.land(world.put("topics", FILES | extra))
    home()
    [first] = runs(world)
    world.drop.delete("datasets/topics/validation_label.tsv")
    world.clock.advance(601)
    world.sweep()
    home()
    [second] = [run for run in runs(world) if run.id != first.id]
    assert (second.state, second.serving.current) == (State.DEPLOYED, True)
    assert world.aliases.of("topics").run == second.id
