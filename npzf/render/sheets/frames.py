"""Figure 4, and the optimal inputs of section 1.1, as animations."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from npzf.storage.atomic import atomic_write_bytes
from npzf.storage.output import EXIF, NAME

OPTIONS: dict[str, dict[str, Any]] = {
    "webp": {"lossless": True, "method": 2, "exif": EXIF},
    "gif": {"optimize": False, "comment": NAME},
}


def write_frames(frames: Sequence[np.ndarray], path: str | Path, times: Sequence[int]) -> Path:
    """Writes frames uint8 (H, W, 3) as an endless animation, each for its time in milliseconds; returns the path.

    The end of `path` chooses lossless .webp or .gif (256 colours). ValueError for another ending or another number of times,
    OSError if the file cannot be written.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in OPTIONS:
        raise ValueError(f"path is {path}, expected a name that ends in .webp or .gif")
    if len(times) != len(frames) or not len(frames):
        raise ValueError(f"times are {len(times)} for {len(frames)} frames, expected one each, at least one")
    first, *others = [Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=others, duration=list(times), loop=0, **OPTIONS[kind])
    return atomic_write_bytes(path, file.getvalue())
