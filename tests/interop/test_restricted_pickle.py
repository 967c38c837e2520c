"""Pickles from strangers: arrays, containers, strings and numbers come out as they went in; nothing else is even looked up."""

import io
import os
import pickle
import pickletools
from collections import OrderedDict

import numpy as np
import pytest

from npzf.interop.weights import restricted_pickle
from npzf.interop.weights.restricted_pickle import read_pickle

VALUES = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(4, dtype=">f8"),
    "float16": np.arange(3, dtype=np.float16),
    "no axes": np.array(2.5),
    "no numbers": np.empty((0, 3)),
    "a part": np.arange(24.0).reshape(4, 6)[1::2, ::3],
    "bool": np.array([True, False]),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_arrays_of_every_protocol(value, protocol):
    found = read_pickle(pickle.dumps({"a": [value, "text"]}, protocol), "file")["a"][0]
    np.testing.assert_array_equal(found, value)
    assert found.dtype == value.dtype.newbyteorder("=") and found.dtype.isnative


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_containers_strings_and_numbers(protocol):
    array = np.ones(2)
    value = {"x": [1, 2.5, None, True, "ä", b"bytes", (3, 4)], "y": OrderedDict(a=array, b=array), "z": np.float32(0.5)}
    found = read_pickle(pickle.dumps(value, protocol), "file")
    assert found["x"] == value["x"] and found["z"] == 0.5 and list(found["y"]) == ["a", "b"]
    assert found["y"]["a"] is found["y"]["b"]  # one array, in two places


def test_names_of_numpy_before_and_after_it_moved_them():
    data = pickle.dumps(np.arange(3.0), 2)
    before, after = data.replace(b"numpy._core", b"numpy.core"), data.replace(b"numpy.core", b"numpy._core")
    assert before != after
    for form in (before, after):
        np.testing.assert_array_equal(read_pickle(form, "file"), np.arange(3.0))


class Touch:
    """Its pickle makes a file when it is read."""

    def __init__(self, path, call=os.open):
        self.path, self.call = path, call

    def __reduce__(self):
        return self.call, (str(self.path), os.O_CREAT)


def built(function, state):
    """A pickle that gives an admitted name a state, by which pickle's own reader would set attributes of it."""
    out = io.BytesIO()
    writer = pickle._Pickler(out, 2)
    writer.write(pickle.PROTO + b"\x02" + pickle.GLOBAL + function + b"\n")
    writer.save(state)
    writer.write(pickle.BUILD + pickle.STOP)
    return out.getvalue()


def of_array(state):
    """A pickle of an array with another state than its own."""
    module = np.array(0).__reduce__()[0].__module__
    out = io.BytesIO()
    writer = pickle._Pickler(out, 2)
    writer.write(pickle.PROTO + b"\x02" + pickle.GLOBAL + f"{module}\n_reconstruct\n".encode())
    writer.save((np.ndarray, (0,), b"b"))
    writer.write(pickle.REDUCE)
    writer.save(state)
    writer.write(pickle.BUILD + pickle.STOP)
    return out.getvalue()


def nested(depth):
    """A tuple of 2^depth paths, whose hash nobody waits for."""
    key = (1,)
    for _ in range(depth):
        key = (key, key)
    return key


def hashing(key):
    """A pickle of a dictionary with this key, which no dictionary here ever had."""
    out = io.BytesIO()
    writer = pickle._Pickler(out, 2)
    writer.write(pickle.PROTO + b"\x02" + pickle.EMPTY_DICT)
    writer.save(key)
    writer.write(pickle.NONE + pickle.SETITEM + pickle.STOP)
    return out.getvalue()


WHOLE = pickle.dumps(np.arange(100.0))
REFUSED = {
    "eval": (b"cbuiltins\neval\n(S'1'\ntR.", "it names builtins.eval"),
    "getattr": (b"cbuiltins\ngetattr\n.", "it names builtins.getattr"),
    "numpy's own loader": (b"cnumpy\nload\n.", "it names numpy.load"),
    "a name inside an admitted module": (b"\x80\x04\x8c\x05numpy\x94\x8c\x0endarray.tofile\x94\x93.", "numpy.ndarray.tofile"),
    "an extension": (b"\x80\x02\x82\x01.", "damaged"),
    "persistent": (b"Pabc\n.", "damaged"),
    "objects": (pickle.dumps(np.array([{}, None], object)), "damaged, or not made of arrays"),
    "records": (pickle.dumps(np.zeros(2, [("a", "f4")])), "expected a number's"),
    "dates": (pickle.dumps(np.array(["2020-01-01"], "M8[D]")), "expected a number's"),
    "more numbers than there are": (of_array((1, (10**12,), np.dtype("f8"), False, b"\0" * 8)), "has 8 bytes"),
    "a negative side": (of_array((1, (-1, -8), np.dtype("f8"), False, b"\0" * 64)), "has 64 bytes"),
    "numbers that are none": (of_array((1, (1,), np.dtype("f8"), False, [1])), "not made of numbers"),
    "no state": (b"cnumpy\nndarray\n)R.", "without its numbers"),
    "a name with a state": (built(b"numpy\ndtype", (None, {"array": 1})), "a name is given a state"),
    "a set": (pickle.dumps({1, 2}), "damaged, or not made of arrays|it names builtins.set"),
    "tuples in tuples as a key": (hashing(nested(60)), "a key of a dictionary is a tuple"),
    "half": (WHOLE[: len(WHOLE) // 2], "damaged"),
    "nothing": (b"", "damaged"),
    "text": (b"weights of a net", "damaged"),
    "deep": (b"(" * 100_000 + b"l" * 100_000 + b".", "damaged"),
}


@pytest.mark.parametrize(("data", "named"), REFUSED.values(), ids=REFUSED)
def test_whatever_is_not_data_is_refused_in_one_line(data, named):
    with pytest.raises(ValueError, match=named) as caught:
        read_pickle(data, "some file")
    assert str(caught.value).startswith("some file: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_does_not_run(tmp_path, protocol):
    data = pickle.dumps([np.ones(3), Touch(tmp_path / "ran")], protocol)
    with pytest.raises(ValueError, match=r"it names (nt|posix)\.open, expected arrays"):
        read_pickle(data, "file")
    assert not (tmp_path / "ran").exists()
    pickle.loads(data)  # which would have run it
    assert (tmp_path / "ran").exists()


def test_every_name_that_is_admitted_stays_as_it_was():
    before = dict(restricted_pickle.ADMITTED)
    for module, name in before:
        for state in ({"x": 1}, (None, {"__call__": 1})):
            with pytest.raises(ValueError, match="file: "):
                read_pickle(built(f"{module}\n{name}".encode(), state), "file")
    assert before == restricted_pickle.ADMITTED


def test_what_refers_to_itself_or_many_times_to_one_thing_ends():
    itself = []
    itself.append(itself)
    assert read_pickle(pickle.dumps(itself), "file") == [None]
    shared = [np.ones(1)]
    for _ in range(60):
        shared = [shared, shared]  # 2^60 paths to one array
    assert len(read_pickle(pickle.dumps(shared), "file")) == 2


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_a_damaged_pickle_gives_one_line_or_other_data(place):
    data = bytearray(pickle.dumps({"conv1": np.arange(9.0), "names": ["a", "b"]}, 2))
    data[place % len(data)] ^= 0x55
    try:
        read_pickle(bytes(data), "file")
    except ValueError as error:
        assert "\n" not in str(error) and str(error).startswith("file: ")


def test_the_table_of_refusals_reads_as_pickles():
    """The cases are what they are called: programs, not noise that any reader would refuse."""
    for name in ("eval", "getattr", "a name inside an admitted module", "a name with a state", "no state"):
        assert list(pickletools.genops(REFUSED[name][0]))
