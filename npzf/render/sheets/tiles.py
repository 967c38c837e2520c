"""Figure 2 tile by tile: each projection and each patch as a file of its own, whose name says what it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np

from npzf.render.pictures import save_png, to_grey_robust

if TYPE_CHECKING:
    from npzf.studies import TopActivations

LONGEST = 60  # characters of an image's or a layer's name within a file's


def file_names(layers: Sequence[str]) -> dict[str, str]:
    """Layer -> what stands for it in the names of files: characters that some file systems refuse become "-", none twice.

    Nor do two differ in capitals alone, which some file systems do not tell apart.
    """
    names: dict[str, str] = {}
    for layer in layers:
        plain = re.sub("[^A-Za-z0-9]+", "-", layer)[:LONGEST]
        candidates = (plain if count == 1 else f"{plain}-{count}" for count in range(1, len(layers) + 1))
        taken = {name.lower() for name in names.values()}
        names.setdefault(layer, next(name for name in candidates if name.lower() not in taken))
    return names


def save_tiles(
    folder: str | Path,
    layer: str,
    maps: Sequence[int] | np.ndarray,
    top: TopActivations,
    projections: Sequence[Sequence[np.ndarray]],
    patches: Sequence[Sequence[np.ndarray]],
    name: Callable[[int], str],
    layer_name: str | None = None,
) -> list[Path]:
    """Writes two PNGs for each activation and returns their paths: STEM_projection.png and STEM_patch.png.

    STEM is LAYER_mapM_rankR_imageI-NAME_valueV, ranks from 1. top: of that layer; projections, patches: for each of these maps
    its signed pictures and uint8 patches, strongest first, as studies.projections_and_patches gives them; name: index of an
    image -> its name; layer_name: what stands for the layer in the names of files, by default that of file_names. A projection's
    file also holds its scale as text, the |value| drawn as black or white. OSError if a file cannot be written.
    """
    paths = []
    for m, *blocks in zip(maps, projections, patches, strict=True):
        for k, (projection, patch) in enumerate(zip(*blocks, strict=True)):
            index, value = int(top.images[m, k]), float(top.values[m, k])
            stem = tile_stem(layer_name or file_names([layer])[layer], m, k + 1, index, name(index), value)
            words = {"layer": layer, "map": m, "rank": k + 1, "image": name(index), "value": value}
            picture, scale = to_grey_robust(projection)
            paths.append(save_png(picture, Path(folder) / f"{stem}_projection.png", **words, scale=scale))
            paths.append(save_png(patch, Path(folder) / f"{stem}_patch.png", **words))
    return paths


def tile_stem(layer_name: str, index: int, rank: int, image: int, name: str, value: float) -> str:
    """What the names of both files of one activation begin with; characters that some file systems refuse become "-"."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", PurePath(name).stem)[:LONGEST]
    return f"{layer_name}_map{index:04d}_rank{rank}_image{image:05d}-{plain}_value{value:.4g}"
