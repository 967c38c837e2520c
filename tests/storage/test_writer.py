"""Large arrays, which threads write past HDF5, are where HDF5 says."""

import h5py
import numpy as np
import pytest

from npzf.storage import hdf5, writer


@pytest.mark.parametrize("large", [1, 100, 10**9], ids=["past HDF5", "in pieces", "by HDF5"])
def test_arrays_of_all_kinds_come_back(tmp_path, monkeypatch, large):
    monkeypatch.setattr(writer, "LARGE", large)
    random = np.random.default_rng(0)
    arrays = {
        "a": random.normal(size=(7, 5, 3)).astype("f4"),
        "deep/er/b": random.normal(size=301),
        "deep/c": np.arange(30, dtype=np.uint8).reshape(5, 6)[:, ::2],
        "flags": np.array([True, False, True]),
        "one": np.array(4.5),
        "fortran": np.asfortranarray(random.normal(size=(9, 4))),
    }

    def write_contents(file):
        for name, array in arrays.items():
            file.put(name, array)
        file["last"] = 7

    hdf5.write(tmp_path / "file.h5", write_contents)
    with h5py.File(tmp_path / "file.h5") as file:
        for name, array in arrays.items():
            assert file[name].dtype == array.dtype and file[name].chunks is None
            np.testing.assert_array_equal(file[name][()], array)
        assert file["last"][()] == 7
    with hdf5.read(tmp_path / "file.h5") as file:
        np.testing.assert_array_equal(file.array("deep/er/b"), arrays["deep/er/b"])


def test_empty_arrays(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "LARGE", 1)
    hdf5.write(tmp_path / "file.h5", lambda file: file.put("none", np.zeros((0, 4), "f4")))
    with hdf5.read(tmp_path / "file.h5") as file:
        assert file.array("none").shape == (0, 4)
