"""Figure 6: filters of known frequency fall in their bands, strides alias what they cannot keep apart, dead maps are named."""

import numpy as np
import pytest
from assertions import close, normal
from synthetic_images import marked, seeker

from npzf import layers
from npzf.data import EvaluationBatches
from npzf.network import Network
from npzf.studies import diagnose_layer
from npzf.studies.architecture import HIGH, LOW, aliasing, noise_shares, spectral_shares

VERY_LOW, MIDDLE, VERY_HIGH = range(3)


def grating(frequency, side, angle=0.0):
    """A wave of so many cycles per pixel along a direction, faded at the border: (side, side)."""
    rows, columns = np.mgrid[:side, :side]
    wave = np.cos(2 * np.pi * frequency * (rows * np.cos(angle) + columns * np.sin(angle)))
    fade = np.hanning(side + 2)[1:-1]
    return wave * fade[:, None] * fade


@pytest.mark.parametrize("angle", [0, 0.5, np.pi / 4, np.pi / 2])
@pytest.mark.parametrize(("frequency", "band"), [(0.0, VERY_LOW), (0.04, VERY_LOW), (0.16, MIDDLE), (0.35, VERY_HIGH)])
def test_a_filter_of_stated_frequency_falls_in_its_band(frequency, band, angle):
    shares = spectral_shares(grating(frequency, 41, angle)[None, ..., None])
    assert shares[0, band] > 0.95
    close(shares.sum(1), [1.0], 1e-12)


def test_the_checkerboard_is_very_high_and_one_colour_very_low():
    board = np.indices((24, 24)).sum(0) % 2 * 2.0 - 1
    shares = spectral_shares(np.stack([board, np.ones((24, 24))])[..., None])
    assert shares[0, VERY_HIGH] > 0.9 and shares[1, VERY_LOW] > 0.9


def test_energies_of_channels_add_up_and_filters_of_zeros_have_none():
    low, high = grating(0.0, 31), grating(0.4, 31)
    scale = np.sqrt((low**2).sum() / (high**2).sum())
    weight = np.stack([np.stack([low, 0 * low], -1), np.stack([low, scale * high], -1), np.zeros((31, 31, 2))])
    shares = spectral_shares(weight)
    close(shares[1, VERY_HIGH] - shares[0, VERY_HIGH], 0.5, 0.02)
    assert not shares[2].any()


def test_white_noise_has_the_shares_of_the_areas():
    areas = np.array([np.pi * LOW**2, np.pi * (HIGH**2 - LOW**2), 1 - np.pi * HIGH**2])
    close(noise_shares(), areas, 0.02)
    close(spectral_shares(normal(200, 9, 9, 3)).mean(0), areas, 0.02)


def test_energy_is_all_there():
    """Parseval: by a filter's own sum of squares."""
    weight = normal(3, 5, 7, 2)
    spectrum = np.abs(np.fft.fft2(weight, (64, 64), axes=(1, 2))) ** 2
    close(spectrum.sum((1, 2, 3)) / 64**2, (weight**2).sum((1, 2, 3)), 1e-12)


def sampled(stride, window=1, pad=0):
    """A net that takes every stride-th pixel of green, and of nothing."""
    net = Network((64, 64, 3), [("conv1", layers.Conv(2, window, stride=stride, pad=pad))], dtype="float64", weight_init=0.0)
    net.parameters["conv1/weight"][0, window // 2, window // 2, 1] = 1
    net.parameters["conv1/bias"][...] = 1e3
    return net


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize(
    ("stride", "frequency", "expected"),
    [(1, 0.45, 0), (2, 0.2, 0), (2, 0.3, 1), (4, 0.08, 0), (4, 0.2, 1), (4, 0.45, 1)],
)
def test_a_wave_is_aliased_above_the_nyquist_frequency(stride, frequency, expected, across):
    wave = np.cos(2 * np.pi * frequency * np.arange(64))
    x = np.zeros((2, 64, 64, 3))
    x[..., 1] = 100 + 50 * (wave[None, :] if across else wave[:, None])
    share = aliasing(sampled(stride), x, "conv1")
    assert abs(share[0] - expected) < 1e-3  # the mean of 100 is no pattern
    assert share[1] == 0  # a map of zeros has no energy


def test_white_noise_is_aliased_but_for_the_part_that_the_stride_keeps_apart():
    x = normal(4, 64, 64, 3)
    for stride in (1, 2, 4):
        assert abs(aliasing(sampled(stride, window=3, pad=1), x, "conv1")[0] - (1 - 1 / stride**2)) < 0.05


def test_a_later_layer_with_groups_is_measured_on_what_it_sees():
    table = [("conv1", layers.Conv(4, 1)), ("pool1", layers.MaxPool(2, 2)), ("conv2", layers.Conv(2, 1, stride=2, groups=2))]
    net = Network((64, 64, 3), table, dtype="float64")
    x = normal(2, 64, 64, 3)
    pooled = net.forward(x, upto="pool1")
    alone = Network((32, 32, 4), [("conv2", layers.Conv(2, 1, stride=2, groups=2))], dtype="float64")
    alone.parameters["conv2/weight"][...] = net.parameters["conv2/weight"]
    close(aliasing(net, x, "conv2"), aliasing(alone, pooled, "conv2"), 1e-12)


def batches(net, size=2):
    squares = marked([3, 0, 9, 1], [(0, 0), (0, 0), (4, 5), (8, 8)])
    return EvaluationBatches(squares, 12, size, net.preprocessing)


def test_dead_maps_are_those_never_above_zero():
    """Map 0 finds marks, map 1 sees nothing, map 2 is never above 0 on images without negative pixels."""
    net = seeker()
    assert diagnose_layer(net, batches(net), "conv1").dead.tolist() == [False, True, True]
    net.parameters["conv1/bias"][0] = -1e9
    assert diagnose_layer(net, batches(net), "conv1").dead.tolist() == [True, True, True]
    net.parameters["conv1/bias"][1] = 1e-9
    assert diagnose_layer(net, batches(net), "conv1").dead.tolist() == [True, False, True]


def test_a_map_that_lives_on_the_last_image_alone_is_not_dead():
    net = seeker()
    net.parameters["conv1/bias"][0] = -(30 * 8 + 1)  # only the mark of strength 9 is above
    assert not diagnose_layer(net, batches(net, 1), "conv1").dead[0]


def test_rms_and_filters():
    net = seeker()
    diagnosis = diagnose_layer(net, batches(net), "conv1")
    np.testing.assert_array_equal(diagnosis.weight, net.parameters["conv1/weight"])
    close(diagnosis.rms, np.sqrt((net.parameters["conv1/weight"] ** 2).mean((1, 2, 3))), 1e-12)
    assert (diagnosis.layer, diagnosis.stride, diagnosis.shares.shape, diagnosis.aliased.shape) == ("conv1", 1, (3, 3), (3,))


def test_bad_arguments_are_named_in_one_line():
    net = seeker()
    with pytest.raises(ValueError, match="layer is 'relu1', expected a convolution: conv1"):
        diagnose_layer(net, batches(net), "relu1")
    with pytest.raises(ValueError, match="images is empty, expected at least one image"):
        diagnose_layer(net, [], "conv1")
