"""Maps and patches laid over the photograph that caused them (figure 2's patches; Grad-CAM, beside section 2.1)."""

from __future__ import annotations

import numpy as np

from npzf.geometry import Field


def overlay_heatmap(photograph: np.ndarray, heat: np.ndarray, field: Field) -> np.ndarray:
    """A map (OH, OW) over the grey photograph, uint8 (H, W, 3): each unit in the middle of its receptive field, interpolated.

    field: of the map's units. Negative values count as 0, the largest has the brightest colour.
    """
    from matplotlib import colormaps

    for axis, side in enumerate(photograph.shape[:2]):
        middles = field.offset[axis] + field.stride[axis] * np.arange(heat.shape[axis]) + (field.size[axis] - 1) / 2
        lines = [np.interp(np.arange(side), middles, line) for line in np.moveaxis(heat, axis, -1)]
        heat = np.moveaxis(np.array(lines), -1, axis)
    share = np.maximum(heat, 0) / (heat.max() if heat.max() > 0 else 1)
    grey = photograph.mean(2, keepdims=True)
    return np.rint(0.4 * grey + 0.6 * 255 * colormaps["inferno"](share)[..., :3]).astype(np.uint8)


def frame_patch(photograph: np.ndarray, patch: tuple[slice, slice]) -> np.ndarray:
    """A copy of the photograph, uint8 (H, W, C), with a frame along the patch's border: a black and within it a white pixel."""
    framed = photograph.copy()
    for inset, grey in ((0, 0), (1, 255)):
        ys, xs = (slice(side.start + inset, side.stop - inset) for side in patch)
        framed[[ys.start, ys.stop - 1], xs] = grey
        framed[ys, [xs.start, xs.stop - 1]] = grey
    return framed
