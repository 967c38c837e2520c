"""Figure 4: how features evolve during training: of some maps the strongest activation over all images, at chosen epochs."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from npzf import cuda
from npzf.arrays import generator
from npzf.data import EvaluationBatches, Squares, centre_crop
from npzf.deconvnet import project
from npzf.network import Network
from npzf.studies.top import top_activations

EPOCHS = (1, 2, 5, 10, 20, 30, 40, 64)  # figure 4


class Evolution:
    """Keeps, whenever asked after an epoch, the projections of a random choice of maps of each layer (figure 4).

    kept: layer -> list over epochs of signed projections (maps, h, w, C), cut to the receptive field, with zeros where it hangs
    over the border, and nothing but zeros for a map without a positive activation; epochs: those kept so far; maps: layer ->
    the maps chosen.
    """

    def __init__(self, net: Network, squares: Squares, layers: Collection[str], maps: int = 6, seed: int = 0):
        self.net, self.squares = net, squares
        choice = generator(seed)
        self.maps = {name: np.sort(choice.permutation(net.shapes[name][-1])[:maps]) for name in layers}
        self.epochs: list[int] = []
        self.kept: dict[str, list[np.ndarray]] = {name: [] for name in layers}

    def keep(self, epoch: int, batch: int = 64) -> None:
        """Looks through all images for each map's strongest activation and keeps its projection."""
        scaling, size = self.net.scaling, self.net.input_shape[0]
        tops = top_activations(self.net, EvaluationBatches(self.squares, size, batch, scaling), self.maps, count=1)
        for name, maps in self.maps.items():
            top = tops[name]
            x = scaling.input(centre_crop(self.squares.take(top.images[maps, 0])[0], size))
            down = cuda.host(project(self.net, x, name, (maps, top.rows[maps, 0], top.columns[maps, 0])))
            down[top.values[maps, 0] <= 0] = 0
            self.kept[name].append(self._cut(name, down, top.rows[maps, 0], top.columns[maps, 0]))
        self.epochs.append(epoch)

    def _cut(self, name: str, down: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Projections (maps, H, W, C) -> their receptive fields (maps, h, w, C), all of one size."""
        field, (height, width) = self.net.fields()[name], down.shape[1:3]
        if field.whole or field.size >= min(height, width):
            return down
        cut = np.zeros((len(down), field.size, field.size, down.shape[3]), down.dtype)
        for small, picture, row, column in zip(cut, down, rows, columns, strict=True):
            ys, xs = field.patch(row, column, height, width)
            top, left = ys.start - field.offset - row * field.stride, xs.start - field.offset - column * field.stride
            small[top : top + ys.stop - ys.start, left : left + xs.stop - xs.start] = picture[ys, xs]
        return cut

    def strip(self, name: str) -> np.ndarray:
        """(maps, epochs, h, w, C) signed projections of one layer."""
        return np.stack(self.kept[name], axis=1)
