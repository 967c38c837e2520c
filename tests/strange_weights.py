"""Files of weights made with intent, and what is said of them."""

import h5py
import pytest

from npzf.interop.weights.files import read_state

HUGE = 2**28 + 2**20  # bytes: more than any small file's arrays may take


def refused(path, *words):
    """The message, one line with the file's name."""
    with pytest.raises((ValueError, OSError)) as caught:
        read_state(path)
    message = str(caught.value)
    assert str(path) in message and len(message.splitlines()) == 1
    for word in words:
        assert word in message
    return message


def hdf5(tmp_path, fill, name="a.h5"):
    with h5py.File(tmp_path / name, "w") as file:
        fill(file)
    return tmp_path / name
