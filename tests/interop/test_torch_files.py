"""Files of torch.save, in both forms, read without PyTorch: every type, views, shared storages; damage and code in one line."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from npzf.interop.weights.torch_files import read_torch_file

torch = pytest.importorskip("torch", reason="PyTorch writes the files: pip install 'npzf[test]'")

TYPES = {
    **{dtype: dtype for dtype in (torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16)},
    **{dtype: dtype for dtype in (torch.int8, torch.uint8, torch.bool)},
    torch.bfloat16: torch.float32,
}
both = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])


def saved(path, value, zipped):
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


@both
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_every_type(tmp_path, dtype, zipped):
    value = torch.tensor([[0.5, -1.25, 3.0], [100.0, 0.0, 1.0]]).to(dtype)
    found = read_torch_file(saved(tmp_path / "w.pth", {"a": value}, zipped))["a"]
    expected = value.to(TYPES[dtype]).numpy()
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@both
def test_views_of_one_storage(tmp_path, zipped):
    base = torch.arange(24.0).reshape(4, 6)
    value = {
        "base": base,
        "transposed": base.t(),
        "part": base[1:3, ::2],
        "last": base[3, 5:],
        "none": base[:0],
        "one": base[2, 1],
    }
    found = read_torch_file(saved(tmp_path / "w.pth", value, zipped))
    for name, tensor in value.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())


@both
def test_state_dicts_parameters_and_what_lies_beside_them(tmp_path, zipped):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    value = {
        "state": module.state_dict(),
        "parameter": module[0].weight,
        "size": torch.Size([1, 2]),
        "epoch": 3,
        "optimizer": torch.optim.SGD(module.parameters(), 0.1).state_dict(),
        "array": np.arange(3.0),
    }
    found = read_torch_file(saved(tmp_path / "w.pth", value, zipped))
    assert list(found["state"]) == list(module.state_dict())
    for name, tensor in module.state_dict().items():
        np.testing.assert_array_equal(found["state"][name], tensor.numpy())
    np.testing.assert_array_equal(found["parameter"], module[0].weight.detach().numpy())
    np.testing.assert_array_equal(found["array"], np.arange(3.0))
    assert found["size"] == (1, 2) and found["epoch"] == 3 and found["optimizer"]["param_groups"][0]["lr"] == 0.1


def test_it_needs_no_pytorch(tmp_path):
    path = saved(tmp_path / "w.pth", {"a": torch.ones(3)}, True)
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path; from npzf.interop.weights.torch_files import read_torch_file\n"
        f"print(read_torch_file(Path({str(path)!r}))['a'].sum())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("3.0\n", "")


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.open, (str(self.path), os.O_CREAT)


def whole_module():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))


@both
def test_code_does_not_run_and_modules_are_no_data(tmp_path, zipped):
    for name, value in {"code": Touch(tmp_path / "ran"), "module": whole_module()}.items():
        path = saved(tmp_path / f"{name}.pth", {"a": torch.ones(2), "b": value}, zipped)
        with pytest.raises(ValueError, match=r"pth: it names \S+, expected arrays, containers") as caught:
            read_torch_file(path)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def rewritten(path, out, change):
    """The zip with change(name, data) -> data or None in each member."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return out


ZIPS = {
    "no pickle": lambda name, data: None if name.endswith("data.pkl") else data,
    "no numbers": lambda name, data: None if name.endswith("data/0") else data,
    "fewer numbers": lambda name, data: data[:-4] if name.endswith("data/0") else data,
    "more numbers": lambda name, data: data + bytes(4) if name.endswith("data/0") else data,
    "garbage": lambda name, data: b"garbage" if name.endswith("data.pkl") else data,
}


@pytest.mark.parametrize("change", ZIPS.values(), ids=ZIPS)
def test_a_changed_archive_is_refused(tmp_path, change):
    path = saved(tmp_path / "w.pth", {"a": torch.arange(12.0)}, True)
    with pytest.raises(ValueError, match=r"bad\.pth: damaged, or not made of arrays") as caught:
        read_torch_file(rewritten(path, tmp_path / "bad.pth", change))
    assert "\n" not in str(caught.value)


def test_numbers_the_other_way_round(tmp_path):
    path = saved(tmp_path / "w.pth", {"a": torch.arange(12.0)}, True)

    def turned(name, data):
        if name.endswith("byteorder"):
            return b"big"
        return np.frombuffer(data, "<f4").astype(">f4").tobytes() if name.endswith("data/0") else data

    np.testing.assert_array_equal(read_torch_file(rewritten(path, tmp_path / "b.pth", turned))["a"], np.arange(12.0))


def test_compressed_members_and_torchscript_are_refused(tmp_path):
    path = saved(tmp_path / "w.pth", {"a": torch.zeros(10_000)}, True)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "small.pth", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match="its members are compressed"):
        read_torch_file(tmp_path / "small.pth")
    script = rewritten(path, tmp_path / "script.pth", lambda name, data: data)
    with zipfile.ZipFile(script, "a") as archive:
        archive.writestr("w/code/x.py", b"")
    with pytest.raises(ValueError, match="TorchScript module, expected a state dict"):
        read_torch_file(script)


@both
@pytest.mark.parametrize("share", [0, 0.02, 0.3, 0.9])
def test_a_file_cut_short(tmp_path, zipped, share):
    data = saved(tmp_path / "w.pth", {"a": torch.arange(5000.0)}, zipped).read_bytes()
    (tmp_path / "short.pth").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"short\.pth: damaged, or not made of arrays") as caught:
        read_torch_file(tmp_path / "short.pth")
    assert "\n" not in str(caught.value)


@both
def test_a_tensor_reaches_no_further_than_its_storage(tmp_path, zipped):
    """Sizes, strides and offsets in the pickle that the storage does not have."""
    for size, stride, offset in [
        ((3, 4), (4, 1), 1),
        ((13,), (1,), 0),
        ((2,), (12,), 0),
        ((10**9,), (0,), 0),
        ((13,), (0,), 3),
        ((2,), (-1,), 4),
    ]:
        path = tmp_path / "w.pth"

        class Forged:
            def __init__(self, arguments):
                self.arguments = arguments

            def __reduce__(self):
                return torch._utils._rebuild_tensor_v2, self.arguments

        storage = torch.arange(12.0).storage()
        saved(path, {"real": torch.arange(12.0), "a": Forged((storage, offset, size, stride, False, {}))}, zipped)
        with pytest.raises(ValueError, match="a tensor"):
            read_torch_file(path)
