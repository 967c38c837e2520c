"""How large a block of im2col columns should be (npzf/ops/cpu/convolution.py): ZFNet's five convolutions with several sizes.

python benchmarks/blocks.py --batch 16
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np

from npzf.ops.cpu import convolution

LAYERS = {  # figure 3: input side, maps in, maps out, window, stride, pad
    "conv1": (224, 3, 96, 7, 2, 0),
    "conv2": (55, 96, 256, 5, 2, 0),
    "conv3": (13, 256, 384, 3, 1, 1),
    "conv4": (13, 384, 384, 3, 1, 1),
    "conv5": (13, 384, 256, 3, 1, 1),
}


def milliseconds(function, rounds):
    function()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="example: python benchmarks/blocks.py --rounds 9"
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    print("MB a block   " + "".join(f"{name:>22}" for name in LAYERS) + "      sum (forward + filter gradient, ms)")
    for megabytes in (0.5, 1, 2, 4, 8, 16):
        convolution.BLOCK_BYTES = int(megabytes * 2**20)
        row, total = [], 0.0
        for side, maps, out, window, stride, pad in LAYERS.values():
            x = rng.standard_normal((args.batch, side, side, maps), np.float32)
            weight = rng.standard_normal((out, window, window, maps), np.float32)
            options: dict[str, Any] = {"stride": stride, "pad": pad}
            gy = convolution.convolve(x, weight, ceil=True, **options)
            forward = milliseconds(lambda: convolution.convolve(x, weight, ceil=True, **options), args.rounds)  # noqa: B023
            gradient = milliseconds(lambda: convolution.filter_gradient(x, gy, weight, **options), args.rounds)  # noqa: B023
            row.append(f"{forward:10.1f} +{gradient:10.1f}")
            total += forward + gradient
        print(f"{megabytes:10}   {''.join(row)} {total:8.1f}")


if __name__ == "__main__":
    main()
