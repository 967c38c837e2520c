"""Sizes against counting, receptive fields against the pixels that reach a unit."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npzf import layers
from npzf.geometry import Field, output_size
from npzf.network import Network
from npzf.ops import PLAIN

FIGURE_3 = [  # size, window, stride, pad -> floor, ceil
    (224, 7, 2, 0, 109, 110),
    (110, 3, 2, 0, 54, 55),
    (55, 5, 2, 0, 26, 26),
    (26, 3, 2, 0, 12, 13),
    (13, 3, 1, 1, 13, 13),
    (13, 3, 2, 0, 6, 6),
    (227, 11, 4, 0, 55, 55),
]


@pytest.mark.parametrize(("size", "window", "stride", "pad", "floor", "ceil"), FIGURE_3)
def test_sizes_of_figure_3(size, window, stride, pad, floor, ceil):
    assert output_size(size, window, stride, pad) == floor
    assert output_size(size, window, stride, pad, ceil=True) == ceil


@given(size=st.integers(1, 40), window=st.integers(1, 12), stride=st.integers(1, 9), data=st.data())
@settings(deadline=None, derandomize=True, max_examples=300)
def test_output_size_counts_the_windows(size, window, stride, data):
    pad, ceil = data.draw(st.integers(0, window - 1)), data.draw(st.booleans())
    if size + 2 * pad >= window:
        assert output_size(size, window, stride, pad, ceil) == len(naive.starts(size, window, stride, pad, ceil))


@pytest.mark.parametrize(("size", "window", "stride", "pad"), [(2, 3, 2, 0), (1, 5, 4, 1), (4, 6, 3, 0)])
def test_with_ceil_one_window_may_be_larger_than_the_input(size, window, stride, pad):
    assert output_size(size, window, stride, pad, ceil=True) == 1


def test_with_ceil_a_window_never_starts_behind_the_input():
    assert output_size(4, 2, 5, 1, ceil=True) == 1  # the second would start at pixel 4 of 0 to 3
    assert output_size(5, 2, 5, 1, ceil=True) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((5, 0), "window is 0"),
        ((5, 3, 0), "stride 0"),
        ((5, 3, 1, -1), "pad -1"),
        ((5, 3, 1, 3), "pad is 3"),
        ((2, 3), "input side is 2"),
        ((1, 5, 2, 1, True), "input side is 1"),
        ((0, 1, 1, 0, True), "input side is 0"),
    ],
)
def test_impossible_sizes_are_named_in_one_line(arguments, named):
    with pytest.raises(ValueError, match=named) as caught:
        output_size(*arguments)
    assert "\n" not in str(caught.value)


def test_fields_of_zfnet():
    """The numbers below figure 3: receptive field / stride of each layer in input pixels."""
    field, found = Field(), []
    for window, stride, pad in [(7, 2, 0), (3, 2, 0), (5, 2, 0), (3, 2, 0), *[(3, 1, 1)] * 3, (3, 2, 0)]:
        field = field.through(window, stride, pad)
        found.append((field.size, field.stride))
    expected = [(7, 2), (11, 4), (27, 8), (43, 16), (75, 16), (107, 16), (139, 16), (171, 32)]
    assert found == [((size, size), (stride, stride)) for size, stride in expected]


CHAINS = [
    [(3, 1, 0)],
    [(3, 1, 1), (3, 2, 0)],
    [(5, 2, 2), (3, 1, 1), (2, 2, 1)],
    [(3, 2, 0), (3, 2, 1), (3, 1, 1)],
    [(1, 1, 0), (4, 3, 2), (3, 1, 2)],
]


def patch_and_seen(chain, height, width, ceil):
    """For each unit: the patch, and the pixels that reach it, as two pictures of booleans.

    Image p is 1 at pixel p alone; through filters of ones it shows in exactly the units that see p.
    """
    y, field = np.eye(height * width).reshape(-1, height, width, 1), Field()
    for window, stride, pad in chain:
        y = PLAIN.convolve(y, np.ones((1, window, window, 1)), stride=stride, pad=pad, ceil=ceil)
        field = field.through(window, stride, pad)
    for row, column in np.ndindex(*y.shape[1:3]):
        patch = np.zeros((height, width), bool)
        patch[field.patch(row, column, height, width)] = True
        yield patch, y[:, row, column, 0].reshape(height, width) > 0


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("chain", CHAINS)
def test_a_patch_is_the_pixels_that_reach_the_unit(chain, ceil):
    for patch, seen in patch_and_seen(chain, 13, 11, ceil):
        np.testing.assert_array_equal(patch, seen)


@pytest.mark.parametrize("chain", CHAINS)
def test_a_patch_misses_no_pixel_where_rounding_down_left_some_out(chain):
    """Padding behind a dropped column stands where that column would be: there the patch may hold more."""
    for patch, seen in patch_and_seen(chain, 12, 10, ceil=False):
        assert patch[seen].all()


def test_a_patch_outside_the_image_is_empty():
    rows, columns = Field(3, 2, -1).patch(9, 0, 5, 5)
    assert (rows, columns) == (slice(5, 5), slice(0, 2))


def test_a_whole_field_is_the_image():
    assert Field(3, 2, 0, whole=True).through(3).patch(4, 4, 7, 9) == (slice(0, 7), slice(0, 9))


def test_the_union_of_branches_sees_what_both_see():
    small, large = Field(4, 2, 1), Field(4, 2, 1).through(3, 1, 1)
    assert small.union(large) == large.union(small) == large
    assert Field(2, 1, 0).union(Field(2, 1, 5)) == Field(7, 1, 0)


def test_branches_of_other_strides_have_no_union():
    with pytest.raises(ValueError, match=r"strides of the branches are \(2, 2\) and \(1, 1\)"):
        Field(3, 2).union(Field(3, 1))


@pytest.mark.parametrize("size", [(48, 39), (31, 64), (23, 90)])
@pytest.mark.parametrize("ceil", [False, True])
def test_a_window_of_the_image_makes_the_same_unit_as_all_of_it(ceil, size):
    """Every place of a net with padding, overlap and strides, on images whose sides leave pixels over."""
    table = [
        ("conv1", layers.Conv(3, 5, stride=2, pad=2)),
        ("relu1", layers.ReLU()),
        ("pool1", layers.MaxPool(3, 2, ceil=ceil)),
        ("conv2", layers.Conv(2, 3, pad=1, ceil=ceil)),
        ("relu2", layers.ReLU()),
        ("conv3", layers.Conv(2, 2, stride=2, ceil=ceil)),
    ]
    net = Network((*size, 3), table, dtype="float64")
    for name, p in net.parameters.items():
        if name.endswith("bias"):
            p[...] = 0.3  # so that padding differs from a map that saw zeros
    x = np.random.default_rng(0).standard_normal((1, *size, 3))
    for layer in ("conv1", "conv2", "conv3"):
        y, field = net.forward(x, upto=layer), net.fields()[layer]
        rows, columns = (places.ravel() for places in np.indices(y.shape[1:3]))
        (height, width), corners, places = field.windows(rows, columns, size)
        assert height <= size[0] and width <= size[1] and max(height, width) < max(size)
        assert min(height, width) <= field.size[0] + 2 * field.stride[0]
        for row, column, top, left, i, j in zip(rows, columns, *corners, *places, strict=True):
            small = x[:, top : top + height, left : left + width]
            assert small.shape[1:3] == (height, width)
            np.testing.assert_allclose(net.forward(small, upto=layer)[0, i, j], y[0, row, column], rtol=1e-12)


def test_windows_of_units_that_see_everything_are_everything():
    rows = np.array([0, 0])
    assert Field(whole=True).windows(rows, rows, (7, 9))[0] == (7, 9)


def test_windows_begin_and_end_whole_strides_from_the_border():
    field = Field(size=99, stride=16, offset=-34)  # AlexNet's conv3
    (height, width), (tops, lefts), (rows, columns) = field.windows(np.array([0, 6, 12]), np.array([6, 6, 6]), (224, 224))
    assert (height, width) == (128, 128) and tops.tolist() == [0, 48, 96] and lefts.tolist() == [48, 48, 48]
    assert rows.tolist() == [0, 3, 6] and columns.tolist() == [3, 3, 3]
