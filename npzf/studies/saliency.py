"""What section 2.1 is compared with: saliency and class models (Simonyan et al. 2013), Grad-CAM (Selvaraju et al. 2017).

Gradients are exact: the deconvnet's walk with the true derivatives of ReLU and normalisation. The net's parameter gradients are
neither computed nor touched.
"""

from __future__ import annotations

import numpy as np

from npzf.backend import to_numpy
from npzf.deconvnet import EXACT, gradient, one_at
from npzf.network import Network
from npzf.numbers import check_finite, check_whole
from npzf.studies.labels import Labels, class_labels
from npzf.units import index_of


def saliency_map(net: Network, x: np.ndarray, labels: Labels) -> np.ndarray:
    """How much a class score, before the softmax, depends on each pixel of x (N, H, W, C): (N, H, W).

    The largest |gradient| of the pixel's channels (Simonyan et al. 2013, section 3). labels: a class, or one an image (N,).
    ValueError for a label that does not exist, and a net without class scores.
    """
    labels = class_labels(net, labels, len(x))
    return np.abs(gradient(net, x, net.scores_name, labels)[1]).max(-1)


def class_model(
    net: Network, label: int, *, decay: float, rate: float, steps: int = 100, start: np.ndarray | None = None
) -> np.ndarray:
    """The image (H, W, C), in units of x, that maximises a class score - decay * |image|^2, by gradient ascent.

    rate: the step, in units of the gradient; decay, rate and steps are open in Simonyan et al. 2013, section 2. start: the first
    image (H, W, C), by default 0, the mean image, at which a net whose biases are all 0 has no gradient. ValueError for a label
    that does not exist, and a net without class scores; ArithmeticError for a rate so high that the image grows without bound.
    """
    check_finite(decay=decay, rate=rate)
    check_whole(steps=steps)
    if decay < 0 or not rate > 0 or steps < 0:
        raise ValueError(f"decay, rate and steps are {decay:g}, {rate:g}, {steps}, expected at least 0, above 0, at least 0")
    labels = class_labels(net, label, 1)
    image = np.zeros(net.input_shape, net.dtype) if start is None else np.array(start, net.dtype)
    for _ in range(steps):
        image += rate * (gradient(net, image[None], net.scores_name, labels)[1][0] - 2 * decay * image)
        if not np.isfinite(image).all():
            raise ArithmeticError(f"rate is {rate:g}, expected a lower one: the class model grows without bound")
    return image


def grad_cam(net: Network, x: np.ndarray, layer: str, labels: Labels) -> np.ndarray:
    """Where a layer's maps support a class: the sum of the maps, each times its mean gradient, rectified: (N, OH, OW).

    x (N, H, W, C); labels: a class, or one an image (N,). Selvaraju et al. 2017, equations 1 and 2. ValueError for a layer
    without maps, a label that does not exist, and a net without class scores.
    """
    if layer not in net.with_maps():
        raise ValueError(f"layer is {layer!r}, expected one with maps: {', '.join(net.with_maps())}")
    labels = class_labels(net, labels, len(x))
    tape, scores = net.record(x, {layer, net.scores_name}, EXACT.save), net.scores_name
    gy = tape.walk(scores, one_at(tape[scores], index_of(tape[scores], labels)), EXACT, to=layer)
    return np.maximum(to_numpy((tape[layer] * gy.mean((1, 2), keepdims=True)).sum(3)), 0)
