"""A file of features from a stranger: whatever cannot be is named."""

import json

import numpy as np
import pytest
from feature_files import feature_file
from resealing import changed, replaced

from npzf.transfer.feature_file import FeatureFile

COUNT = 6


def text(name, value):
    return replaced(name, np.bytes_(json.dumps(value)))


CRAFTED = {
    "datasets null": (text("datasets", None), "datasets of .* is None, expected names"),
    "datasets a number": (text("datasets", 3), "datasets of .* is 3"),
    "datasets a list": (text("datasets", []), "datasets of .* is \\[\\]"),
    "datasets without names": (text("datasets", {"fc": 1}), "datasets of .* is"),
    "datasets elsewhere": (text("datasets", {"fc": "../names"}), "missing"),
    "no datasets": (text("datasets", {}), "features of .* are"),
    "description a number": (text("description", 7), "description of .* is 7"),
    "layers a dictionary": (text("description", {"layers": {"fc": 1}}), "features of .* are"),
    "layers null": (text("description", {"layers": None}), "features of .* are"),
    "no layers": (text("description", {}), "features of .* are"),
    "classes numbers": (text("classes", [1, 2]), "classes of .* are no list of names"),
    "classes a dictionary": (text("classes", {"a": 1}), "classes of .* are no list of names"),
    "deep JSON": (replaced("classes", np.bytes_("[" * 10**5)), "is damaged"),
    "targets beyond the classes": (replaced("targets", np.full(COUNT, 9)), "targets of .* run from 9 to 9"),
    "targets of another shape": (replaced("targets", np.zeros((COUNT, 7))), "targets of .* have shape"),
    "too few names": (replaced("names", np.array([b"a"])), r"names of .* has shape \(1,\)"),
    "decoded of another length": (replaced("decoded", np.ones(3, np.uint8)), "has shape"),
    "features in chunks": (replaced("features/fc", np.zeros((COUNT, 1, 4), "f4"), chunks=True), "expected it in one piece"),
    "features of integers": (replaced("features/fc", np.zeros((COUNT, 1, 4), "i4")), "is int32"),
}


@pytest.mark.parametrize(("change", "named"), CRAFTED.values(), ids=CRAFTED)
def test_a_file_that_cannot_be_is_named_although_its_digest_is_right(tmp_path, change, named):
    feature_file(tmp_path / "f.h5", {"fc": np.ones((COUNT, 1, 4), "f4")}, np.arange(COUNT) % 2, np.ones(COUNT), "ab")
    changed(tmp_path / "f.h5", change)
    with pytest.raises(ValueError, match=named) as caught:
        FeatureFile(tmp_path / "f.h5")
    assert str(tmp_path / "f.h5") in str(caught.value) and "\n" not in str(caught.value)
