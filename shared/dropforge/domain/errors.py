"""What can go wrong, sorted by what the caller should do.

DropforgeError
 ├── Permanent        trying again changes nothing: record it, tell once, acknowledge
 │    ├── Unreadable      an event or a stored record is not what its type promises
 │    ├── NotAllowed      the run's state has no such transition
 │    ├── Refused         a service will not do this, however often it is asked
 │    └── Foreign         a name of ours is taken by something that is not ours
 └── Transient        trying again later may work: raise, be redelivered with backoff
      ├── Unavailable     a service did not answer, or answered that it cannot now
      ├── Exhausted       a quota is used up for the moment
      ├── Contended       others kept winning the same write
      └── Misconfigured   the deployment lacks a setting: kept and retried until an operator mends it
           └── NotPermitted    whoever asks lacks a right

Bad data is no error: a dataset that breaks the rules is rejected with findings, as a result.
"""


class DropforgeError(Exception):
    """The root: says what happened, where, and what to do next. Never holds a secret."""


class Permanent(DropforgeError):
    """Trying again changes nothing."""


class Unreadable(Permanent):
    """An event or a stored record is not what its type promises."""


class NotAllowed(Permanent):
    """The run's state has no such transition."""


class Refused(Permanent):
    """A service will not do this, however often it is asked."""


class Foreign(Permanent):
    """A name of ours is taken by something that is not ours."""


class Transient(DropforgeError):
    """Trying again later may work."""


class Unavailable(Transient):
    """A service did not answer, or answered that it cannot now."""


class Exhausted(Transient):
    """A quota is used up for the moment."""


class Contended(Transient):
    """Others kept winning the same write."""


class Misconfigured(Transient):
    """The deployment lacks a setting; events wait until an operator mends it."""


class NotPermitted(Misconfigured):
    """Whoever asks lacks a right."""


class Missing(DropforgeError):
    """An object, job or operation is not there (any more). The caller knows what that means."""


class Conflict(DropforgeError):
    """A precondition did not hold: somebody else wrote first. The caller reads again and decides again."""
