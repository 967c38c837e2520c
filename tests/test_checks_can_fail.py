"""Every kind of check rejects an operation that is wrong in the way such operations usually are."""

import gradcheck
import naive
import numpy as np
import pytest
from assertions import close, normal, separated

from npzf.losses import softmax_cross_entropy
from npzf.ops import CPU


def rejects(check, *arguments, **options):
    with pytest.raises(AssertionError):
        check(*arguments, **options)


@pytest.mark.parametrize("wrong", [1.0001, -1, 0, np.nan], ids=lambda factor: f"times {factor}")
def test_a_gradient_wrong_by_a_factor(wrong):
    x = normal(3, 4)
    gradcheck.gradient(np.sin, lambda gy: gy * np.cos(x), x)
    rejects(gradcheck.gradient, np.sin, lambda gy: wrong * gy * np.cos(x), x)


def test_a_gradient_with_one_nan():
    x = normal(3, 4)
    gx = np.cos(x)
    gx[1, 2] = np.nan
    rejects(gradcheck.gradient, np.sin, lambda gy: gy * gx, x)


def test_a_gradient_with_one_element_missing():
    x = normal(3, 4)
    gx = np.cos(x)
    gx[1, 2] = 0
    rejects(gradcheck.gradient, np.sin, lambda gy: gy * gx, x)


def test_a_gradient_that_would_broadcast():
    rejects(gradcheck.gradient, np.sin, lambda gy: np.cos(normal(3, 4))[:1], normal(3, 4))


def test_an_array_with_a_nan_or_of_another_shape():
    close(np.ones(3), np.ones(3), 0)
    rejects(close, np.array([1, np.nan, 1]), np.ones(3), 1e9)
    rejects(close, np.ones(3), np.array([1, np.nan, 1]), 1e9)
    rejects(close, np.ones((3, 1)), np.ones(3), 1e9)
    rejects(close, np.array([1, np.inf, 1]), np.ones(3), 1e9)


def test_normalisation_with_a_window_off_by_one():
    """n = 4 instead of 5 leaves out the last map; for even n the window may also lie on the wrong side."""
    x = normal(2, 3, 4, 9)
    rejects(close, CPU.local_response_norm(x, 4, 2.0, 1.0, 0.75), naive.local_response_norm(x, 5, 2.0, 1.0, 0.75), 1e-2)
    mirrored = CPU.local_response_norm(x[..., ::-1], 4, 2.0, 1.0, 0.75)[..., ::-1]
    rejects(close, mirrored, naive.local_response_norm(x, 4, 2.0, 1.0, 0.75), 1e-2)


def test_with_the_usual_alpha_that_window_would_pass_in_float32():
    """Why the constants here are large: with alpha = 1e-4 the wrong window passes a tolerance of 1e-3."""
    x = normal(2, 3, 4, 9)
    close(CPU.local_response_norm(x, 4, 2.0, 1e-4 / 5, 0.75), naive.local_response_norm(x, 5, 2.0, 1e-4 / 5, 0.75), 1e-3)


def test_a_normalisation_gradient_through_the_unmirrored_window():
    x = normal(2, 3, 4, 9)

    def forward(x):
        return CPU.local_response_norm(x, 4, 2.0, 1.0, 0.75)

    def wrong(gy):
        """s_c of window (2 below, 1 above), but the sum over c with that window too instead of its mirror image."""
        mirrored = CPU.local_response_norm_gradient(x[..., ::-1], gy[..., ::-1], 4, 2.0, 1.0, 0.75)
        return mirrored[..., ::-1]

    rejects(gradcheck.gradient, forward, wrong, x)


def test_a_local_gradient_that_forgets_the_mean_deviation():
    x = normal(2, 7, 8, 2)

    def forward(x):
        return CPU.local_contrast_norm(x, 3, 0.8, 1e-4)

    rejects(gradcheck.gradient, forward, lambda gy: CPU.local_contrast_norm_gradient(x, gy, 3, 0.8, 10.0), x)


def test_unpooling_by_overwriting_is_no_adjoint():
    x = separated(2, 9, 7, 3)
    y, switches = CPU.max_pool(x, 3, 2)

    def read(x):
        flat = np.take_along_axis(x.reshape(2, -1, 3), switches.index.reshape(2, -1, 3).astype(int), 1)
        return flat.reshape(y.shape)

    gy = normal(*y.shape)
    gradcheck.adjoint(read, lambda y: CPU.unpool(y, switches), x, gy)
    rejects(gradcheck.adjoint, read, lambda y: CPU.unpool(y, switches, overwrite=True), x, gy)


def test_unflipped_and_transposed_filters():
    x, weight, y = normal(2, 7, 8, 3), normal(4, 3, 3, 3), normal(2, 5, 6, 4)

    def forward(x):
        return CPU.convolve(x, weight)

    for wrong in (weight[:, ::-1, ::-1], weight[:, ::-1], weight.swapaxes(1, 2)):
        rejects(close, CPU.convolve(x, wrong), naive.convolve(x, weight), 1e-2)
        rejects(gradcheck.adjoint, forward, lambda y, w=wrong: CPU.convolve_transpose(y, w, (7, 8)), x, y)


def test_a_convolution_without_its_bias_or_last_row():
    x, weight, bias = normal(2, 7, 8, 3), normal(4, 3, 3, 3), normal(4)
    y, expected = CPU.convolve(x, weight, bias), naive.convolve(x, weight, bias)
    close(y, expected, 1e-12)
    rejects(close, CPU.convolve(x, weight), expected, 1e-2)
    y[:, -1] = 0
    rejects(close, y, expected, 1e-2)


def test_max_pooling_that_takes_padding_or_the_last_of_equals():
    negative = separated(1, 6, 6, 2) - 9
    with_zeros = np.pad(negative, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rejects(np.testing.assert_array_equal, CPU.max_pool(with_zeros, 3, 2)[0], naive.max_pool(negative, 3, 2, 1)[0])
    ties = np.zeros((1, 4, 4, 1))
    backwards = CPU.max_pool(ties[:, ::-1, ::-1], 2, 2)[1].index
    last = 15 - backwards[:, ::-1, ::-1]
    rejects(np.testing.assert_array_equal, last, naive.max_pool(ties, 2, 2)[1])


def test_a_loss_gradient_not_divided_by_the_batch():
    scores, labels = normal(5, 7), np.arange(5)

    def loss(scores):
        return np.array(softmax_cross_entropy(scores, labels)[0])

    rejects(gradcheck.gradient, loss, lambda gy: 5 * gy * softmax_cross_entropy(scores, labels)[1], scores)
