"""Vertex AI: it answers, one may place jobs and endpoints, and the project may use the accelerators."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from dropforge.doctor.diagnosis import Diagnosis, looked, ok, shows, skipped, unknown, wrong
from dropforge.doctor.facts import Project, Quota
from dropforge.doctor.project import YOU, lacking
from dropforge.ports import ModelHost, Tuner
from dropforge.settings import Settings

if TYPE_CHECKING:
    from dropforge.domain.machines import Hardware

_ROLE = "roles/aiplatform.user"
_NEEDED = (
    *(f"aiplatform.pipelineJobs.{verb}" for verb in ("create", "get", "list", "cancel")),
    *(f"aiplatform.endpoints.{verb}" for verb in ("create", "delete", "deploy", "get", "list", "predict", "undeploy")),
)
# As the service calls the quotas of what tuning trains on, and of what a model is served on.
# https://cloud.google.com/vertex-ai/docs/quotas
_TRAINING, _SERVING = "restricted image training nvidia {} gpus", "custom model serving nvidia {} gpus"


def vertex(*, settings: Settings, tuner: Tuner, host: ModelHost, project: Project | None) -> Iterator[Diagnosis]:
    """Whether jobs and endpoints can be listed, the caller may make them, and the quotas suffice."""
    show = shows(settings, f"gcloud ai endpoints list --region={settings.location} --project={settings.project}")
    yield from looked("jobs", partial(_jobs, settings, tuner), role=_ROLE, do=show)
    yield from looked("endpoints", partial(_endpoints, settings, host), role=_ROLE, do=show)
    if project is None:
        yield skipped("rights")
        yield skipped("quotas")
        return
    yield from looked("rights", partial(_rights, settings, project), role="roles/browser", do=_list(settings))
    yield from looked(
        "quotas", partial(_quotas, settings, project), role="roles/cloudquotas.viewer", do=_list(settings)
    )


def _jobs(settings: Settings, tuner: Tuner) -> Iterator[Diagnosis]:
    tuner.unfinished()
    yield ok("jobs", f"can be listed in {settings.location}")


def _endpoints(settings: Settings, host: ModelHost) -> Iterator[Diagnosis]:
    next(iter(host.endpoints()), None)
    yield ok("endpoints", f"can be listed in {settings.location}")


def _rights(settings: Settings, project: Project) -> Iterator[Diagnosis]:
    refused = sorted(set(_NEEDED) - project.allowed(_NEEDED))
    caller = project.caller()
    if refused:
        bind = f"gcloud projects add-iam-policy-binding {settings.project}"
        yield lacking(caller, "rights", f"lacks {', '.join(refused)}", bind, _ROLE)
    else:
        yield ok("rights", f"{caller or YOU} may create jobs and endpoints")


def _quotas(settings: Settings, project: Project) -> Iterator[Diagnosis]:
    operator = settings.operator
    wanted: dict[str, tuple[str, Hardware]] = {
        "training": (_TRAINING, operator.training),
        "serving": (_SERVING, operator.serving),
    }
    phrases = {
        role: phrase.format(_in_quotas(machines.accelerator_type))
        for role, (phrase, machines) in wanted.items()
        if machines.accelerator_type
    }
    found = project.quota(phrases.values(), settings.location)
    for role, phrase in phrases.items():
        count = wanted[role][1].accelerator_count
        yield _quota(settings, f"quota, {role}", phrase, found.get(phrase), count)


def _quota(settings: Settings, what: str, phrase: str, quota: Quota | None, wanted: int) -> Diagnosis:
    if quota is None:
        return unknown(what, f"no quota called '{phrase}' is listed in {settings.location}", _list(settings))
    if 0 <= quota.most < wanted:
        return wrong(
            what,
            f"{quota.most} in {settings.location}, and {wanted} are wanted ({phrase})",
            f"gcloud beta quotas preferences create --service=aiplatform.googleapis.com --project={settings.project} "
            f"--quota-id={quota.id} --preferred-value={wanted} --dimensions=region={settings.location}",
        )
    return ok(what, f"{'any number' if quota.most < 0 else quota.most} in {settings.location}, {wanted} wanted")


def _in_quotas(accelerator: str) -> str:
    """`NVIDIA_TESLA_A100` as quotas have it: `a100`."""
    return accelerator.lower().removeprefix("nvidia_").removeprefix("tesla_")


def _list(settings: Settings) -> str:
    return (
        f"gcloud beta quotas info list --service=aiplatform.googleapis.com --project={settings.project} "
        "--filter='metric ~ restricted_image_training_nvidia OR metric ~ custom_model_serving_nvidia'"
    )
