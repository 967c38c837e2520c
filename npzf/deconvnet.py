"""The deconvnet (section 2.1): from one activation to the picture of what excited it.

    1. run the images forward; each max pooling records its switches
    2. in the layer looked at, set every activation to zero but one
    3. walk down: unpool through the switches, rectify the signal, filter with the transposed filters
Contrast normalisation and dropout pass the signal on, biases are left out. What relu and normalisation do on the way down is
all that tells a deconvnet from a gradient and from guided backpropagation: the same walk makes all three.
"""

from __future__ import annotations

import numpy as np

from npzf.backend import to_same_device
from npzf.layers import ProjectionRules, Save
from npzf.network import Network
from npzf.regions import Part

Unit = int | tuple[int | np.ndarray, int | np.ndarray, int | np.ndarray] | None


def project(
    net: Network,
    x: np.ndarray,
    layer: str,
    unit: Unit = None,
    *,
    overwrite: bool = False,
    norm_gradient: bool = False,
    relu: str = "deconvnet",
) -> np.ndarray:
    """The deconvnet's picture of each image, (N, H, W, C) like x, from the activations after the named layer.

    unit: None for the whole layer; a map, seeded at its strongest place in each image; or (map, row, column), each a number
    or one for each image (N,). The seed is the activation's own value; the walk passes every layer from the named one down.
    Options: ProjectionRules; with relu="gradient" and norm_gradient=True it is the activation times its gradient. ValueError for a layer,
    unit or relu that does not exist.
    """
    rules = ProjectionRules(overwrite, norm_gradient, relu)
    y = net.activations(x, (layer,), rules.keep)[layer]
    return net.project_down(layer, seed(y, unit), rules)


def project_units(net: Network, x: np.ndarray, layer: str, images: np.ndarray, unit: tuple) -> list[np.ndarray]:
    """Pictures of single units of a local layer, each on its receptive field alone, clipped at the border: list of (h, w, C).

    x (N, H, W, C); images (U,): the image of each unit; unit: (maps, rows, columns), each (U,). The same bits as project's
    pictures have there, for work that grows with the field: conv1's is 7 of ZFNet's 224 pixels. ValueError for a layer whose
    units see everything, or on another device than the CPU.
    """
    field = net.fields().get(layer)
    if field is None or field.whole or net.device != "cpu":
        raise ValueError(f"layer is {layer!r} on {net.device}, expected a layer with receptive fields, on the CPU")
    (height, width), (tops, lefts), places = field.windows(*unit[1:], x.shape[1:3])
    if net.is_local(layer) and len(images) * height * width < x[..., 0].size:  # less to go forward than the whole images
        corners = zip(images, tops, lefts, strict=True)
        x = np.stack([x[n, top : top + height, left : left + width] for n, top, left in corners])
        images, unit = np.arange(len(images)), (unit[0], *places)
    y = net.activations(x, (layer,), Save.SWITCHES)[layer]
    part = net.project_down(layer, Part.units(y, images, *unit), ProjectionRules())
    pictures = []
    for values, top, left, row, column in zip(part.values, part.rows, part.columns, *unit[1:], strict=True):
        ys, xs = field.patch(row, column, *x.shape[1:3])
        pictures.append(values[ys.start - top : ys.stop - top, xs.start - left : xs.stop - left])
    return pictures


def seed(y: np.ndarray, unit: Unit) -> np.ndarray:
    """y (N, H, W, C) or (N, F) with every activation but the unit's set to zero; unit as for project."""
    if unit is None:
        return y
    place = where(y, unit)
    seeded = np.zeros_like(y)
    seeded[place] = y[place]
    return seeded


def where(y: np.ndarray, unit: Unit) -> tuple[np.ndarray, ...]:
    """The index, one entry an image, of a unit in y (N, H, W, C) or (N, F); unit as for project, but not None."""
    place = (np.arange(len(y)), *(np.broadcast_to(part, len(y)) for part in _place(y, unit)))
    return tuple(to_same_device(np.ascontiguousarray(part), y) for part in place)


def argmax_position(y: np.ndarray, index: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns (N,) of the largest activation of a map, or one an image, in y (N, H, W, C); of equals the first."""
    maps = np.broadcast_to(index, len(y))
    best = [int(y[n, ..., m].reshape(-1).argmax()) for n, m in enumerate(maps)]
    return np.unravel_index(np.array(best), y.shape[1:3])


def _place(y: np.ndarray, unit: Unit) -> tuple:
    """The index of the unit behind the images: (row, column, map), or (map,) in a fully connected layer."""
    parts = unit if isinstance(unit, tuple) else (unit,)
    if y.ndim == 2 and len(parts) > 1:
        raise ValueError(f"unit is {unit!r}, expected one number below {y.shape[1]}: this layer has no rows and columns")
    if len(parts) not in (1, 3):
        raise ValueError(f"unit is {unit!r}, expected None, a map or (map, row, column)")
    sizes, names = (y.shape[-1], *y.shape[1:3]), ("map", "row", "column")
    for name, part, size in zip(names, map(np.asarray, parts), sizes, strict=False):
        if part.dtype.kind not in "iu" or part.shape not in ((), y.shape[:1]):
            raise ValueError(f"unit's {name} is {part}, expected a whole number, or one for each of {len(y)} images")
        if part.min() < 0 or part.max() >= size:
            raise ValueError(f"unit's {name} is {part}, expected 0 to {size - 1}")
    if y.ndim == 2:
        return parts
    index, row, column = parts if len(parts) == 3 else (unit, *argmax_position(y, unit))
    return row, column, index
