"""Terraform, and one stand-in for the provider, for all tests of a process."""

import pytest
from terraform.deployment import EVERYTHING, Terraform, copied
from terraform.standin.provider import serving


@pytest.fixture(scope="session")
def terraform(tmp_path_factory):
    """Terraform with a provider that foretells names."""
    folder = tmp_path_factory.mktemp("tf")
    with serving(folder, foretelling=True) as variables:
        yield Terraform(folder, variables)


@pytest.fixture(scope="session")
def unforetold(tmp_path_factory):
    """Terraform with a provider that knows as little beforehand as the real one."""
    folder = tmp_path_factory.mktemp("tf")
    with serving(folder, foretelling=False) as variables:
        yield Terraform(folder, variables)


@pytest.fixture
def copy(tmp_path, terraform):
    """A copy of the configuration, to be changed."""
    return copied(tmp_path, terraform)


@pytest.fixture(scope="session")
def plain(tmp_path_factory, terraform):
    """The plan of a deployment for which nothing is asked."""
    return copied(tmp_path_factory.mktemp("plain"), terraform).plan()


@pytest.fixture(scope="session")
def full(tmp_path_factory, terraform):
    """The plan of a deployment for which everything is asked."""
    return copied(tmp_path_factory.mktemp("full"), terraform).plan("production", **EVERYTHING)
