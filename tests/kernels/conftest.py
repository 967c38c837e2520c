"""What the tests of kernels share."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def random():
    return np.random.default_rng(7)
