"""Image sets as batches for a net: what the studies and evaluations of sections 4 and 5 begin with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from npzf.data.batches import EvaluationBatches
from npzf.data.crops import CHANNELS
from npzf.data.protocols import Batch, Batches, ImageSet
from npzf.data.square_images import SquareImages
from npzf.network import Network


def resized_side(net: Network) -> int:
    """Side in pixels that images are resized to before the crop for this net: 8/7 of the longer side of its input.

    Section 3: 256 for crops of 224.
    """
    return round(max(net.input_shape[:2]) * 8 / 7)


def check_takes_images(net: Network) -> None:
    """ValueError for a net that takes neither red, green and blue nor grey."""
    if net.input_shape[2] not in CHANNELS:
        raise ValueError(f"input_shape of the net is {net.input_shape}, expected 3 channels for images, or 1 for grey ones")


def fit_to_net(net: Network, images: ImageSet | SquareImages, side: int | None = None) -> SquareImages:
    """The images as squares for this net, resized to `side` pixels, by default resized_side(net); SquareImages as they are.

    They are grey for a net of one channel. ValueError if crops of the net's input shape cannot be taken from them.
    """
    rows, columns, channels = net.input_shape
    check_takes_images(net)
    if isinstance(images, SquareImages):
        resized = images
    elif isinstance(images, ImageSet):
        resized = SquareImages(images, resized_side(net) if side is None else side, channels=channels)
    else:
        raise ValueError(f"images are {_described(images)}, expected an image set or SquareImages")
    if resized.channels != channels:
        raise ValueError(
            f"channels of the images is {resized.channels}, expected {channels}, as the net: SquareImages(..., channels=)"
        )
    if max(rows, columns) > resized.side:
        raise ValueError(f"side of the images is {resized.side}, expected at least {max(rows, columns)} pixels, the net's crop")
    return resized


def evaluation_batches(
    net: Network, images: ImageSet | SquareImages | Iterable[Batch], batch: int = 128
) -> Batches | Iterable[Batch]:
    """Centre crops of all images, preprocessed for this net: x (n, H, W, C) with targets and indices.

    images: an image set, resized as by fit_to_net; SquareImages; or batches, which are returned as they are. ValueError for
    anything else, or as fit_to_net.
    """
    if isinstance(images, SquareImages | ImageSet):
        rows, columns, _ = net.input_shape
        return EvaluationBatches(fit_to_net(net, images), (rows, columns), batch, net.preprocessing)
    if isinstance(images, Iterable) and not isinstance(images, np.ndarray | str | bytes):
        return images
    raise ValueError(f"images are {_described(images)}, expected an image set, SquareImages or batches")


def _described(images: object) -> str:
    """A few words for an error message."""
    return f"an array {images.shape}" if isinstance(images, np.ndarray) else repr(type(images).__name__)
