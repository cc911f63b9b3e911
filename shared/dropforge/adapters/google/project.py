"""What Google says of a project, over REST: services, rights, policies, quotas, keys.

Half a dozen requests are not worth a client library each: Google's own session makes them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import google.auth
import requests
from google.api_core import exceptions as api
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession, Request

from dropforge import wire
from dropforge.adapters.google.faults import translated
from dropforge.doctor.facts import Policy, Quota

_PATIENCE = 3.0  # seconds for one call
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_PAGE = 1_000  # quotas; the service may give fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the services are. With an `http://` address in the place of one, no token is sent."""

    services: str = "https://serviceusage.googleapis.com"
    resources: str = "https://cloudresourcemanager.googleapis.com"
    accounts: str = "https://iam.googleapis.com"
    storage: str = "https://storage.googleapis.com"
    pubsub: str = "https://pubsub.googleapis.com"
    quotas: str = "https://cloudquotas.googleapis.com"
    keys: str = "https://cloudkms.googleapis.com"


class GoogleProject:
    """One project. Keeps `Project`."""

    def __init__(self, project: str, addresses: Addresses | None = None) -> None:
        self._project = project
        self._at = addresses or Addresses()

    def caller(self) -> str:
        """See `Project.caller`; empty for a person, whom credentials do not name."""
        with translated("asking who I am"):
            if not self._credentials.valid:
                self._credentials.refresh(Request())
        return str(getattr(self._credentials, "service_account_email", ""))

    def number(self) -> str:
        """See `Project.number` (https://cloud.google.com/resource-manager/reference/rest/v1/projects/get)."""
        found = self._get(f"{self._at.resources}/v1/projects/{self._project}", f"looking at project {self._project}")
        return str(found["projectNumber"])

    def enabled(self, services: Collection[str]) -> frozenset[str]:
        """See `Project.enabled` (https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet)."""
        parent = f"projects/{self._project}"
        found = self._get(
            f"{self._at.services}/v1/{parent}/services:batchGet",
            "asking which APIs are enabled",
            names=[f"{parent}/services/{service}" for service in services],
        )
        return frozenset(
            each["name"].rpartition("/")[2] for each in found.get("services", []) if each.get("state") == "ENABLED"
        )

    def allowed(self, permissions: Collection[str]) -> frozenset[str]:
        """See `Project.allowed` (https://cloud.google.com/resource-manager/reference/rest/v1/projects/testIamPermissions)."""
        return self._tested(f"{self._at.resources}/v1/projects/{self._project}", permissions)

    def policy(self) -> Policy:
        """See `Project.policy` (https://cloud.google.com/resource-manager/reference/rest/v1/projects/getIamPolicy)."""
        address = f"{self._at.resources}/v1/projects/{self._project}:getIamPolicy"
        body = {"options": {"requestedPolicyVersion": 3}}
        return _policy(self._ask("POST", address, f"reading the policy of {self._project}", json=body))

    def bucket_policy(self, bucket: str) -> Policy:
        """See `Project.bucket_policy` (https://cloud.google.com/storage/docs/json_api/v1/buckets/getIamPolicy)."""
        what = f"reading the policy of gs://{bucket}"
        return _policy(self._get(f"{self._bucket(bucket)}/iam", what, optionsRequestedPolicyVersion=3))

    def topic_policy(self, topic: str) -> Policy:
        """See `Project.topic_policy` (https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/getIamPolicy)."""
        address = f"{self._at.pubsub}/v1/projects/{self._project}/topics/{topic}:getIamPolicy"
        return _policy(self._get(address, f"reading the policy of topic {topic}"))

    def listeners(self, bucket: str) -> tuple[str, ...]:
        """See `Project.listeners` (https://cloud.google.com/storage/docs/json_api/v1/notifications/list)."""
        found = self._get(f"{self._bucket(bucket)}/notificationConfigs", f"asking whom gs://{bucket} tells")
        told = (
            each for each in found.get("items", []) if "OBJECT_FINALIZE" in each.get("event_types", ["OBJECT_FINALIZE"])
        )
        return tuple(each["topic"].removeprefix("//pubsub.googleapis.com/") for each in told)

    def may_act_as(self, account: str) -> bool:
        """See `Project.may_act_as` (https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/testIamPermissions)."""
        permission = "iam.serviceAccounts.actAs"
        address = f"{self._at.accounts}/v1/projects/-/serviceAccounts/{quote(account)}"
        return permission in self._tested(address, [permission])

    def quota(self, phrases: Iterable[str], location: str) -> dict[str, Quota]:
        """See `Project.quota` (https://cloud.google.com/docs/quotas/reference/rest/v1/projects.locations.services.quotaInfos/list)."""
        wanted, found, page = set(phrases), dict[str, Quota](), ""
        address = f"{self._at.quotas}/v1/projects/{self._project}/locations/global/services/aiplatform.googleapis.com"
        while wanted:
            answer = self._get(f"{address}/quotaInfos", "asking for quotas", pageSize=_PAGE, pageToken=page)
            for info in answer.get("quotaInfos", []):
                names = {
                    info.get("metric", "").rpartition("/")[2].replace("_", " "),
                    info.get("metricDisplayName", "").lower(),
                }
                most = _most(info, location)
                for phrase in wanted & names:
                    if most is not None:
                        found[phrase] = Quota(str(info.get("quotaId", "")), most)
            wanted -= found.keys()
            if not (page := answer.get("nextPageToken", "")):
                break
        return found

    def key(self, name: str) -> str:
        """See `Project.key` (https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/get)."""
        return str(self._get(f"{self._at.keys}/v1/{name}", "looking at the key").get("primary", {}).get("state", ""))

    # Requests

    def _bucket(self, name: str) -> str:
        return f"{self._at.storage}/storage/v1/b/{quote(name, safe='')}"

    def _tested(self, resource: str, permissions: Collection[str]) -> frozenset[str]:
        answer = self._ask(
            "POST", f"{resource}:testIamPermissions", "asking what is allowed", json={"permissions": [*permissions]}
        )
        return frozenset(answer.get("permissions", []))

    def _get(self, address: str, what: str, **query: object) -> dict[str, Any]:
        return self._ask("GET", address, what, params={name: value for name, value in query.items() if value != ""})

    def _ask(self, method: str, address: str, what: str, **content: object) -> dict[str, Any]:
        session = self._session if address.startswith("https://") else AuthorizedSession(AnonymousCredentials())
        with translated(what):
            answer = session.request(method, address, timeout=_PATIENCE, **content)
            if answer.status_code != requests.codes.ok:
                raise api.from_http_response(answer)
        return wire.decode(bytes(answer.content), dict[str, Any], f"the answer to {what}")

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - Google's session has no types
        return AuthorizedSession(self._credentials)

    @cached_property
    def _credentials(self) -> Any:  # noqa: ANN401 - as above
        if not self._at.resources.startswith("https://"):
            return AnonymousCredentials()
        with translated("looking for credentials"):
            credentials, _ = google.auth.default(scopes=_SCOPES)
        return credentials


def _policy(answer: dict[str, Any]) -> Policy:
    """Who has which role. A binding with a condition counts: what the condition says is not known here."""
    policy: dict[str, frozenset[str]] = {}
    for binding in answer.get("bindings", []):
        role = str(binding.get("role", ""))
        policy[role] = policy.get(role, frozenset()) | frozenset(binding.get("members", []))
    return policy


def _most(info: dict[str, Any], location: str) -> int | None:
    """What a quota allows in a region: the entry for that region, else the one for all; None where none applies."""
    entries = info.get("dimensionsInfos", [])
    own = (each for each in entries if each.get("dimensions", {}).get("region") == location)
    general = (
        each
        for each in entries
        if "region" not in each.get("dimensions", {}) and location in each.get("applicableLocations", [location])
    )
    entry = next(own, None) or next(general, None)
    return int(entry.get("details", {}).get("value", 0)) if entry else None
