"""What the scripts share: where images come from, how they report, and one line for whatever goes wrong."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import npzf
from npzf.backend import CudaError, describe
from npzf.data import ClassFolders, ImageFolder, PackedImages, SquareImages, embedded_images, resized_side

EMBEDDED = "embedded"


def parser(description: str, example: str) -> argparse.ArgumentParser:
    """A parser whose --help ends with an example."""
    name = Path(sys.argv[0]).stem
    made = argparse.ArgumentParser(prog=f"npzf {name}", description=description, epilog=f"example: {example}")
    made.add_argument("--threads", type=int, help="CPU threads (default: all processors)")
    made.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to compute (default cpu)")
    made.add_argument("--precision", choices=["fp32", "tf32"], default="fp32", help="of products on a GPU (default fp32)")
    return made


def run(main: Callable[[argparse.Namespace], None], arguments: argparse.Namespace) -> None:
    """Says on what it runs, runs main, and turns errors that name their cause into one line and exit status 2."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    try:
        if arguments.threads is not None:
            npzf.set_threads(arguments.threads)
        print(describe(arguments.device), flush=True)
        main(arguments)
    except (ValueError, OSError, ArithmeticError, MemoryError, ImportError, CudaError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as interrupt:
        print(str(interrupt) or "interrupted", file=sys.stderr)
        sys.exit(130)


def images(where: str, split: str | None = None, labels: bool = True) -> ClassFolders | PackedImages | ImageFolder:
    """The image set that an argument names: "embedded", a folder of class folders, or a packed .h5 file.

    Where no labels are needed, also a folder with images directly in it.
    """
    path = Path(where)
    if where == EMBEDDED:
        return embedded_images(split)
    if path.suffix == ".h5":
        return PackedImages(path, split)
    flat = not labels and path.is_dir() and not any(child.is_dir() for child in path.iterdir())
    return ImageFolder(path) if flat else ClassFolders(path)


def squares(where: str, split: str | None, net: npzf.Network, resize: int | None, labels: bool = True) -> SquareImages:
    """Those images as squares for the net: resized to `resize` pixels, by default 8/7 of the net's input (256 for 224)."""
    size = net.input_shape[0]
    side = resized_side(net) if resize is None else resize
    if side < size:
        raise ValueError(f"--resize is {side}, expected at least the crop of {size} pixels that the net takes")
    return SquareImages(images(where, split, labels), side)


def kept_net(folder: str | Path, epoch: int) -> Path:
    """Where the training that writes to this folder keeps its net of that epoch."""
    return Path(folder) / "epochs" / f"{epoch:04d}.h5"


def kept_nets(folder: str | Path) -> dict[int, Path]:
    """The nets that a training has kept, epoch -> file, in the order of the epochs."""
    found = (path for path in kept_net(folder, 0).parent.glob("*.h5") if path.stem.isdecimal())
    return dict(sorted((int(path.stem), path) for path in found))
