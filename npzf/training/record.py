"""What a run is made of besides net and config, its images and what computes, for resuming to compare; no part of the paper."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import PIL

from npzf.backend import CudaError, environment, threads, versions
from npzf.data import SquareImages, image_digest
from npzf.network import Network

SETS = ("training", "validation")
COMPUTING = ("device", "precision", "ops", "threads")  # what the user chooses


def images_record(training: SquareImages, validation: SquareImages) -> dict[str, Any]:
    """What is kept of the images: how many, how they are resized, and a digest of each set."""
    return {
        name: {
            "digest": image_digest(images.source),
            "count": len(images),
            "side": images.side,
            "channels": images.channels,
            "squash": images.squash,
        }
        for name, images in zip(SETS, (training, validation), strict=True)
    }


def computing_record(net: Network) -> dict[str, Any]:
    """What computes: the user's choices, and what the last bits depend on besides."""
    return {
        "device": net.device,
        "precision": net.precision,
        "ops": net.ops,
        "threads": threads.count(),
        "processor": _processor(net.device),
        "blas": environment.blas(),
        "npzf": getattr(sys.modules["npzf"], "__version__", "unknown"),
        "numpy": np.__version__,
        "h5py": h5py.__version__,
        "pillow": PIL.__version__,
    }


def _processor(device: str) -> str:
    """What computes there, in words."""
    if device == "cpu":
        return environment.processor()
    try:
        return versions()
    except CudaError:  # arrays on a GPU that the driver does not tell of
        return "a GPU without a name"


def check_images(before: Mapping[str, Any], now: Mapping[str, Any], accept: bool = False) -> bool:
    """Whether the images are others than before; ValueError if they are and that is not accepted, or are resized otherwise."""
    for name in SETS:
        for part in ("side", "channels", "squash"):
            if (old := before[name][part]) != (new := now[name][part]):
                raise ValueError(f"{part} of the {name} images is {new}, expected {old}, as the run began")
    old, new = ({name: record[name]["digest"] for name in SETS} for record in (before, now))
    others = [name for name in SETS if old[name] != new[name]]
    if not others or accept:
        return bool(others)
    if old["training"] == new["validation"] and old["validation"] == new["training"]:
        raise ValueError("the training and the validation images are exchanged, expected each as the run began")
    name = others[0]
    counts = [record[name]["count"] for record in (now, before)]
    if counts[0] != counts[1]:
        found = f"the {name} images are {counts[0]}, expected the {counts[1]} that the run began with"
    else:
        found = f"the {name} images are others by name, size, order or class, expected those that the run began with"
    raise ValueError(f"{found}: give those, or accept changed images (--accept-changed-images)")


def changes_of(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What computes otherwise than before, in words."""
    return [f"{name} was {before.get(name)}, is {value}" for name, value in now.items() if before.get(name) != value]
