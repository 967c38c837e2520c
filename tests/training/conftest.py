"""A whole run of training, for tests that compare with it."""

import pytest
from tiny_training import make


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a whole run."""
    folder = tmp_path_factory.mktemp("whole")
    make(folder).run()
    return folder
