"""Figure 7 (b): the strongest map is the one that detects the mark, and its activity is 0 where the mark is hidden."""

import numpy as np
import pytest
from assertions import close, normal
from synthetic_images import ENERGY, marked, seeker

from npzf import layers
from npzf.network import Network
from npzf.studies import occlusion_map
from npzf.studies.occlusion import total_activity

POSITION = (6, 3)  # the mark covers rows 6 to 8, columns 3 to 5
X = marked([9], [POSITION]).source.pixels.astype(float)  # (1, 12, 12, 3)


def test_the_activity_is_gone_where_the_mark_is_hidden_and_whole_where_it_is_not():
    occlusion = occlusion_map(seeker(), X, 1, size=3, step=1, layer="relu1")[0]
    assert occlusion.strongest_map == 0 and occlusion.activity.shape == occlusion.probability.shape == (10, 10)
    away = np.ones((10, 10), bool)
    away[4:9, 1:6] = False
    np.testing.assert_allclose(occlusion.activity[away], occlusion.original_activity, rtol=1e-12)
    near = occlusion.activity[5:8, 2:5]  # the mark is a cross: its corners hide nothing
    assert occlusion.activity[POSITION] == 0 and (near < occlusion.original_activity).all()


def test_by_hand_at_every_place_and_below_zero_counts_as_nothing():
    """conv1 has negative answers where relu1 has none: both have the same total activity."""
    net = seeker()
    net.parameters["conv1/bias"][0] = -50
    occlusion = [occlusion_map(net, X, 1, size=4, step=3, batch=2, layer=layer)[0] for layer in ("conv1", "relu1")]
    np.testing.assert_array_equal(occlusion[0].activity, occlusion[1].activity)
    for i, top in enumerate((0, 3, 6)):
        for j, left in enumerate((0, 3, 6)):
            x = X.copy()
            x[:, top : top + 4, left : left + 4] = 0
            y = net.forward(x, upto="relu1")[0, ..., occlusion[0].strongest_map]
            assert occlusion[0].activity[i, j] == pytest.approx(y.sum(), rel=1e-12)


def test_the_strongest_map_is_the_one_with_the_largest_single_activation():
    net = seeker()
    net.parameters["conv1/bias"][1] = 9 * ENERGY - 1  # weaker than the mark's map at its best, but everywhere
    occlusion = occlusion_map(net, X, 1, size=3, step=3, layer="relu1")[0]
    assert occlusion.strongest_map == 0
    net.parameters["conv1/bias"][1] = 9 * ENERGY + 1
    assert occlusion_map(net, X, 1, size=3, step=3, layer="relu1")[0].strongest_map == 1


def test_a_layer_changes_nothing_else():
    one, other = (occlusion_map(seeker(), X, 1, size=3, step=2, layer=layer) for layer in (None, "conv1"))
    np.testing.assert_array_equal(one.probability, other.probability)
    np.testing.assert_array_equal(one.prediction, other.prediction)
    assert (one.strongest_map, one.activity, one.original_activity) == (None, None, None)


def test_the_layer_of_scores_may_be_the_one_looked_at():
    occlusion = occlusion_map(seeker(), X, 1, size=3, step=2, layer="fc")[0]
    assert occlusion.strongest_map == 1
    assert occlusion.activity.max() == pytest.approx(occlusion.original_activity)


def test_total_activity():
    y = normal(2, 3, 4, 5)
    close(total_activity(y), np.where(y > 0, y, 0).sum((1, 2)), 1e-12)
    np.testing.assert_array_equal(total_activity(y[:, 0, 0]), np.maximum(y[:, 0, 0], 0))


def test_an_unknown_layer_is_named():
    with pytest.raises(ValueError, match="layer is 'conv9', expected one of conv1"):
        occlusion_map(seeker(), X, 1, layer="conv9")


def test_a_net_without_scores_is_refused():
    net = Network((12, 12, 3), [("conv1", layers.Conv(2, 3))])
    with pytest.raises(ValueError, match=r"net's last layer, 'conv1', is of shape \(10, 10, 2\), expected class scores"):
        occlusion_map(net, X, 1)
