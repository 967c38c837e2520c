"""What an image set is, and what batches of one are, whoever makes them (the images of sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # x (n, H, W, C), targets (n,) or (n, classes), indices (n,)


@runtime_checkable
class ImageSet(Protocol):
    """N images with their targets; each image is decoded when it is asked for."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def targets(self) -> np.ndarray:
        """One class an image: int64 (N,), indices into `classes`; or several labels an image: float or bool (N, classes)."""

    def __len__(self) -> int:
        """Number of images N."""

    def name(self, i: int) -> str:
        """What messages call image i."""

    def image(self, i: int) -> np.ndarray:
        """Pixels of image i, uint8 (H, W, 3) in [0, 255]; DecodeError. Is called from several threads at once."""


@runtime_checkable
class Batches(Protocol):
    """Batches of an image set in its order, which can be entered at any image: what a sweep goes through."""

    batch: int  # images in a batch, those included that cannot be decoded

    @property
    def image_count(self) -> int:
        """Number of images in the set, those included that cannot be decoded."""

    def identity(self) -> tuple:
        """Everything that the batches depend on, besides the preprocessing: equal for equal batches."""

    def __iter__(self) -> Iterator[Batch]:
        """All batches; a batch of which no image can be decoded is left out."""

    def since(self, first: int) -> Iterator[Batch]:
        """The batches of the images from index `first` on."""
