"""What the host calls launch for ZFNet's real layers (figure 3), without computing anything."""

from math import prod

import numpy as np
import pytest
from resources import USES

from npzf import backend
from npzf.ops.cuda import convolution, normalization, pooling

# x, weight, stride, pad; ceil in layers 1 and 2
LAYERS = {
    "conv1": ((128, 224, 224, 3), (96, 7, 7, 3), 2, 0, True),
    "conv2": ((128, 55, 55, 96), (256, 5, 5, 96), 2, 0, True),
    "conv3": ((128, 13, 13, 256), (384, 3, 3, 256), 1, 1, False),
    "conv4": ((128, 13, 13, 384), (384, 3, 3, 384), 1, 1, False),
    "conv5": ((128, 13, 13, 384), (256, 3, 3, 384), 1, 1, False),
}


class Recorder:
    """A machine with an H200's multiprocessors that notes launches instead of running them."""

    array, processors, failures = np.ndarray, 132, ()

    def __init__(self):
        self.launches = []

    def compile(self, file, instance):
        def note(grid, block, args, shared_mem=0):
            self.launches.append((file, instance, grid, block, shared_mem))

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
    with backend.use_device(Recorder()) as machine:
        yield machine


def check(recorder):
    """Every launch is one whose registers and shared memory are checked, with the block and the shared memory stated there."""
    stated = {use.instance: use for use in USES}
    for file, instance, grid, block, shared in recorder.launches:
        use = stated[instance]
        assert (file, prod(block)) == (use.file, use.threads), instance
        assert shared <= use.dynamic, instance
        assert all(0 < side <= limit for side, limit in zip((*grid, 1, 1), (2**31 - 1, 65535, 65535), strict=False)), instance


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
@pytest.mark.parametrize("layer", LAYERS)
def test_convolutions(recorder, layer, precision):
    shape, window, stride, pad, ceil = LAYERS[layer]
    x, weight, bias = np.empty(shape, "f"), np.empty(window, "f"), np.empty(window[0], "f")
    keywords = {"stride": stride, "pad": pad, "precision": precision}
    y = convolution.convolve(x, weight, bias, **keywords, ceil=ceil, relu=True)
    convolution.convolve_transpose(y, weight, shape[1:3], **keywords)
    convolution.filter_gradient(x, y, weight, **keywords)
    check(recorder)
    gradient = next(launch for launch in recorder.launches if launch[1].startswith("filter_gradient"))
    assert prod(gradient[2]) >= 2 * 132, "every multiprocessor has work"


def test_the_rest(recorder):
    x = np.empty((128, 110, 110, 96), "f")
    y, switches = pooling.max_pool(x, 3, 2, ceil=True)
    pooling.unpool(y, switches)
    normalization.across_maps_gradient(y, normalization.across_maps(y, 5, 2.0, 2e-5, 0.75), 5, 2.0, 2e-5, 0.75)
    check(recorder)


def test_the_largest_batch(recorder):
    with pytest.raises(ValueError, match="more than 2147483647 numbers: take a smaller batch"):
        convolution.convolve(np.empty((2000, 224, 224, 3), "f"), np.empty((96, 7, 7, 3), "f"), stride=2, ceil=True)
