"""Figure 7: which parts of an image a net's answer depends on: a grey square slides over it and the answer is read off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from npzf.backend import to_numpy
from npzf.losses import softmax
from npzf.network import Network
from npzf.regions import Region

SIZE, STEP = 1 / 5, 1 / 20  # of the image's side; open in the paper


@dataclass(frozen=True)
class Occlusion:
    """What the net answers with the occluder at each place: arrays (rows, columns) over centres_y, centres_x (pixels).

    probability: of the label (d); best: the most probable class (e); untouched: the label's probability without an occluder;
    size: the occluder's side in pixels. If a layer was named: strongest, its map with the largest single activation
    without an occluder (whether the paper means that or the largest total is open); activity: that map's total activity (b);
    untouched_activity: the same without an occluder.
    """

    probability: np.ndarray
    best: np.ndarray
    untouched: float
    centres_y: np.ndarray
    centres_x: np.ndarray
    size: int
    strongest: int | None = None
    activity: np.ndarray | None = None
    untouched_activity: float | None = None


def occlusion(
    net: Network,
    x: np.ndarray,
    label: int,
    size: int | None = None,
    step: int | None = None,
    grey: float = 0.0,
    batch: int = 64,
    layer: str | None = None,
) -> Occlusion:
    """Slides a size x size square of value grey over one image x (H, W, C) by `step` pixels; figure 7 (d), (e), with a layer (b).

    size, step in pixels (default a fifth and a twentieth of the shorter side); grey in units of the net's input, in which 0 is
    the mean image. Only what the square can have changed is computed again (changed.py): the same numbers but for rounding. A
    terminal shows how far it is. ValueError for a label, size or step out of range, or an unknown layer.
    """
    height, width = x.shape[:2]
    size = round(min(height, width) * SIZE) if size is None else size
    step = max(1, round(min(height, width) * STEP)) if step is None else step
    if len(net.shapes[net.output_name]) != 1:
        raise ValueError(
            f"the net's last layer, {net.output_name!r}, gives {net.shapes[net.output_name]}, expected scores (classes,)"
        )
    if layer is not None and layer not in net.layers:
        raise ValueError(f"layer is {layer!r}, expected one of {', '.join(net.layers)}")
    classes = net.shapes[net.output_name][0]
    if not 0 <= label < classes:
        raise ValueError(f"label is {label}, expected 0 to {classes - 1}")
    if not 1 <= size <= min(height, width) or step < 1:
        raise ValueError(f"size is {size}, step {step}, expected size from 1 to {min(height, width)} pixels, step >= 1")
    if batch < 1:
        raise ValueError(f"batch is {batch}, expected at least 1 place at once")
    tops, lefts = (np.arange(0, side - size + 1, step) for side in (height, width))
    names = {net.output_name} if layer is None else {net.output_name, layer}
    tape = net.record(x[None], list(net.layers))
    untouched = {name: to_numpy(tape[name]) for name in names}
    strongest = None if layer is None else int(untouched[layer].reshape(-1, untouched[layer].shape[-1]).max(0).argmax())
    p, activity = [], []
    with tqdm(total=len(tops) * len(lefts), desc="occluder", unit="place", leave=False, disable=None) as bar:
        for square in _squares(np.asarray(x, net.dtype), tops, lefts, size, grey, batch):
            seen = {name: to_numpy(y) for name, y in tape.update(square, names).items()}
            p.append(softmax(seen[net.output_name]))
            if layer is not None:
                activity.append(total_activity(seen[layer])[:, strongest])
            bar.update(len(square.rows))
    p = np.concatenate(p).reshape(len(tops), len(lefts), classes)
    middle = (size - 1) / 2
    found = (
        p[..., label],
        p.argmax(-1),
        float(softmax(untouched[net.output_name])[0, label]),
        tops + middle,
        lefts + middle,
        size,
    )
    if layer is None:
        return Occlusion(*found)
    activity = np.concatenate(activity).reshape(p.shape[:2])
    return Occlusion(*found, strongest, activity, float(total_activity(untouched[layer])[0, strongest]))


def total_activity(y: np.ndarray) -> np.ndarray:
    """Sum over the places of each map of what is above 0: y (N, H, W, C) or (N, C) -> (N, C)."""
    return np.maximum(y, 0).reshape(len(y), -1, y.shape[-1]).sum(1)


def _squares(x, tops, lefts, size, grey, batch) -> Iterator[Region]:
    """The occluder at every place of x (H, W, C), in raster order, up to `batch` places together."""
    rows, columns = (places.reshape(-1) for places in np.meshgrid(tops, lefts, indexing="ij"))
    for start in range(0, len(rows), batch):
        part = slice(start, start + batch)
        values = np.full_like(x, grey, shape=(len(rows[part]), size, size, x.shape[2]))
        yield Region(values, np.zeros(len(values), int), rows[part], columns[part])
