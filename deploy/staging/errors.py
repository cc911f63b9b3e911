"""Why a function is not staged."""


class StagingError(Exception):
    """The archive could not be right; says what is wrong, where, and what to do."""
