"""Figure 4: how features evolve during training: some maps' strongest activations over all images, at chosen epochs."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from npzf.backend.arrays import generator
from npzf.data import ImageSet, SquareImages, centre_crop, evaluation_batches, fit_to_net
from npzf.network import Network
from npzf.numbers import check_seed, check_whole
from npzf.studies.top import IMAGES, top_activations, unit_projections

EPOCHS = (1, 2, 5, 10, 20, 30, 40, 64)  # figure 4


class Evolution:
    """Collects, net by net, the projections of a random choice of maps of each layer (figure 4).

    The nets are one net at several moments of its training, or its checkpoints; of net, the first one, only the architecture
    counts. maps: how many of each layer, at most all; seed: of their choice. ValueError for an unknown layer, and maps below 1.

    maps: layer -> numbers of the chosen maps.
    epochs: those added so far.
    projections: layer -> list over epochs of signed projections (maps, h, w, C), as large as the receptive field, zero where it
    hangs over the border, and zero everywhere for a map without a positive activation.
    """

    def __init__(self, net: Network, images: ImageSet | SquareImages, layers: Collection[str], *, maps: int = 6, seed: int = 0):
        check_whole(maps=maps)
        check_seed(seed)
        if maps < 1:
            raise ValueError(f"maps is {maps}, expected at least 1")
        for name in layers:
            if name not in net.layers:
                raise ValueError(f"layer is {name!r}, expected one of {', '.join(net.layers)}")
        self.images, self.shapes, self.fields = fit_to_net(net, images), net.shapes, net.fields()
        choice = generator(seed)
        self.maps = {name: np.sort(choice.permutation(net.shapes[name][-1])[:maps]) for name in layers}
        self.epochs: list[int] = []
        self.projections: dict[str, list[np.ndarray]] = {name: [] for name in layers}

    def add(self, net: Network, epoch: int, *, batch: int = IMAGES) -> None:
        """Projects each map's strongest activation over all images in this net, the one of that epoch.

        batch: images in one pass. ValueError for layers of other names, shapes or receptive fields than the first net's.
        """
        self._check(net, epoch)
        tops = top_activations(net, evaluation_batches(net, self.images, batch), self.maps, count=1)
        for name, maps in self.maps.items():
            top = tops[name]
            rows, columns = top.rows[maps, 0], top.columns[maps, 0]
            photographs = centre_crop(self.images.take(top.images[maps, 0])[0], net.input_shape[:2])
            x = net.preprocessing.apply(photographs)
            pictures = unit_projections(net, x, name, np.arange(len(maps)), (maps, rows, columns))
            frames = self._frames(name, pictures, rows, columns, x.shape)
            frames[top.values[maps, 0] <= 0] = 0
            self.projections[name].append(frames)
        self.epochs.append(epoch)

    def _check(self, net: Network, epoch: int) -> None:
        fields = net.fields()
        for name in self.shapes | net.shapes:
            shape, expected = (shapes.get(name, "missing") for shapes in (net.shapes, self.shapes))
            if shape != expected or fields[name] != self.fields[name]:
                suffix = "" if shape != expected else " with another receptive field"
                raise ValueError(f"layer {name!r} of epoch {epoch} is {shape}{suffix}, expected {expected} as in the first net")

    def _frames(self, name: str, pictures: list[np.ndarray], rows: np.ndarray, columns: np.ndarray, shape: tuple) -> np.ndarray:
        """Projections clipped at the border -> (maps, h, w, C), as large as the field, or as the image where that is smaller."""
        field, (count, *sides, channels) = self.fields[name], shape
        smaller = [not field.whole and size < side for size, side in zip(field.size, sides, strict=True)]
        frames = np.zeros((count, *np.where(smaller, field.size, sides), channels), pictures[0].dtype)
        for frame, picture, row, column in zip(frames, pictures, rows, columns, strict=True):
            ys, xs = field.patch(row, column, *sides)
            top, left = np.where(smaller, field.corner(row, column), 0)
            frame[ys.start - top : ys.stop - top, xs.start - left : xs.stop - left] = picture
        return frames

    def strip(self, name: str) -> np.ndarray:
        """(maps, epochs, h, w, C) signed projections of one layer."""
        return np.stack(self.projections[name], axis=1)
