"""Which images a net from elsewhere takes, if nobody says so: the size that its layers fit; no part of the paper."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Sequence
from typing import Any

from npzf.backend import to_numpy
from npzf.interop.builder import NetBuilder
from npzf.interop.node_rows import SizeError, Value
from npzf.network import Network
from npzf.storage.reader import all_finite

IMAGENET = 224  # the side of images that most nets for ImageNet take
LARGEST = 512

log = logging.getLogger(__name__)
Build = Callable[[NetBuilder], Value]


def build_network(build: Build, channels: int, input_shape: Sequence[int] | None = None) -> Network:
    """The net that a function builds for images of input_shape (H, W, C), which has to have that many channels.

    None: 224x224 if that fits, else the smallest square up to 512 that does: the one of which rounding down leaves nothing out.
    ValueError if none does.
    """
    if input_shape is not None:
        height, width, given = checked_shape(input_shape)
        if given != channels:
            raise ValueError(f"input_shape is {tuple(input_shape)}, expected (H, W, C) with C = {channels}, as the net takes")
        return _built(build, channels, height, width)
    try:
        return _built(build, channels, IMAGENET, IMAGENET)
    except SizeError as error:
        fitting = [side for side in range(1, LARGEST + 1) if _fits(build, channels, side)]
        if not fitting:
            raise ValueError(f"input_shape is None, expected (H, W, C): no square size fits ({error})") from None
    shape = (fitting[0], fitting[0], channels)
    if len(fitting) > 1:
        log.warning("input_shape is taken to be %s, the smallest square that fits; up to %d pixels do", shape, fitting[-1])
    return _built(build, channels, *shape[:2])


def checked_shape(input_shape: Any) -> tuple[int, int, int]:
    """The (H, W, C) that a caller has given; ValueError if it is none."""
    try:
        height, width, channels = (operator.index(side) for side in input_shape)
    except (TypeError, ValueError):
        height = width = channels = 0
    if min(height, width, channels) < 1:
        raise ValueError(f"input_shape is {input_shape}, expected (H, W, C) in whole numbers of at least 1")
    return height, width, channels


def _built(build: Build, channels: int, height: int, width: int) -> Network:
    builder = NetBuilder((channels, height, width))
    net = builder.network(build(builder))
    for name, value in net.parameters.items():
        if not all_finite(to_numpy(value)):
            raise ValueError(f"parameter {name} has NaN or infinite numbers, expected finite ones")
    return net


def _fits(build: Build, channels: int, side: int) -> bool:
    try:
        build(NetBuilder((channels, side, side)))
    except SizeError:
        return False
    return True
