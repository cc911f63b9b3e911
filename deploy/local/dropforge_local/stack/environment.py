"""The environment that points the real Google client libraries, `gcloud` and the functions at the local servers."""

import shlex
from collections.abc import Mapping

from dropforge_local.serving import HOST

PROJECT = "dropforge-local"
LOCATION = "us-central1"


def url(port: int) -> str:
    """Where a local server listens; no slash at the end."""
    return f"http://{HOST}:{port}"


def bucket_name(role: str) -> str:
    """The bucket that plays a role of the topology (`drop`, `state`)."""
    return f"dropforge-{role}"


def environment(ports: Mapping[str, int]) -> dict[str, str]:
    """Every variable that a function or a tool needs to work with the stack on these ports."""
    storage, pubsub_rest, vertex = url(ports["storage"]), url(ports["pubsub-rest"]), url(ports["vertex"])
    return {
        # Read by the Google client libraries themselves.
        "STORAGE_EMULATOR_HOST": storage,
        "PUBSUB_EMULATOR_HOST": f"{HOST}:{ports['pubsub']}",
        "PUBSUB_PROJECT_ID": PROJECT,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        # Read by Dropforge.
        "DROPFORGE_PROJECT": PROJECT,
        "DROPFORGE_LOCATION": LOCATION,
        "DROPFORGE_DROP_BUCKET": bucket_name("drop"),
        "DROPFORGE_STATE_BUCKET": bucket_name("state"),
        "DROPFORGE_VERTEX_ENDPOINT": vertex,
        "DROPFORGE_CONSOLE_URL": url(ports["console"]),
        "DROPFORGE_SLACK_URL": f"{url(ports['slack'])}/services/T00000000/B00000000/local",
        "DROPFORGE_SLACK_API": f"{url(ports['slack'])}/api/",
        "DROPFORGE_SLACK_TOKEN": f"xoxb-{PROJECT}",
        "DROPFORGE_SETTLE_SECONDS": "1",
        "DROPFORGE_PATIENCE_SECONDS": "15",
        "DROPFORGE_INCOMPLETE_AFTER_SECONDS": "15",
        "DROPFORGE_GIVE_UP_SECONDS": "600",
        # Read by gcloud.
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{storage}/storage/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"{pubsub_rest}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{vertex}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }


def exports(variables: Mapping[str, str]) -> str:
    """Lines for a POSIX shell's `eval`."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def env_file(variables: Mapping[str, str]) -> str:
    """`KEY=VALUE` lines for tools that read such a file; no value here holds a character that would need quoting."""
    return "".join(f"{name}={value}\n" for name, value in variables.items())
