"""Figure 4: how features evolve during training: of some maps the strongest activation over all images, at chosen epochs."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from npzf.backend.arrays import generator
from npzf.data import EvaluationBatches, SquareImages, centre_crop
from npzf.network import Network
from npzf.studies.top import projections_of, top_activations

EPOCHS = (1, 2, 5, 10, 20, 30, 40, 64)  # figure 4


class Evolution:
    """Keeps, of each net that it is shown, the projections of a random choice of maps of each layer (figure 4).

    The nets are one net at several moments of its training, or a row of them loaded again; net: any of these, of which only the
    architecture counts. maps: how many of each layer are chosen, at most all. Attributes: kept, layer -> list over epochs of
    signed projections (maps, h, w, C), cut to the receptive field, with zeros where it hangs over the border, and nothing but
    zeros for a map without a positive activation; epochs, those kept so far; maps, layer -> the maps chosen. ValueError for an
    unknown layer, or less than one map.
    """

    def __init__(self, net: Network, squares: SquareImages, layers: Collection[str], maps: int = 6, seed: int = 0):
        if maps < 1:
            raise ValueError(f"maps is {maps}, expected at least 1")
        for name in layers:
            if name not in net.layers:
                raise ValueError(f"layer is {name!r}, expected one of {', '.join(net.layers)}")
        self.squares, self.shapes, self.fields = squares, net.shapes, net.fields()
        choice = generator(seed)
        self.maps = {name: np.sort(choice.permutation(net.shapes[name][-1])[:maps]) for name in layers}
        self.epochs: list[int] = []
        self.kept: dict[str, list[np.ndarray]] = {name: [] for name in layers}

    def keep(self, net: Network, epoch: int, batch: int = 64) -> None:
        """Looks through all images for each map's strongest activation in this net and keeps its projection.

        ValueError for a net whose layers have other names, shapes or receptive fields than those of the first.
        """
        self._check(net, epoch)
        size = net.input_shape[0]
        tops = top_activations(net, EvaluationBatches(self.squares, size, batch, net.preprocessing), self.maps, count=1)
        for name, maps in self.maps.items():
            top = tops[name]
            rows, columns = top.rows[maps, 0], top.columns[maps, 0]
            x = net.preprocessing.apply(centre_crop(self.squares.take(top.images[maps, 0])[0], size))
            pictures = projections_of(net, x, name, np.arange(len(maps)), (maps, rows, columns))
            placed = self._placed(name, pictures, rows, columns, x.shape)
            placed[top.values[maps, 0] <= 0] = 0
            self.kept[name].append(placed)
        self.epochs.append(epoch)

    def _check(self, net: Network, epoch: int) -> None:
        fields = net.fields()
        for name in self.shapes | net.shapes:
            found, expected = (shapes.get(name, "missing") for shapes in (net.shapes, self.shapes))
            if found != expected or fields[name] != self.fields[name]:
                of = "" if found != expected else " with another receptive field"
                raise ValueError(f"the net of epoch {epoch} has layer {name!r} {found}{of}, expected {expected} as in the first")

    def _placed(self, name: str, pictures: list[np.ndarray], rows: np.ndarray, columns: np.ndarray, shape: tuple) -> np.ndarray:
        """Projections clipped at the border -> (maps, h, w, C), all as large as the field, or as the image if that is smaller."""
        field, (count, height, width, channels) = self.fields[name], shape
        whole = field.whole or field.size[0] >= height or field.size[1] >= width
        size = (height, width) if whole else field.size
        placed = np.zeros((count, *size, channels), pictures[0].dtype)
        for frame, picture, row, column in zip(placed, pictures, rows, columns, strict=True):
            ys, xs = field.patch(row, column, height, width)
            top, left = (0, 0) if whole else field.corner(row, column)
            frame[ys.start - top : ys.stop - top, xs.start - left : xs.stop - left] = picture
        return placed

    def strip(self, name: str) -> np.ndarray:
        """(maps, epochs, h, w, C) signed projections of one layer."""
        return np.stack(self.kept[name], axis=1)
