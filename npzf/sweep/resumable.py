"""One pass over a set of images (figure 2 takes the whole validation set), which resumes where it was interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from npzf.backend import prefetch_to_device
from npzf.data import Batch, Batches, ImageSet, SquareImages, evaluation_batches
from npzf.sweep.signals import Signals, Stopped
from npzf.sweep.state_file import Accumulator, StateFile, Store

SAVE_INTERVAL = 60.0  # seconds between two states that are stored


def sweep(
    images: ImageSet | SquareImages | Iterable[Batch],
    accumulator: Accumulator,
    state_file: str | Path | Store | None = None,
    batch: int = 128,
) -> None:
    """Calls accumulator.add(x, targets, indices) for all batches of the images, as evaluation_batches makes them.

    state_file: a file with which an interrupted sweep resumes at the next image. It is written every minute and on SIGINT,
    SIGTERM or SIGHUP, which then raises Stopped, and stays when the sweep is done: whoever named it removes it. ValueError if
    there are no images, if the file is of another net, image set or choice, or if batches that are not Batches have one. A Store
    is a place of another kind to do the same.
    """
    batches = evaluation_batches(accumulator.net, images, batch)
    known = batches if isinstance(batches, Batches) else None
    if state_file is not None and known is None:
        raise ValueError(
            f"images are {type(images).__name__!r}, expected an image set, SquareImages or Batches to resume a sweep"
        )
    file = _store(state_file, accumulator, known)
    first = file.resume() if file else 0
    done = saved = first
    saved_at = time.monotonic()
    total = known.image_count if known else None
    bar = tqdm(total=total, initial=first, desc="images", unit="image", leave=False, disable=None)
    with Signals() as signals, bar:
        for x, targets, indices in prefetch_to_device(known.since(first) if known else batches, accumulator.net.device):
            accumulator.add(x, targets, indices)
            done = _end(indices, first, known)
            bar.update(done - bar.n)
            if file and (signals.received or file.full or time.monotonic() >= saved_at + SAVE_INTERVAL):
                file.save(done)
                saved, saved_at = done, time.monotonic()
            if signals.received:
                advice = "; the same command goes on from there" if file else ""
                raise Stopped(f"stopped after {done} images{advice}", signals.received)
        if file and done > saved:
            file.save(done)
    if not done:
        raise ValueError("number of images is 0, expected at least one")


def _store(state_file: str | Path | Store | None, accumulator: Accumulator, batches: Batches | None) -> Store | None:
    if state_file is None or batches is None:
        return None
    return StateFile(state_file, accumulator, batches) if isinstance(state_file, str | Path) else state_file


def _end(indices: np.ndarray, first: int, batches: Batches | None) -> int:
    """Number of images of the set up to the end of this batch, even if its last ones could not be decoded."""
    last = int(indices[-1])
    if batches is None:
        return last + 1
    number = (last - first) // batches.batch
    return min(first + (number + 1) * batches.batch, batches.image_count)
