"""The deconvnet (section 2.1): from one activation to the picture of what excited it.

    1. run the images forward; each max pooling records its switches
    2. in the layer looked at, set every activation to zero but one
    3. walk down: unpool through the switches, rectify the signal, filter with the transposed filters
Contrast normalisation and dropout pass the signal on, biases are left out. Deconvnet, gradient and guided backpropagation differ
only in how ReLU and normalisation pass the signal: one walk, Tape.walk, implements all three.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npzf.backend import to_numpy
from npzf.backend.arrays import array_module
from npzf.layers import ProjectionRules, Save
from npzf.network import Network
from npzf.units import Unit, index_of

EXACT = ProjectionRules(norm_gradient=True, relu="gradient")


def project(
    net: Network,
    x: Any,
    layer: str,
    unit: Unit = None,
    *,
    overwrite: bool = False,
    norm_gradient: bool = False,
    relu: str = "deconvnet",
) -> Any:
    """The deconvnet's picture of each image, (N, H, W, C) like x, from the activations after the named layer.

    unit: None for the whole layer; a map, seeded at its strongest place in each image; or (map, row, column), each a number
    or one for each image (N,). The seed is the activation's own value; the walk passes every layer from the named one down.
    Options: ProjectionRules; with relu="gradient" and norm_gradient=True it is the activation times its gradient. ValueError for
    a layer, unit or relu that does not exist. To project several units of the same images, record them once: net.record(x,
    [layer], Save.SWITCHES).project(layer, unit), as often as wanted.
    """
    rules = ProjectionRules(overwrite, norm_gradient, relu)
    return net.record(x, (layer,), rules.save).project(layer, unit, rules)


def project_units(net: Network, x: Any, layer: str, images: np.ndarray, unit: tuple) -> list[np.ndarray]:
    """Pictures of single units of a layer, each on its receptive field alone, clipped at the border: NumPy arrays (h, w, C).

    x (N, H, W, C); images (U,): the image of each unit; unit: (maps, rows, columns), each (U,). Equal to project's pictures there
    but for rounding, for work that grows with the field: conv1's is 7 of ZFNet's 224 pixels. ValueError for a layer whose units
    have no places.
    """
    if layer not in net.layers or len(net.shapes[layer]) != 3:
        raise ValueError(f"layer is {layer!r}, expected one with maps: {', '.join(net.with_maps())}")
    x, images, unit = _crop(net, x, layer, np.asarray(images), tuple(np.asarray(part) for part in unit))
    tape, field, size = net.record(x, (layer,), Save.SWITCHES), net.fields()[layer], x.shape[1:3]
    region = tape.project_units(layer, images, unit)
    if region is None:  # a layer on the way needs all of its maps
        planes = to_numpy(project(net, x[images], layer, unit))
        return [plane[field.patch(row, column, *size)] for plane, row, column in zip(planes, *unit[1:], strict=True)]
    pictures, corners = [], zip(region.rows, region.columns, *unit[1:], strict=True)
    for values, (top, left, row, column) in zip(to_numpy(region.values), corners, strict=True):
        ys, xs = field.patch(row, column, *size)
        pictures.append(values[ys.start - top : ys.stop - top, xs.start - left : xs.stop - left])
    return pictures


def _crop(net: Network, x: Any, layer: str, images: np.ndarray, unit: tuple) -> tuple[Any, np.ndarray, tuple]:
    """The parts of the images in which the units come out the same, if these are less to go forward than the whole images."""
    if not net.has_receptive_field(layer):
        return x, images, unit
    maps, rows, columns = unit
    (height, width), (tops, lefts), places = net.fields()[layer].windows(rows, columns, x.shape[1:3])
    if len(images) * height * width >= x[..., 0].size:
        return x, images, unit
    corners = zip(images.tolist(), tops.tolist(), lefts.tolist(), strict=True)
    parts = [x[n, top : top + height, left : left + width] for n, top, left in corners]
    return array_module(x).stack(parts), np.arange(len(images)), (maps, *places)


def gradient(net: Network, x: Any, layer: str, unit: Unit) -> tuple[np.ndarray, np.ndarray]:
    """A unit's values (N,) for the images x (N, H, W, C), and their exact gradient by the pixels (N, H, W, C), as NumPy arrays.

    It is the deconvnet's walk with the relu's and the norm's true derivatives. unit as for project, but not None. ValueError for
    a layer or unit that does not exist.
    """
    tape = net.record(x, (layer,), EXACT.save)
    index = index_of(tape[layer], unit)
    return to_numpy(tape[layer][index]), to_numpy(tape.walk(layer, one_at(tape[layer], index), EXACT))


def one_at(y: Any, index: tuple) -> Any:
    """Like y, 1 at this index and 0 elsewhere: where a gradient begins."""
    one = array_module(y).zeros_like(y)
    one[index] = 1
    return one
