"""What it costs that a saved net has a digest: ZFNet's, 250 MB, beside the same arrays written and read by h5py alone.

python benchmarks/storage.py --rounds 7

Both are written to a new file that is fsynced and renamed, in turn, and read while the system still has them in memory.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

import npzf
from npzf.backend.environment import processor


def write_plainly(net, path):
    """The parameters as h5py writes them to a file object, with what makes a write atomic."""
    partial = path.with_suffix(".partial")
    with open(partial, "wb+") as raw:
        with h5py.File(raw, "w") as file:
            for name, value in net.parameters.items():
                file[name] = value
        raw.flush()
        os.fsync(raw.fileno())
    os.replace(partial, path)


def read_plainly(net, path):
    """The parameters into arrays of their own, as a net that is built anew has them."""
    with h5py.File(path) as file:
        for name, value in net.parameters.items():
            file[name].read_direct(np.empty_like(value))


def seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="example: python benchmarks/storage.py --rounds 7"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where to write (default: a temporary folder)")
    args = parser.parse_args()
    net = npzf.zfnet(1000)
    times: dict[str, list[float]] = {name: [] for name in ("saved", "written by h5py", "loaded", "read by h5py")}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        sealed, plain = Path(folder) / "net.h5", Path(folder) / "plain.h5"
        for _ in range(args.rounds):
            times["saved"].append(seconds(net.save, sealed))
            times["written by h5py"].append(seconds(write_plainly, net, plain))
        for _ in range(args.rounds):
            times["loaded"].append(seconds(npzf.load, sealed))
            times["read by h5py"].append(seconds(read_plainly, net, plain))
        size = sealed.stat().st_size / 1e6
    print(f"{processor()}, {os.cpu_count()} processors, {size:.0f} MB, {args.rounds} rounds")
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, found in times.items():
        print(f"{name:16}{medians[name]:7.3f} s   ({min(found):.3f} to {max(found):.3f})")
    print(f"saved in {medians['saved'] / medians['written by h5py']:.2f} times the time of h5py alone")
    print(f"loaded in {medians['loaded'] / medians['read by h5py']:.2f} times the time of h5py alone")


if __name__ == "__main__":
    main()
