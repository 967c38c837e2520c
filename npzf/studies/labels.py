"""The classes that figures 5 and 7 follow, and those of saliency, Grad-CAM and class models: checked before any work."""

from __future__ import annotations

import numpy as np

from npzf.network import Network

Labels = int | np.ndarray  # one class for all images, or one an image (N,)


def class_labels(net: Network, labels: Labels, count: int) -> np.ndarray:
    """One label an image, int64 (count,), from one for all of them or from one for each.

    ValueError for a net without class scores, and for labels that do not exist.
    """
    shape = net.shapes[net.scores_name]
    if len(shape) != 1:
        raise ValueError(f"net's last layer, {net.scores_name!r}, is of shape {shape}, expected class scores (classes,)")
    array = np.asarray(labels)
    if array.dtype.kind not in "iu" or array.shape not in ((), (count,)):
        raise ValueError(f"labels is {array.tolist()}, expected a whole number, or one for each of {count} images")
    if not ((array >= 0) & (array < shape[0])).all():
        raise ValueError(f"labels is {array.tolist()}, expected 0 to {shape[0] - 1}")
    return np.broadcast_to(array.astype(np.int64), (count,))
