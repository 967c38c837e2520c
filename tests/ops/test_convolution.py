"""Convolution, its transpose and its filter gradient: against loops, PyTorch, each other, and across block borders."""

from itertools import pairwise

import gradcheck
import naive
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from assertions import DTYPES, TOLERANCE, TORCH, close, layouts, normal
from hypothesis import given, settings
from hypothesis import strategies as st

from npzf.geometry import output_sizes, pair, sides
from npzf.ops.cpu import convolution as op

CASES = {  # x (N, H, W, C), maps O, window (KH, KW), options
    "plain": ((2, 6, 6, 3), 4, (3, 3), {}),
    "odd sides": ((2, 9, 6, 2), 3, (3, 2), {"pad": 1}),
    "stride and pad": ((3, 8, 11, 2), 3, (5, 3), {"stride": 2, "pad": 2}),
    "groups": ((2, 7, 6, 6), 4, (3, 3), {"pad": 1, "groups": 2}),
    "groups of one map": ((1, 5, 6, 3), 6, (2, 3), {"groups": 3, "stride": 2}),
    "ceil": ((2, 8, 9, 2), 3, (3, 4), {"stride": 2, "ceil": True}),
    "ceil and pad": ((2, 8, 7, 2), 3, (4, 4), {"stride": 3, "pad": 1, "ceil": True}),
    "stride beyond the window": ((2, 9, 8, 2), 3, (2, 1), {"stride": 3}),
    "ceil beyond the window": ((2, 9, 8, 2), 3, (2, 2), {"stride": 4, "pad": 1, "ceil": True}),
    "input below the window": ((2, 2, 3, 2), 3, (3, 3), {"stride": 2, "ceil": True}),
    "one pixel": ((1, 4, 5, 3), 2, (1, 1), {}),
    "whole image": ((2, 4, 5, 3), 2, (4, 5), {}),
    "one image, one map": ((1, 7, 5, 1), 1, (3, 3), {"pad": 2}),
    "strides apart": ((2, 9, 8, 2), 3, (3, 2), {"stride": (1, 3)}),
    "pads of rows and columns": ((2, 6, 7, 2), 3, (3, 4), {"stride": (2, 1), "pad": (0, 3)}),
    "four pads": ((2, 7, 6, 4), 6, (4, 3), {"stride": (3, 2), "pad": (1, 3, 2, 0), "groups": 2}),
    "four pads, stride 1": ((2, 5, 6, 2), 3, (3, 4), {"pad": (2, 0, 1, 3)}),
    "four pads and ceil": ((1, 8, 9, 2), 3, (3, 2), {"stride": (2, 3), "pad": (0, 2, 1, 0), "ceil": True}),
    "one row": ((2, 1, 9, 2), 3, (1, 3), {"stride": (1, 2), "pad": (0, 0, 2, 1)}),
}
cases = pytest.mark.parametrize(("size", "maps", "window", "options"), CASES.values(), ids=CASES)


@pytest.fixture(params=[None, 1, 700], ids=["whole", "row by row", "some rows"])
def blocks(request, monkeypatch):
    """Blocks of a whole batch, of one output row, and of a few rows with a smaller last block."""
    if request.param:
        monkeypatch.setattr(op, "BLOCK_BYTES", request.param)


def data(size, maps, window, options, dtype="float64"):
    """x, weight, bias, gy and the options of the adjoints, which read the output size off gy."""
    x, weight = normal(*size, dtype=dtype), normal(maps, *window, size[3] // options.get("groups", 1), dtype=dtype)
    _, places = naive.places(x, window, options.get("stride", 1), options.get("pad", 0), options.get("ceil", False))
    adjoint = {name: value for name, value in options.items() if name != "ceil"}
    return x, weight, normal(maps, dtype=dtype), normal(*places, maps, dtype=dtype), adjoint


def by_torch(x, weight, bias, *, stride=1, pad=0, groups=1, ceil=False):
    """torch's convolution; with ceil the input is made larger by zeros below and on the right."""
    ((top, bottom), (left, right)), stride = naive.borders(pad), naive.pair(stride)
    _, (_, *more) = naive.places(x, weight.shape[1:3], stride, pad, ceil)
    x = F.pad(x.permute(0, 3, 1, 2), (left, right + stride[1], top, bottom + stride[0]))
    y = F.conv2d(x, weight.permute(0, 3, 1, 2), bias, stride=stride, groups=groups)
    return y[:, :, : more[0], : more[1]].permute(0, 2, 3, 1)


@cases
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_equals_loops(backend, blocks, size, maps, window, options, dtype):
    x, weight, bias, gy, adjoint = data(size, maps, window, options, dtype)
    pairs = [
        (backend.run("convolve", x, weight, bias, **options), naive.convolve(x, weight, bias, **options)),
        (backend.run("convolve", x, weight, **options), naive.convolve(x, weight, **options)),
        (
            backend.run("convolve_transpose", gy, weight, size[1:3], **adjoint),
            naive.convolve_transpose(gy, weight, size[1:3], **options),
        ),
        (backend.run("filter_gradient", x, gy, weight, **adjoint), naive.filter_gradient(x, gy, weight, **options)),
    ]
    for found, expected in pairs:
        assert found.dtype == dtype
        close(found, expected, TOLERANCE[dtype])


@cases
def test_equals_torch(backend, size, maps, window, options):
    x, weight, bias, gy, adjoint = data(size, maps, window, options)
    tx, tweight, tbias = (torch.tensor(a, requires_grad=True) for a in (x, weight, bias))
    ty = by_torch(tx, tweight, tbias, **options)
    ty.backward(torch.tensor(gy))
    close(backend.run("convolve", x, weight, bias, **options), ty.detach(), TORCH)
    close(backend.run("convolve_transpose", gy, weight, size[1:3], **adjoint), tx.grad, TORCH)
    close(backend.run("filter_gradient", x, gy, weight, **adjoint), tweight.grad, TORCH)


@cases
def test_adjoints_and_gradients(backend, size, maps, window, options):
    x, weight, bias, gy, adjoint = data(size, maps, window, options)

    def of_x(x):
        return backend.run("convolve", x, weight, **options)

    def transposed(gy):
        return backend.run("convolve_transpose", gy, weight, size[1:3], **adjoint)

    def of_weight(weight):
        return backend.run("convolve", x, weight, bias, **options)

    def gweight(gy):
        return backend.run("filter_gradient", x, gy, weight, **adjoint)

    gradcheck.adjoint(of_x, transposed, x, gy)
    gradcheck.gradient(of_x, transposed, x)
    gradcheck.gradient(of_weight, gweight, weight)


@given(n=st.integers(1, 4), sides=st.tuples(st.integers(1, 12), st.integers(1, 12)), maps=st.integers(1, 3), data=st.data())
@settings(deadline=None, derandomize=True, max_examples=60)
def test_any_shape_equals_torch(backend, n, sides, maps, data):
    window = tuple(data.draw(st.integers(1, min(5, side))) for side in sides)
    pad, groups = data.draw(st.integers(0, min(window) - 1)), data.draw(st.integers(1, 3))
    options = {"stride": data.draw(st.integers(1, 4)), "pad": pad, "groups": groups, "ceil": data.draw(st.booleans())}
    x, weight = normal(n, *sides, maps * groups), normal(2 * groups, *window, maps)
    y = backend.run("convolve", x, weight, **options)
    close(y, by_torch(torch.tensor(x), torch.tensor(weight), None, **options), TORCH)
    del options["ceil"]  # the transpose reads the size off y
    transposed = backend.run("convolve_transpose", y, weight, sides, **options)
    assert np.isclose(np.vdot(y, y), np.vdot(x, transposed), rtol=1e-10)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_more_threads_than_images(backend, set_threads, number):
    set_threads(number)
    options = {"stride": 2, "pad": 1}
    x, weight, bias, gy, _ = data((3, 7, 8, 2), 4, (3, 3), options)
    close(backend.run("convolve", x, weight, bias, **options), naive.convolve(x, weight, bias, **options), 1e-12)
    gweight = backend.run("filter_gradient", x, gy, weight, **options)
    close(gweight, naive.filter_gradient(x, gy, weight, **options), 1e-12)
    gx = backend.run("convolve_transpose", gy, weight, (7, 8), **options)
    close(gx, naive.convolve_transpose(gy, weight, (7, 8), **options), 1e-12)


@pytest.mark.parametrize("kind", range(3), ids=["last axis first", "backwards", "every second"])
def test_any_memory_layout(backend, blocks, kind):
    options = {"stride": 2, "pad": 1}
    x, weight, bias, gy, _ = data((3, 7, 8, 2), 4, (3, 3), options)
    ox, oweight, ogy = (layouts(a)[kind] for a in (x, weight, gy))
    close(backend.run("convolve", ox, oweight, bias, **options), naive.convolve(x, weight, bias, **options), 1e-12)
    gweight = backend.run("filter_gradient", ox, ogy, oweight, **options)
    close(gweight, naive.filter_gradient(x, gy, weight, **options), 1e-12)
    gx = backend.run("convolve_transpose", ogy, oweight, (7, 8), **options)
    close(gx, naive.convolve_transpose(gy, weight, (7, 8), **options), 1e-12)


def test_inputs_are_left_alone(backend):
    x, weight, bias, gy, _ = data((2, 6, 6, 3), 4, (3, 3), {})
    copies = [a.copy() for a in (x, weight, bias, gy)]
    backend.run("convolve", x, weight, bias)
    backend.run("convolve_transpose", gy, weight, (6, 6))
    backend.run("filter_gradient", x, gy, weight)
    for before, after in zip(copies, (x, weight, bias, gy), strict=True):
        np.testing.assert_array_equal(before, after)


@cases
@pytest.mark.parametrize("share", [1, 2], ids=["whole", "halves"])
def test_im2col_gathers_exactly_and_col2im_is_its_adjoint(size, maps, window, options, share):
    x, *_ = data(size, maps, window, options)
    stride, pad, ceil = options.get("stride", 1), options.get("pad", 0), options.get("ceil", False)
    places = output_sizes(size[1:3], window, stride, pad, ceil)
    over = op.Window(window, pair(stride), sides(pad), places)
    expected = naive.im2col(x, window, stride=stride, pad=pad, ceil=ceil)
    edges = [places[0] * part // share for part in range(share + 1)]
    for rows in (slice(a, b) for a, b in pairwise(edges) if a < b):
        columns = op.im2col(x, over, rows)
        np.testing.assert_array_equal(columns, expected[:, rows].reshape(columns.shape))
        other, gathered = normal(*columns.shape), np.zeros_like(x)
        op.col2im(other, over, rows, gathered)
        gradcheck.adjoint(lambda x, rows=rows: op.im2col(x, over, rows), lambda _, g=gathered: g, x, other)


def test_im2col_writes_into_a_buffer_that_is_larger():
    x = normal(2, 6, 5, 3)
    over, buffer = op.Window((3, 3), (1, 1), (1, 1, 1, 1), (6, 5)), np.full(5000, np.nan)
    columns = op.im2col(x, over, slice(0, 6), buffer)
    assert np.shares_memory(columns, buffer)
    np.testing.assert_array_equal(columns, op.im2col(x, over, slice(0, 6)))


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("images", [slice(0, 1), slice(3, 10)])
@pytest.mark.parametrize("size", [1, 500, 2000, 9000, 1 << 20])
def test_blocks_cover_every_place_once_and_stay_small(monkeypatch, images, size, itemsize):
    monkeypatch.setattr(op, "BLOCK_BYTES", size)
    window, seen = op.Window((3, 2), (1, 1), (0, 0, 0, 0), (7, 5)), np.zeros((10, 7), int)
    for block, rows in window.row_blocks(images, 4, itemsize):
        seen[block, rows] += 1
        count = (block.stop - block.start) * (rows.stop - rows.start)
        assert count == 1 or count * 5 * 3 * 2 * 4 * itemsize <= size
    assert (seen[images] == 1).all()
    assert seen.sum() == 7 * (images.stop - images.start)


def test_the_transpose_flips_the_filter_both_ways(backend):
    """Section 2.1: each filter flipped vertically and horizontally; with one activation the picture is the filter."""
    weight, y = normal(1, 3, 3, 1), np.zeros((1, 5, 5, 1))
    y[0, 2, 1] = 1
    x = backend.run("convolve_transpose", y, weight, (7, 7))
    np.testing.assert_array_equal(x[0, 2:5, 1:4, 0], weight[0, ..., 0])
    flipped = backend.run("convolve", y, weight[:, ::-1, ::-1], pad=2)
    close(flipped, x, 1e-12)
