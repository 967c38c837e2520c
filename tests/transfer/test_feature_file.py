"""A file of features from a stranger: whatever cannot be is named."""

import json

import numpy as np
import pytest
from feature_files import feature_file
from resealing import changed, replaced

from npzf.transfer.feature_file import FeatureFile
from npzf.transfer.parts import Parts

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


class Numbers:
    """What a pass has collected: indices."""

    bytes = 0

    def __init__(self, *indices):
        self.indices = np.array(indices, np.int64)

    def state(self):
        return {"indices": self.indices}

    def clear(self):
        pass


PARTS = {
    "beyond the set": (
        lambda f: f.attrs.create("done", 2**62),
        "has images 0 to 4611686018427387904, expected those from 0 to 9",
    ),
    "nothing": (lambda f: f.attrs.create("done", 0), "has images 0 to 0"),
    "elsewhere": (lambda f: f.attrs.create("first", 2), "has images 2 to 4"),
    "an image beyond its end": (replaced("indices", np.array([0, 4])), "has images 0 to 4, expected 0 to 3"),
    "an image before its beginning": (replaced("indices", np.array([-1, 3])), "has images -1 to 3"),
    "an image twice": (replaced("indices", np.array([1, 1])), "has images 1 to 1"),
    "images that are no numbers": (replaced("indices", np.array([0.0, 1])), "is float64"),
    "another pass": (lambda f: f.attrs.create("identity", np.bytes_("two")), "is of another net"),
}


@pytest.mark.parametrize(("change", "named"), PARTS.values(), ids=PARTS)
def test_a_part_that_cannot_be_is_computed_again_and_said(tmp_path, caplog, change, named):
    Parts(tmp_path, Numbers(0, 1, 3), "one", 9).save(4)
    assert Parts(tmp_path, Numbers(), "one", 9).resume() == 4
    (part,) = tmp_path.iterdir()
    changed(part, change)
    assert Parts(tmp_path, Numbers(), "one", 9).resume() == 0 and not part.exists()
    (record,) = caplog.records
    assert named in record.getMessage() and str(part) in record.getMessage() and "computed again" in record.getMessage()


def test_parts_of_another_pass_and_damaged_ones_are_not_believed(tmp_path):
    numbers = Numbers()
    stored = Parts(tmp_path / "parts", numbers, "one", 12)
    for first in (0, 4, 8):
        numbers.indices = np.array([first])
        stored.save(first + 4)
    assert Parts(tmp_path / "parts", Numbers(), "one", 12).resume() == 12
    (tmp_path / "parts" / "0000000004.h5").write_bytes(b"damaged")
    assert Parts(tmp_path / "parts", Numbers(), "one", 12).resume() == 4  # and what follows it hangs in the air
    assert len(stored.files()) == 1
    assert Parts(tmp_path / "parts", Numbers(), "other", 12).resume() == 0
    assert not stored.files()
