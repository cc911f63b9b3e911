"""The buckets: there, apart, closed, and such that a record can be compared and swapped."""

import secrets
from collections.abc import Iterator
from functools import partial

from dropforge.doctor.diagnosis import Diagnosis, looked, mends, ok, shows, skipped, wrong
from dropforge.doctor.facts import Bucket, Project, Wiring
from dropforge.domain import datasets
from dropforge.domain.errors import Conflict, Missing
from dropforge.ports import NEW, ObjectStore
from dropforge.settings import Settings

_PROBE = "doctor/"
_RUNS = "runs/"  # what may expire: the runs' own data
_SEES, _READS, _WRITES = "roles/storage.legacyBucketReader", "roles/storage.objectViewer", "roles/storage.objectUser"


def buckets(
    *, settings: Settings, wiring: Wiring, drop: ObjectStore, state: ObjectStore, project: Project | None
) -> Iterator[Diagnosis]:
    """Whether both are there, set up for records, readable and writable, and whether new objects are announced."""
    names = settings.drop_bucket, settings.state_bucket
    if names[0] == names[1]:
        yield wrong(
            f"gs://{names[0]}",
            "is both the drop bucket and the state bucket: every record of ours would set the validator in motion",
            f"gcloud storage buckets create gs://{names[0]}-state {_flags(settings)}; "
            f"export DROPFORGE_STATE_BUCKET={names[0]}-state",
        )
    for name in dict.fromkeys(names):
        yield from looked(
            f"gs://{name}", partial(_bucket, settings, wiring, name), role=_SEES, do=_show(settings, name)
        )
    yield from looked("reading drops", partial(_read, drop), role=_READS, do=_show(settings, names[0]))
    yield from looked("writing records", partial(_write, state), role=_WRITES, do=_show(settings, names[1]))
    if project is None:
        yield skipped("new objects", "the local storage server notifies the validator by itself")
    elif names[0] != names[1]:
        yield from looked(
            "new objects",
            partial(_listeners, settings, project),
            role=_SEES,
            do=f"gcloud storage buckets notifications list gs://{names[0]}",
        )


def _bucket(settings: Settings, wiring: Wiring, name: str) -> Iterator[Diagnosis]:
    what = f"gs://{name}"
    try:
        found = wiring.bucket(name)
    except Missing:
        make = f"gcloud storage buckets create {what} {_flags(settings)}"
        yield wrong(what, "is not there", mends(settings, make))
        return
    problems = list(_problems(found, settings))
    yield from problems
    if not problems:
        yield ok(what, _facts(found, settings), _note(found, settings))


def _problems(found: Bucket, settings: Settings) -> Iterator[Diagnosis]:
    """What is wrong with how a bucket is set up."""
    what = f"gs://{found.name}"
    update = f"gcloud storage buckets update {what}"
    if not found.uniform:
        yield wrong(what, "decides access object by object", f"{update} --uniform-bucket-level-access")
    if not found.private and not settings.has_stand_ins:  # a server that only this machine reaches
        yield wrong(what, "may be opened to everybody", f"{update} --public-access-prevention")
    if found.name != settings.state_bucket:
        return
    if found.held:
        yield wrong(
            what,
            f"has {found.held}: no record could be written a second time",
            f"{update} --clear-retention-period --no-default-event-based-hold",
        )
    if lost := [prefix or "every object" for prefix in found.expires if not prefix.startswith(_RUNS)]:
        says = f"has a lifecycle that deletes {', '.join(lost)}: records would be lost"
        yield wrong(what, says, f"{update} --clear-lifecycle")
    if not found.versioned and not settings.has_stand_ins:
        yield wrong(what, "keeps no versions: a record that was spoilt could not be restored", f"{update} --versioning")


def _facts(found: Bucket, settings: Settings) -> str:
    versions = "versions kept" if found.versioned else "no versions"
    apart = "" if not _note(found, settings) else f", and jobs run in {settings.location}: data crosses regions"
    kept = f"soft delete {found.kept_days:g} d" if found.kept_days else "no soft delete"
    return f"in {found.location}, uniform access, {versions}, {kept}{apart}"


def _note(found: Bucket, settings: Settings) -> str:
    if found.regional and found.location != settings.location:
        return f"export DROPFORGE_LOCATION={found.location}"
    return ""


def _read(drop: ObjectStore) -> Iterator[Diagnosis]:
    what = "reading drops"
    try:
        found = next(drop.list(datasets.ROOT), None)
    except Missing:
        yield skipped(what, "the bucket is not there")
        return
    yield ok(what, "there are some" if found else "none yet: drop a folder under datasets/NAME/")


def _write(state: ObjectStore) -> Iterator[Diagnosis]:
    """Create an object once, be refused the second time, and remove it: all that the ledger relies on."""
    what, name = "writing records", f"{_PROBE}{secrets.token_hex(8)}"
    try:
        state.write(name, b"", replacing=NEW)
    except Missing:
        yield skipped(what, "the bucket is not there")
        return
    try:
        state.write(name, b"", replacing=NEW)
    except Conflict:
        yield ok(what, "created once, refused the second time, removed")
    else:
        yield wrong(
            what,
            "an object could be created twice: this store ignores ifGenerationMatch, on which every record depends",
            "unset STORAGE_EMULATOR_HOST",
        )
    finally:
        state.delete(name)


def _listeners(settings: Settings, project: Project) -> Iterator[Diagnosis]:
    what, drop, state = "new objects", f"gs://{settings.drop_bucket}", f"gs://{settings.state_bucket}"
    told = project.listeners(settings.drop_bucket)
    if loop := sorted(set(told) & set(project.listeners(settings.state_bucket))):
        yield wrong(
            what,
            f"{state} notifies {', '.join(loop)}, as {drop} does: every record of ours would set the validator in motion",
            f"gcloud storage buckets notifications delete {state}",
        )
    elif told:
        yield ok(what, f"{drop} notifies {', '.join(name.rpartition('/')[2] for name in told)}")
    else:
        yield wrong(what, f"{drop} notifies nobody of a drop", mends(settings))


def _flags(settings: Settings) -> str:
    return (
        f"--project={settings.project} --location={settings.location} "
        "--uniform-bucket-level-access --public-access-prevention"
    )


def _show(settings: Settings, name: str) -> str:
    return shows(settings, f"gcloud storage buckets describe gs://{name}")
