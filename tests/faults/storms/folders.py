"""Dataset folders by the hundred: each is a version of its own, and costs as little as a tuning can."""

from support.data import dataset

_FILES = dataset(queries=20, documents=10)


def folder(name: str, *, deploy: str = "always") -> dict[str, bytes]:
    """The files of one folder, in the order in which they are to be dropped.

    The configuration comes first: a folder is complete without it, and counts as such if it is long in coming.

    Args:
        name: The dataset's name, which its first document holds: no two folders are the same version.
        deploy: The policy; `never` keeps the models off endpoints where there are too many of them.
    """
    corpus = _FILES["corpus.jsonl"].replace(b"document 0", b"document " + name.encode())
    tuning = f"train_steps: 31\ndeploy: {deploy}\n".encode()
    return {"tuning.yaml": tuning} | _FILES | {"corpus.jsonl": corpus}
