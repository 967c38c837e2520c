"""A damaged TIFF is one error, and nothing that libtiff prints beside it."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

ROOT = Path(__file__).resolve().parents[2]
READ = """
import sys, warnings
from npzf.data import DecodeError, decode
warnings.simplefilter("ignore")  # Pillow's own, which are Python's to show
failed = 0
for path in sys.argv[1:]:
    try:
        decode(path)
    except DecodeError:
        failed += 1
print(failed)
"""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="libtiff is found in Linux's /proc")
@pytest.mark.skipif(not features.check("libtiff"), reason="this Pillow has no libtiff")
def test_libtiff_prints_nothing(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    paths = []
    for compression in ("tiff_lzw", "jpeg", "tiff_adobe_deflate"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "TIFF", compression=compression)
        whole = file.getvalue()
        for place in range(8, len(whole), len(whole) // 25):
            paths.append(tmp_path / f"{compression}{place}.tif")
            paths[-1].write_bytes(whole[:place] + bytes(6) + whole[place + 6 :])
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", READ, *paths], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "") and int(done.stdout) > 5
