"""Heat and frames over a photograph: each unit in the middle of its receptive field, nothing else changed."""

import numpy as np
import pytest

from npzf import small_zfnet
from npzf.geometry import Field
from npzf.render import frame_patch, overlay_heatmap


def test_heat_lies_in_the_middle_of_the_receptive_field():
    """One unit of pool1 alone is warm: the warmest pixel is the middle of its field."""
    net = small_zfnet(2, 64)
    heat = np.zeros(net.shapes["pool1"][:2])
    heat[4, 9] = 2.0
    field = net.fields()["pool1"]
    over = overlay_heatmap(np.zeros((64, 64, 3), np.uint8), heat, field).sum(2)
    middle = [field.offset[0] + field.stride[0] * at + (field.size[0] - 1) // 2 for at in (4, 9)]
    assert np.unravel_index(over.argmax(), over.shape) == tuple(middle)


def test_rows_and_columns_have_their_own_fields():
    heat = np.zeros((5, 4))
    heat[2, 3] = 1.0
    over = overlay_heatmap(np.zeros((40, 60, 3), np.uint8), heat, Field((5, 9), (8, 16), (0, -2))).sum(2)
    assert np.unravel_index(over.argmax(), over.shape) == (2 * 8 + 2, -2 + 3 * 16 + 4)


@pytest.mark.parametrize("heat", [np.zeros((3, 3)), -np.ones((3, 3))])
def test_without_heat_the_photograph_is_alike_everywhere(heat):
    over = overlay_heatmap(np.full((20, 20, 3), 100, np.uint8), heat, Field(3, 8, 0))
    assert (over == over[0, 0]).all()


def test_a_frame_is_black_and_within_it_white():
    photograph = np.full((20, 30, 3), 77, np.uint8)
    framed = frame_patch(photograph, (slice(2, 12), slice(5, 25)))
    assert (photograph == 77).all()
    expected = photograph.copy()
    expected[2:12, 5:25] = 0
    expected[3:11, 6:24] = 255
    expected[4:10, 7:23] = 77
    np.testing.assert_array_equal(framed, expected)
