"""docs/files.md: the program that computes a digest without npzf, and HDF5's own tools on npzf's files."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import npzf
from npzf.data import write_packed

DOC = Path(__file__).parents[1] / "docs" / "files.md"


@pytest.fixture
def files(tmp_path):
    """A net, and a set whose images are apart."""
    net = npzf.small_zfnet(2, 32, maps=(2, 2, 2, 2, 2), fc_units=0)
    net.classes = ("ant", "bee")
    net.save(tmp_path / "net.h5")
    write_packed(
        tmp_path / "set.h5",
        [b"image" * 300_000, b"other"],
        targets=[1, 0],
        names=["a.png", "b.png"],
        split=[0, 1],
        classes=["ant", "bee"],
        origin="drawn",
        licence="CC0",
    )
    return tmp_path / "net.h5", tmp_path / "set.h5"


def test_the_digest_can_be_computed_without_npzf(files, tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    for path in files:
        for change, said in ((0, "True"), (1, "False")):
            content = bytearray(path.read_bytes())
            content[600] ^= change
            path.write_bytes(content)
            done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
            assert done.stdout == f"{said}\n"


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="needs h5dump, of HDF5's tools")
def test_h5dump_reads_them(files):
    net, packed = files
    for path, dataset, said in ((net, "/classes", '["ant", "bee"]'), (packed, "/names", '"a.png", "b.png"')):
        done = subprocess.run(["h5dump", "-d", dataset, path], capture_output=True, text=True, check=True)
        assert said in done.stdout
