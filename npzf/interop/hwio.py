"""Weights trained elsewhere and stored as (height, width, in, out), so that figures 2 to 7 can be drawn of ImageNet's nets.

Such a file is HDF5: NAME/weight, float32 (KH, KW, C, O), and NAME/bias (O,) for each convolution, named as in the npzf net, and
attributes that say what the net was fed: `layout` "HWIO ...", `input` such as "RGB in [0,1], minus mean, over std" or "BGR in
[0,255] minus mean", and `mean`, `std` in those units and in that order of channels.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np

from npzf.network import INPUT, Network
from npzf.preprocessing import Preprocessing

FED = re.compile(r"(RGB|BGR) in \[0, ?(1|255)\],? minus mean(,? over std)?")
EXAMPLE = "'RGB in [0,1], minus mean, over std'"


def from_hwio(net: Network, path: str | Path) -> Network:
    """Sets every parameter of the net, and its preprocessing, from such a file; returns the net, which takes RGB in any case.

    Filters trained on BGR have their channels turned round, and mean and std become pixels in [0, 255]: the same net.
    FileNotFoundError; ValueError if the file and the net do not fit, which leaves the net as it was.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file, expected weights as HDF5")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: not HDF5, or damaged, expected weights as HDF5") from error
    with file:
        order, preprocessing = _scaling(file, net)
        stored = _parameters(file, net)
    for name, value in stored.items():
        if net.sources[name.rpartition("/")[0]] == (INPUT,) and name.endswith("/weight"):
            value = value[..., order]
        net.parameters[name][...] = value
    net.preprocessing = preprocessing
    return net


def _scaling(file: h5py.File, net: Network) -> tuple[list[int], Preprocessing]:
    """Where the net's channels R, G, B lie among the file's, and how pixels [0, 255] in that order become the net's input."""
    layout, text = (str(file.attrs.get(name)) for name in ("layout", "input"))
    if not layout.startswith("HWIO"):
        raise ValueError(f"{file.filename}: its layout is {layout!r}, expected 'HWIO', (height, width, in, out)")
    fed = FED.fullmatch(text)
    if fed is None:
        raise ValueError(f"{file.filename}: its input is {text!r}, expected something like {EXAMPLE}")
    channels, most, divided = fed.groups()
    order = [0, 1, 2] if channels == "RGB" else [2, 1, 0]
    unit = 255 / int(most)
    mean = _three(file, "mean")[order] * unit
    preprocessing = Preprocessing(mean, (_three(file, "std")[order] if divided else np.ones(3)) * unit)
    preprocessing.check(net.input_shape)
    return order, preprocessing


def _three(file: h5py.File, name: str) -> np.ndarray:
    """An attribute of three numbers, one a channel."""
    value = np.asarray(file.attrs.get(name))
    if value.shape != (3,) or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        raise ValueError(f"{file.filename}: its attribute {name!r} is {file.attrs.get(name)}, expected three numbers")
    return value.astype(np.float64)


def _parameters(file: h5py.File, net: Network) -> dict[str, np.ndarray]:
    """Name -> array as npzf has it: weight (O, KH, KW, C), bias (O,); as many in the file as in the net."""
    stored: dict[str, np.ndarray] = {}
    file.visititems(lambda name, item: stored.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    strange = sorted(stored.keys() - net.parameters.keys())
    if strange:
        raise ValueError(f"{file.filename}: it holds {strange[0]}, expected parameters of the net alone")
    for name, parameter in net.parameters.items():
        if name not in stored:
            raise ValueError(f"{file.filename}: {name} is missing, expected every parameter of the net")
        value, shape = stored[name], parameter.shape
        expected = (*shape[1:], shape[0]) if parameter.ndim == 4 else shape
        if value.shape != expected or value.dtype.kind != "f" or not np.isfinite(value).all():
            found = f"{value.dtype} {value.shape}"
            raise ValueError(f"{file.filename}: {name} is {found}, expected finite floating-point numbers {expected}")
        stored[name] = np.moveaxis(value, -1, 0)
    return stored
