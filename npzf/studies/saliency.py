"""What section 2.1 is compared with: saliency and class models (Simonyan et al. 2013), Grad-CAM (Selvaraju et al. 2017).

Every gradient here is exact: it is the deconvnet's walk with the relu's and the norm's true derivatives, which spares the
parameters' gradients and leaves those of the net as they are.
"""

from __future__ import annotations

import numpy as np

from npzf.backend import to_numpy
from npzf.deconvnet import EXACT, gradient, one_at
from npzf.network import Network
from npzf.units import index_of


def saliency(net: Network, x: np.ndarray, label: int | np.ndarray) -> np.ndarray:
    """How much a class score, before the softmax, depends on each pixel: its channels' largest |gradient|, (N, H, W).

    x (N, H, W, C); label: a class, or one for each image (N,). Simonyan et al. 2013, section 3. ValueError for a label that does
    not exist.
    """
    return np.abs(gradient(net, x, net.output_name, label)[1]).max(-1)


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
        image += rate * (gradient(net, image[None], net.output_name, label)[1][0] - 2 * decay * image)
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
    y = net.record(x, {layer, net.output_name}, EXACT.save)
    one = one_at(y[net.output_name], index_of(y[net.output_name], label))
    gy = y.walk(net.output_name, one, EXACT, to=layer)
    return np.maximum(to_numpy((y[layer] * gy.mean((1, 2), keepdims=True)).sum(3)), 0)
