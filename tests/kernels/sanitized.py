"""Runs kernels under a sanitizer, in a process of their own: python sanitized.py thread|address,undefined NAME."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

import numpy as np  # noqa: E402
from cuda_on_cpu.build import SHIM  # noqa: E402
from cuda_on_cpu.device import CpuDevice  # noqa: E402
from cuda_on_cpu.module import CpuModule  # noqa: E402

from npzf import backend  # noqa: E402
from npzf.ops.cuda import CUDA, convolution  # noqa: E402

OPTIONS = {"stride": (2, 1), "pad": (1, 0, 2, 1)}


def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, weight and bias of small odd sizes."""
    random = np.random.default_rng(0)
    return tuple(random.standard_normal(shape).astype("f") for shape in ((1, 7, 9, 8), (20, 3, 4, 8), (20,)))


def sharing_kernels() -> None:
    """The kernels whose threads share memory: where races can be."""
    x, weight, bias = arrays()
    for precision in ("fp32", "tf32"):
        y = convolution.convolve(x, weight, bias, **OPTIONS, precision=precision)
        convolution.filter_gradient(x, y, weight, **OPTIONS, precision=precision)
    CUDA.local_response_norm_gradient(x, x, 5, 2, 0.1, 0.75)
    scores = x.reshape(9, 56)
    CUDA.cross_entropy(scores, np.arange(9))
    CUDA.softmax_gradient(CUDA.softmax(scores), scores)
    CUDA.bias_gradient(x)


def gathering_kernels() -> None:
    """The kernels that compute addresses, beside those."""
    x, weight, bias = arrays()
    y = convolution.convolve_naive(x, weight, bias, **OPTIONS)
    CUDA.convolve_transpose(y, weight, (7, 9), **OPTIONS)
    image, filters = x[..., :3].copy(), weight[..., :3].copy()
    y = CUDA.convolve(image, filters, bias, stride=2)
    CUDA.convolve_transpose(y, filters, (7, 9), stride=2)
    CUDA.filter_gradient(image, y, filters, stride=2)
    moves = (3, 2), (2, 1), (1, 0, 0, 1), True
    y, switches = CUDA.max_pool(x, *moves)
    CUDA.unpool(y, switches)
    corners = np.array([-1, 0, y.shape[1] - 1]), np.array([y.shape[2] - 1, -1, 2])
    CUDA.unpool_region(y[:, :2, :2].repeat(3, 0).copy(), np.zeros(3, int), *corners, switches)
    CUDA.average_pool_transpose(CUDA.average_pool(x, *moves), (7, 9), *moves[:3])
    CUDA.local_contrast_norm_gradient(x, x, 5, 1.5, 1e-4)
    CUDA.dropout_mask(x, 0.5, (0, 1, 2), first=3)


def fault(name: str, sanitize: str) -> None:
    source = backend.pasted("faults.cu", [HERE, SHIM])
    x, y = np.arange(64, dtype="f"), np.zeros(64, "f")
    arguments = {"past_the_end": (y, np.int32(100_000)), "outside_shared": (y, np.int32(32))}.get(name, (x, y))
    threads = 64 if name.startswith("reverse") else 32
    CpuModule(source, [name], sanitize=sanitize).get_function(name)((1,), (threads,), arguments)


if __name__ == "__main__":
    sanitize, name = sys.argv[1:]
    if name == "all":
        with backend.use_device(CpuDevice(sanitize)):
            sharing_kernels()
            if sanitize != "thread":
                gathering_kernels()
    else:
        fault(name, sanitize)
    print("ran to the end")
