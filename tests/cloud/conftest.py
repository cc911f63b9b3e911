"""Terraform with the stand-in for its provider, and a stack: what a rehearsal takes to be rehearsed."""

import pytest
from support.stack import standing
from terraform.deployment import Terraform
from terraform.standin.provider import serving


@pytest.fixture(scope="session")
def terraform(tmp_path_factory):
    """Terraform with a provider that takes everything as done."""
    folder = tmp_path_factory.mktemp("tf")
    with serving(folder, foretelling=False) as variables:
        yield Terraform(folder, variables)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A whole stack of the module's own."""
    with standing(tmp_path_factory.mktemp("home")) as stack:
        yield stack
