"""Single units projected within their receptive field (npzf/regions.py) beside the whole image's projection (section 2.1).

    python benchmarks/projection.py --net alexnet

Four units an image, as an atlas needs them. Both times include the forward pass: within the field of the units' windows, where
these are less than the images, and in full of one image for each unit, as npzf.project does it. Both are compared first: they
agree to rounding.
"""

import argparse
import statistics
import time

import numpy as np

import npzf
from npzf.deconvnet import project_units
from npzf.layers import Conv

NETS = {"alexnet": npzf.alexnet, "zfnet": npzf.zfnet, "squeezenet": npzf.squeezenet}


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def largest_difference(net, x, layer, images, unit):
    """Between the pictures within the field and in full, as a share of each picture's largest number."""
    field, apart = net.fields()[layer], 0.0
    pairs = zip(project_units(net, x, layer, images, unit), npzf.project(net, x[images], layer, unit), *unit[1:], strict=True)
    for small, large, row, column in pairs:
        full = large[field.patch(row, column, *x.shape[1:3])]
        apart = max(apart, float(np.abs(small - full).max() / (np.abs(full).max() or 1)))
    return apart


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="example: python benchmarks/projection.py --net zfnet"
    )
    parser.add_argument("--net", choices=list(NETS), default="alexnet", help="untrained (default alexnet)")
    parser.add_argument("--units", type=int, default=32, help="units at once (default 32)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, in turn (default 3)")
    args = parser.parse_args()
    net = NETS[args.net]()
    rng = np.random.default_rng(0)
    images = np.arange(args.units) // 4
    x = rng.normal(0, 1, (images[-1] + 1, *net.input_shape)).astype("float32")
    print(f"{args.net}, {args.units} units of {len(x)} images; medians of {args.rounds}")
    for layer in (name for name in net.layers if isinstance(net.layers[name], Conv)):
        field, (height, width, maps) = net.fields()[layer], net.shapes[layer]
        unit = tuple(rng.integers(0, side, args.units) for side in (maps, height, width))
        apart = largest_difference(net, x, layer, images, unit)
        within = statistics.median(seconds(lambda: project_units(net, x, layer, images, unit)) for _ in range(args.rounds))  # noqa: B023
        full = statistics.median(seconds(lambda: npzf.project(net, x[images], layer, unit)) for _ in range(args.rounds))  # noqa: B023
        print(f"{layer:8} field {max(field.size):3} of {x.shape[1]}: {1e3 * within:8.1f} ms, {1e3 * full:8.1f} ms in full, "
              f"{full / within:6.1f} times as fast, at most {apart:.0e} of the largest number apart")  # fmt: skip


if __name__ == "__main__":
    main()
