"""Stores on bad lines."""


class LosesAnswers:
    """A store whose client repeats a write whose answer was lost, as Google's does: its own first try refuses it."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def write(self, name, data, *, replacing, metadata=None):
        self._store.write(name, data, replacing=replacing, metadata=metadata)
        return self._store.write(name, data, replacing=replacing, metadata=metadata)
