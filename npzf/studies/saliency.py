"""What section 2.1 is compared with: saliency and class models (Simonyan et al. 2013), Grad-CAM (Selvaraju et al. 2017).

Every gradient here is exact: it is the deconvnet's walk with the relu's and the norm's true derivatives, which spares the
parameters' gradients and leaves those of the net as they are.
"""

from __future__ import annotations

import numpy as np

from npzf.backend import to_numpy
from npzf.deconvnet import Unit, where
from npzf.layers import ProjectionRules
from npzf.network import Network

EXACT = ProjectionRules(norm_gradient=True, relu="gradient")


def gradient(net: Network, x: np.ndarray, layer: str, unit: Unit) -> tuple[np.ndarray, np.ndarray]:
    """A unit's values (N,) for the images x (N, H, W, C), and their gradient by the pixels, (N, H, W, C).

    unit as for npzf.project, but not None. ValueError for a layer or unit that does not exist.
    """
    y = net.activations(x, (layer,), EXACT.keep)[layer]
    place = where(y, unit)
    return to_numpy(y[place]), to_numpy(net.project_down(layer, _one_at(y, place), EXACT))


def saliency(net: Network, x: np.ndarray, label: int | np.ndarray) -> np.ndarray:
    """How much a class score, before the softmax, depends on each pixel: its channels' largest |gradient|, (N, H, W).

    x (N, H, W, C); label: a class, or one for each image (N,). Simonyan et al. 2013, section 3. ValueError for a label that does
    not exist.
    """
    return np.abs(gradient(net, x, net.last, label)[1]).max(-1)


def class_model(
    net: Network, label: int, decay: float, rate: float, steps: int = 100, start: np.ndarray | None = None
) -> np.ndarray:
    """The image (H, W, C), in units of x, that maximises a class score - decay * |image|^2, by gradient ascent.

    A step is rate times the gradient; all three are open in Simonyan et al. 2013, section 2. start: the image to begin with,
    by default 0, the mean image, where nets whose biases are all 0 have no gradient. ArithmeticError if the rate is so high
    that the image grows without end.
    """
    image = np.zeros(net.input_shape, net.dtype) if start is None else np.array(start, net.dtype)
    for _ in range(steps):
        image += rate * (gradient(net, image[None], net.last, label)[1][0] - 2 * decay * image)
        if not np.isfinite(image).all():
            raise ArithmeticError(f"the class model grew without end, with a rate of {rate:g}: try a lower one")
    return image


def grad_cam(net: Network, x: np.ndarray, label: int | np.ndarray, layer: str) -> np.ndarray:
    """Where a layer's maps speak for a class: their sum, each weighted by its mean gradient, rectified; (N, OH, OW).

    x (N, H, W, C); label: a class, or one for each image (N,). Selvaraju et al. 2017, equations 1 and 2. ValueError for a layer
    without maps, and for a label that does not exist.
    """
    with_maps = [name for name in net.layers if len(net.shapes[name]) == 3]
    if layer not in with_maps:
        raise ValueError(f"layer is {layer!r}, expected one with maps: {', '.join(with_maps)}")
    y = net.activations(x, {layer, net.last}, EXACT.keep)
    one = _one_at(y[net.last], where(y[net.last], label))
    gy = net.project_down(net.last, one, EXACT, to=layer)
    return np.maximum(to_numpy((y[layer] * gy.mean((1, 2), keepdims=True)).sum(3)), 0)


def _one_at(y: np.ndarray, place: tuple) -> np.ndarray:
    """Like y, 1 at this index and 0 elsewhere: where a gradient begins."""
    one = np.zeros_like(y)
    one[place] = 1
    return one
