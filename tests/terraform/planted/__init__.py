"""Mistakes that somebody could make in the module: each changes one text, and one rule must complain of it."""

from terraform.planted import delivery, keeping, operation, rights, topology
from terraform.planted.mistake import Mistake

MISTAKES: tuple[Mistake, ...] = (
    *delivery.MISTAKES,
    *topology.MISTAKES,
    *rights.MISTAKES,
    *keeping.MISTAKES,
    *operation.MISTAKES,
)
