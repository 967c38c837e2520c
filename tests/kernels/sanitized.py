"""Runs kernels under a sanitizer, in a process of their own: python sanitized.py thread|address,undefined NAME."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

import numpy as np  # noqa: E402
from cuda_on_cpu.build import SHIM  # noqa: E402
from cuda_on_cpu.machine import Cpu  # noqa: E402
from cuda_on_cpu.module import CpuModule  # noqa: E402

from npzf import backend  # noqa: E402
from npzf.ops.cuda import convolution, launching, losses, normalization, pooling  # noqa: E402


def sharing_kernels() -> None:
    """The kernels whose threads share memory, on small odd sizes: where races can be."""
    random = np.random.default_rng(0)
    x, weight, bias = (random.standard_normal(shape).astype("f") for shape in ((1, 7, 9, 8), (20, 3, 3, 8), (20,)))
    for precision in ("fp32", "tf32"):
        y = convolution.convolve(x, weight, bias, pad=1, stride=2, precision=precision)
        convolution.filter_gradient(x, y, weight, pad=1, stride=2, precision=precision)
    normalization.across_maps_gradient(x, x, 5, 2, 0.1, 0.75)
    losses._cross_entropy(x.reshape(9, 56), np.arange(9))
    launching.sum_rows(x)


def gathering_kernels() -> None:
    """The kernels that compute addresses, beside those."""
    random = np.random.default_rng(0)
    x, weight, bias = (random.standard_normal(shape).astype("f") for shape in ((1, 7, 9, 8), (20, 3, 3, 8), (20,)))
    y = convolution.convolve(x, weight, bias, pad=1, stride=2)
    convolution.convolve_transpose(y, weight, (7, 9), pad=1, stride=2)
    image, filters = x[..., :3].copy(), weight[..., :3].copy()
    y = convolution.convolve(image, filters, bias, stride=2)
    convolution.convolve_transpose(y, filters, (7, 9), stride=2)
    convolution.filter_gradient(image, y, filters, stride=2)
    y, switches = pooling.max_pool(x, 3, 2, 0, True)
    pooling.unpool(y, switches)
    normalization.local_gradient(x, x, 5, 1.5, 1e-4)


def fault(name: str, sanitize: str) -> None:
    source = backend.pasted("faults.cu", [HERE, SHIM])
    x, y = np.arange(64, dtype="f"), np.zeros(64, "f")
    arguments = {"past_the_end": (y, np.int32(100_000)), "outside_shared": (y, np.int32(32))}.get(name, (x, y))
    threads = 64 if name.startswith("reverse") else 32
    CpuModule(source, [name], sanitize=sanitize).get_function(name)((1,), (threads,), arguments)


if __name__ == "__main__":
    sanitize, name = sys.argv[1:]
    if name == "all":
        with backend.use_device(Cpu(sanitize)):
            sharing_kernels()
            if sanitize != "thread":
                gathering_kernels()
    else:
        fault(name, sanitize)
    print("ran to the end")
