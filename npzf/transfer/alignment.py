"""How alike two thumbnails are once one is laid over the other: how section 5.2's overlap is decided, pair by pair.

A window (top, bottom, left, right) is what is cut off a thumbnail at each side, as a share of the side. Of two images that show
the same, one may have been cropped: MIDDLE of the second is then a window of the first, with sides from 0.8 of MIDDLE's to 1,
since up to 10 % of each side may be missing. Windows are compared by their grey levels on CELLS x CELLS cells.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from npzf.transfer.descriptors import SIDE

CELLS = 14
MIDDLE = (0.1, 0.1, 0.1, 0.1)  # what remains of an image after any crop of up to 10 % a side
WIDEST = 0.25  # no window cuts off more at one side
STEP, REACH = 0.02, 0.05  # of a window's side: half the distance that slopes are taken over, and the furthest one step goes
STEPS = 2  # by slopes, after one by grey levels, which finds the way from further off
NOISE = 0.02  # added to the mean square of features: blank images, which show nothing but rounding, are like nothing
SOFT = 0.25  # of the root mean square of slopes: what is much smaller is noise
HOPELESS = 0.6  # not followed further if less alike after the first step: it is 0.9 and more that counts


def cells(off_start: np.ndarray, off_end: np.ndarray) -> np.ndarray:
    """What weights pixels have in the cells of windows along one axis: shares cut off (M,) -> float32 (M, CELLS, SIDE).

    A cell is a triangle two cells wide, so that little depends on where the pixels' edges lie.
    """
    start, end = np.asarray(off_start, np.float32), np.asarray(off_end, np.float32)
    width = ((1 - start - end) * np.float32(SIDE / CELLS))[:, None, None]
    middle = start[:, None, None] * SIDE + width * (np.arange(CELLS, dtype=np.float32)[:, None] + np.float32(0.5))
    edges = ((np.arange(SIDE + 1, dtype=np.float32) - middle) / width).clip(-1, 1)
    weights = np.diff(edges - 0.5 * edges * np.abs(edges), axis=2)  # the triangle's integral between a pixel's edges
    return weights / weights.sum(2, keepdims=True)


def similarities(first: np.ndarray, second: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """How alike the thumbnails of M pairs are when best aligned: float32 (M, SIDE, SIDE), twice -> float32 (M,) in [-1, 1].

    It is the correlation of their slopes (see _slopes). windows (M, 4): about where the second's MIDDLE is in the first. Each is
    laid over the other in turn, and the larger correlation is taken. Blank images are like nothing.
    """
    found, windows = _step(first, second, np.asarray(windows, np.float32), _levels)
    hopeful = np.flatnonzero(found >= HOPELESS)
    first, second, windows = first[hopeful], second[hopeful], windows[hopeful]
    for one, other, window in ((first, second, windows), (second, first, inverse(windows))):
        for _ in range(STEPS):
            likeness, window = _step(one, other, window, _slopes)
            found[hopeful] = np.maximum(found[hopeful], likeness)
    return found.clip(-1, 1)


def inverse(windows: np.ndarray) -> np.ndarray:
    """Where the first's MIDDLE is in the second, if the second's MIDDLE is in these windows (M, 4) of the first."""
    off, middle = windows.reshape(-1, 2, 2), MIDDLE[0]
    shares = (1 - 2 * middle) * (middle - off) / (1 - off.sum(2, keepdims=True))
    return (middle + shares).reshape(-1, 4).clip(0, WIDEST)


def _step(
    first: np.ndarray, second: np.ndarray, windows: np.ndarray, features: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """One step of Gauss and Newton that moves the windows of the first to where the features are more like the second's.

    -> the correlation of the slopes where the windows are then (M,), and these windows (M, 4).
    """
    wanted = _seen(second, np.array([MIDDLE], np.float32))
    seen = _seen(first, windows)
    apart = features(wanted) - features(seen)
    slope = np.empty((*apart.shape, 4), np.float32)
    for k in range(4):
        ahead, behind = windows.copy(), windows.copy()
        ahead[:, k] += STEP
        behind[:, k] -= STEP
        slope[..., k] = (features(_seen(first, ahead)) - features(_seen(first, behind))) / (2 * STEP)
    square = slope.transpose(0, 2, 1) @ slope
    damping = 0.01 * np.trace(square, axis1=1, axis2=2) + 1e-6
    square += damping[:, None, None] * np.eye(4, dtype=np.float32)
    move = np.linalg.solve(square, slope.transpose(0, 2, 1) @ apart[:, :, None])[:, :, 0]
    moved = (windows + move.clip(-REACH, REACH)).clip(0, WIDEST)
    target = _slopes(wanted)
    before, after = ((_slopes(x) * target).sum(1) for x in (seen, _seen(first, moved)))
    return np.maximum(before, after), np.where((after > before)[:, None], moved, windows)


def _seen(thumbnails: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Grey levels of windows (M, 4) of thumbnails (M, SIDE, SIDE), in cells: (M, CELLS, CELLS)."""
    down, across = cells(windows[:, 0], windows[:, 1]), cells(windows[:, 2], windows[:, 3])
    return down @ thumbnails @ across.transpose(0, 2, 1)


def _levels(seen: np.ndarray) -> np.ndarray:
    """Cells (M, CELLS, CELLS) -> their deviations from the mean, of length 1: (M, CELLS * CELLS)."""
    levels = _flat(seen)
    return _unit(levels - levels.mean(1, keepdims=True))


def _slopes(seen: np.ndarray) -> np.ndarray:
    """Cells (M, CELLS, CELLS) -> square roots of the differences of neighbours, with their signs, as vectors of length 1.

    Differences, since many images share soft shades; square roots, since otherwise a few strong edges would decide: two images
    with one horizon would be alike. Those below SOFT of the image's own or one grey level stay in proportion.
    """
    slopes = np.concatenate([_flat(np.diff(seen, axis=axis)) for axis in (1, 2)], axis=1)
    squares = slopes * slopes
    soft = SOFT * SOFT * squares.mean(1, keepdims=True) + 1
    return _unit(slopes / np.sqrt(np.sqrt(squares + soft)))


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), values.shape[1] * values.shape[2])


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.sqrt((features * features).sum(1, keepdims=True) + NOISE * features.shape[1])
