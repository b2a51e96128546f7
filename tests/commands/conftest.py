"""What `predict` and `evaluate` are called with."""

import pytest

from tests.train import small


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network and two pictures."""
    return small.network_and_pictures(tmp_path_factory.mktemp("run"))
