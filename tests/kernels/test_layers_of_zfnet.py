"""What the operations launch for ZFNet's real layers (figure 3), without computing anything."""

from math import prod

import numpy as np
import pytest
from resources import USES

from npzf import backend
from npzf.ops.cuda import CUDA, convolution

# x, weight, options; ceil in layers 1 and 2
LAYERS = {
    "conv1": ((128, 224, 224, 3), (96, 7, 7, 3), {"stride": 2}, True),
    "conv2": ((128, 55, 55, 96), (256, 5, 5, 96), {"stride": 2}, True),
    "conv3": ((128, 13, 13, 256), (384, 3, 3, 256), {"pad": 1}, False),
    "conv4": ((128, 13, 13, 384), (384, 3, 3, 384), {"pad": 1}, False),
    "conv5": ((128, 13, 13, 384), (256, 3, 3, 384), {"pad": 1}, False),
}


class Recorder:
    """A device with an H200's multiprocessors that notes launches instead of running them."""

    array, processors, failures = np.ndarray, 132, ()

    def __init__(self):
        self.launches = []

    def compile(self, file, specialization):
        def note(grid, block, args, shared_mem=0):
            self.launches.append((file, specialization, grid, block, shared_mem))

        note.max_dynamic_shared_size_bytes = 48 * 1024
        return backend.pasted(file, [backend.kernel_folder()]), note

    def misplaced(self, array):
        return None

    def empty(self, shape, dtype):
        return np.empty(shape, dtype)  # never touched, hence never in memory

    def copy(self, array):
        return array


@pytest.fixture
def recorder():
    with backend.use_device(Recorder()) as device:
        yield device


def check(recorder):
    """Every launch is one whose registers and shared memory are checked, with the block and the shared memory stated there."""
    stated = {use.specialization: use for use in USES}
    for file, specialization, grid, block, shared in recorder.launches:
        use = stated[specialization]
        assert (file, prod(block)) == (use.file, use.threads), specialization
        assert shared <= use.dynamic, specialization
        limits = (2**31 - 1, 65535, 65535)
        assert all(0 < side <= limit for side, limit in zip((*grid, 1, 1), limits, strict=False)), specialization


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
@pytest.mark.parametrize("layer", LAYERS)
def test_convolutions(recorder, layer, precision):
    shape, window, options, ceil = LAYERS[layer]
    x, weight, bias = np.empty(shape, "f"), np.empty(window, "f"), np.empty(window[0], "f")
    y = convolution.convolve(x, weight, bias, **options, ceil=ceil, relu=True, precision=precision)
    convolution.convolve_transpose(y, weight, shape[1:3], **options, precision=precision)
    convolution.filter_gradient(x, y, weight, **options, precision=precision)
    convolution.convolve_naive(x, weight, bias, **options, ceil=ceil)
    check(recorder)
    gradient = next(launch for launch in recorder.launches if launch[1].startswith("filter_gradient"))
    assert prod(gradient[2]) >= 2 * 132, "every multiprocessor has work"


def test_the_rest(recorder):
    x = np.empty((128, 110, 110, 96), "f")
    y, switches = CUDA.max_pool(x, 3, 2, ceil=True)
    CUDA.unpool(y, switches)
    CUDA.unpool(y, switches, overwrite=True)
    units = np.zeros(5, int)
    CUDA.unpool_region(np.empty((5, 9, 9, 96), "f"), units, units, units, switches)
    CUDA.average_pool_transpose(CUDA.average_pool(x, 3, 2), (110, 110), 3, 2)
    CUDA.local_response_norm_gradient(y, CUDA.local_response_norm(y, 5, 2.0, 2e-5, 0.75), 5, 2.0, 2e-5, 0.75)
    CUDA.rectify_gradient(CUDA.rectify(y), y)
    CUDA.bias_gradient(y)
    scores = np.empty((128, 1000), "f")
    CUDA.softmax_gradient(CUDA.softmax(scores), scores)
    CUDA.cross_entropy(scores, np.zeros(128, int))
    CUDA.dropout_mask(np.empty((128, 4096), "f"), 0.5, (0, 1, 2))
    weight = np.empty((4096, 9216), "f")
    CUDA.sgd_step(weight, weight, weight, 0.01, 0.9, 0.0)
    CUDA.clip_filters(np.empty((96, 7, 7, 3), "f"), 0.1)
    check(recorder)


def test_the_largest_batch(recorder):
    with pytest.raises(ValueError, match="expected at most 2147483647 numbers: take a smaller batch"):
        convolution.convolve(np.empty((2000, 224, 224, 3), "f"), np.empty((96, 7, 7, 3), "f"), stride=2, ceil=True)
