"""A mistake that somebody could make in the module."""

from dataclasses import dataclass

from terraform.policies import Rule


@dataclass(frozen=True)
class Mistake:
    """One change of the module.

    Attributes:
        name: What was done.
        rule: Which must complain.
        of: A part of the complaint.
        file: Where it is made.
        old: What stands there, once.
        new: What stands there afterwards.
    """

    name: str
    rule: Rule
    of: str
    file: str
    old: str
    new: str
