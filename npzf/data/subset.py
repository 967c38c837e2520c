"""Some of the images of a set, in an order of their own: the training and test images of section 5.2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npzf.data.image_files import file_stamps
from npzf.data.protocols import ImageSet


class Subset:
    """The images of a set with these indices (N,), in this order; ValueError for indices that the set does not have."""

    def __init__(self, source: ImageSet, indices: np.ndarray | Sequence[int]):
        self.indices = np.asarray(indices, np.int64)
        outside = self.indices[(self.indices < 0) | (self.indices >= len(source))]
        if self.indices.ndim != 1 or len(outside):
            found = self.indices.shape if self.indices.ndim != 1 else outside[0]
            raise ValueError(f"indices are {found}, expected (N,) from 0 to {len(source) - 1}")
        self.source, self.classes = source, tuple(source.classes)
        self.targets = source.targets[self.indices]
        if hasattr(source, "difficult"):  # of a set with several labels an image, as VOC's
            self.difficult = source.difficult[self.indices]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.indices)

    def name(self, i: int) -> str:
        """What the source calls image i."""
        return self.source.name(int(self.indices[i]))

    def image(self, i: int) -> np.ndarray:
        """Pixels of image i, uint8 (H, W, 3) in [0, 255]; DecodeError if it cannot be decoded."""
        return self.source.image(int(self.indices[i]))

    def stamps(self) -> tuple:
        """Sizes and times of the files, as ImageFiles.stamps; those of the whole source if it has not one for each image."""
        stamps = file_stamps(self.source)
        return tuple(stamps[i] for i in self.indices) if len(stamps) == len(self.source) else stamps
