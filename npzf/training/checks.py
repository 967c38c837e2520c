"""What training checks: classes before it begins, and a loss that stays at that of guessing (section 3)."""

from __future__ import annotations

import logging
import math

from npzf.data import SquareImages
from npzf.network import Network
from npzf.training.objectives import check_loss

log = logging.getLogger("npzf")


def check_classes(net: Network, images: SquareImages, subject: str = "the images have", loss: str = "softmax") -> None:
    """ValueError, beginning with the subject, unless the images' classes are the net's; and for targets not of this loss."""
    shape, classes = net.shapes[net.scores_name], images.source.classes
    if len(shape) != 1:
        raise ValueError(f"net's last layer, {net.scores_name!r}, has maps, {shape}, expected class scores (classes,)")
    outputs = shape[0]
    if len(classes) != outputs:
        raise ValueError(f"{subject} {len(classes)} classes, expected {outputs}, as the net")
    if net.classes is not None and tuple(classes) != tuple(net.classes):
        first, expected = next(pair for pair in zip(classes, net.classes, strict=True) if pair[0] != pair[1])
        raise ValueError(f"{subject} a class {first!r}, expected {expected!r}, as the net")
    check_loss(loss, images.source)


def warn_if_at_chance(loss: float, classes: int) -> None:
    """Logs a warning if an epoch's mean loss is that of guessing, ln(classes), or above it.

    Section 3's initial weights often stay at it; a rate that is too high leads far above it.
    """
    guessing = math.log(classes)
    if loss > 1.1 * guessing:
        log.warning("the loss, %.3f, is above ln %d = %.3f, that of guessing: try a lower rate", loss, classes, guessing)
    elif loss > 0.99 * guessing:
        log.warning(
            "the loss, %.3f, is still at ln %d = %.3f, that of guessing: try He initialisation (weight_init='he'), another rate, "
            "or input in about [-128, 128]",
            *(loss, classes, guessing),
        )
