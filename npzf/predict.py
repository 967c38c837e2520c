"""Predictions and features as NumPy arrays, whatever the device (Tables 1 and 2; the features of section 5.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import cast

import numpy as np
from tqdm import tqdm

from npzf.backend import is_device_array, prefetch_to_device, to_numpy
from npzf.data import Batch, Batches, ImageSet, SquareImages, evaluation_batches
from npzf.losses import softmax
from npzf.network import Network
from npzf.numbers import check_whole

Images = np.ndarray | ImageSet | SquareImages | Batches


def predict(net: Network, images: Images, batch: int = 32, *, progress: bool = False) -> np.ndarray:
    """Probabilities of the classes (N, classes), row i those of image i.

    images: x (N, H, W, C), preprocessed; or an image set, SquareImages or Batches, decoded, cropped and preprocessed as by
    evaluation_batches: the row of an image that cannot be decoded is NaN, and its name is logged. batch: images in one forward
    pass; progress: shows a bar. ValueError for other images, or if the net's output is not one number a class.
    """
    count, batches = _batches(net, images, batch)
    results = (({"p": p}, indices) for p, _, indices in _probabilities(net, batches))
    return _rows(count, results, progress)["p"]


def features(
    net: Network, images: Images, layers: Collection[str], batch: int = 32, *, progress: bool = False
) -> dict[str, np.ndarray]:
    """Name -> activations of that layer (N, ...), row i those of image i; arguments and errors as for predict.

    ValueError for an unknown layer.
    """
    if isinstance(layers, str):
        raise ValueError(f"layers is {layers!r}, expected a list of names")
    for name in layers:
        if name not in net.layers:
            raise ValueError(f"layer is {name!r}, expected one of {', '.join(net.layers)}")
    count, batches = _batches(net, images, batch)
    tapes = ((net.record(x, layers), indices) for x, _, indices in batches)
    results = (({name: tape[name] for name in layers}, indices) for tape, indices in tapes)
    rows = _rows(count, results, progress)
    return {name: rows[name] for name in layers}


def probabilities(net: Network, batches: Iterable[Batch], *, finite: bool = False) -> Iterator[Batch]:
    """(probabilities (n, classes), targets, indices (n,)) of each batch, for sets of any size.

    If a batch has several crops of each image, one after the other, theirs are averaged (section 5.1). finite: ArithmeticError
    for scores that are infinite or NaN. ValueError if the net's output is not one number a class.
    """
    return _probabilities(net, prefetch_to_device(batches, net.device), finite)


def class_scores(net: Network, batches: Iterable[Batch], *, finite: bool = False) -> Iterator[Batch]:
    """(scores before the softmax (n, classes), targets, indices (n,)) of each batch; the rest as for probabilities."""
    for scores, targets, indices in _scores(net, prefetch_to_device(batches, net.device), finite):
        yield _mean_of_crops(scores, indices), targets, indices


def _probabilities(net: Network, batches: Iterable[Batch], finite: bool = False) -> Iterator[Batch]:
    """probabilities, for batches on the net's device."""
    for scores, targets, indices in _scores(net, batches, finite):
        yield _mean_of_crops(softmax(scores), indices), targets, indices


def _scores(net: Network, batches: Iterable[Batch], finite: bool) -> Iterator[Batch]:
    """The scores of every crop, (crops, classes), with targets and indices, for batches on the net's device."""
    shape = net.shapes[net.scores_name]  # of the scores before a softmax, whether or not the net ends in one
    if len(shape) != 1:
        raise ValueError(f"output of the net, {net.output_name!r}, has shape {shape}, expected (classes,)")
    for x, targets, indices in batches:
        scores = to_numpy(net.forward(x, upto=net.scores_name))
        if finite and not np.isfinite(scores).all():
            first = int((~np.isfinite(scores)).any(1).argmax()) * len(indices) // len(scores)  # crops of an image are neighbours
            raise ArithmeticError(
                f"scores of image {indices[first]} are not finite, expected numbers: the net is damaged or diverged"
            )
        yield scores, targets, indices


def _mean_of_crops(y: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """y (n * crops, classes), the crops of an image one after the other -> (n, classes)."""
    return y.reshape(len(indices), -1, y.shape[1]).mean(1)


def _batches(net: Network, images: Images, batch: int) -> tuple[int, Iterable[Batch]]:
    """Number of images N, and batches of them, x on the net's device."""
    check_whole(batch=batch)
    if batch < 1:
        raise ValueError(f"batch is {batch}, expected at least 1 image")
    if isinstance(images, np.ndarray) or is_device_array(images):
        x = cast(np.ndarray, images)
        slices = _slices(x, batch)
        return len(x), slices if is_device_array(x) else prefetch_to_device(slices, net.device)
    batches = evaluation_batches(net, images, batch)
    if not isinstance(batches, Batches):
        raise ValueError(f"images are {type(images).__name__!r}, expected x (N, H, W, C), an image set, SquareImages or Batches")
    return batches.image_count, prefetch_to_device(batches, net.device)


def _slices(x: np.ndarray, batch: int) -> Iterator[Batch]:
    """x (N, H, W, C) in batches; the targets, which are not known, are 0."""
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}, expected (N, H, W, C), none of them 0")
    for start in range(0, len(x), batch):
        indices = np.arange(start, min(start + batch, len(x)))
        yield x[start : start + batch], np.zeros_like(indices), indices


def _rows(count: int, results: Iterable[tuple[dict[str, np.ndarray], np.ndarray]], progress: bool) -> dict[str, np.ndarray]:
    """The arrays of all batches, put together by the indices of their images: name -> (N, ...); rows of no batch are NaN."""
    rows: dict[str, np.ndarray] = {}
    with tqdm(total=count, desc="predicting", unit="image", leave=False, disable=not progress) as bar:
        for arrays, indices in results:
            for name, y in arrays.items():
                if len(y) != len(indices):
                    raise ValueError(f"batch has {len(y)} crops of {len(indices)} images, expected one of each")
                if name not in rows:
                    rows[name] = np.full((count, *y.shape[1:]), np.nan, y.dtype)
                rows[name][indices] = to_numpy(y)
            bar.update(int(indices[-1]) + 1 - bar.n)
    if not rows:
        raise ValueError("number of images is 0, expected at least one")
    return rows
