"""What the scripts share: options, nets and images from the command line, and one line for whatever goes wrong."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cli_options import LARGEST, MOST, PIXELS, Options, Paragraphs, number, one_of, whole
from cli_outputs import out_file, out_folder, out_net, outputs
from cli_streams import OneLine, shown

import npzf
from npzf.backend import CudaError, describe
from npzf.backend.threads import MOST_THREADS
from npzf.data import (
    ClassFolders,
    ImageFiles,
    ImageFolder,
    PackedImages,
    SquareImages,
    VOCFolder,
    centre_crop,
    check_takes_images,
    decode,
    embedded_images,
    is_voc_folder,
    set_pixel_limit,
    square,
    with_channels,
)
from npzf.data import resized_side as default_side
from npzf.interop.inputs import CHANNELS, RANGES
from npzf.interop.net_files import ARCHITECTURES, NetOptions, read_net
from npzf.interop.ready_nets import READY
from npzf.numbers import LARGEST_SEED
from npzf.sweep import stopping
from npzf.text import one_line, printable, short

EMBEDDED = "embedded"
VOC_LISTS = {"train": "train", "validation": "val", None: "trainval"}  # of a split
LAYERS = "every convolution; in a net with branches the first one, and where branches meet"


def parser(name: str, description: str, example: str) -> argparse.ArgumentParser:
    """A parser with the options that all scripts have; description: the script's docstring; --help ends with the example."""
    made = Options(
        prog=f"npzf {name}", description=description, epilog=f"example: npzf {name} {example}", formatter_class=Paragraphs
    )
    group = made.add_argument_group("computation")
    group.add_argument("--threads", type=whole(1, MOST_THREADS), help="CPU threads (default: all processors)")
    group.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to compute (default cpu)")
    group.add_argument("--precision", choices=["fp32", "tf32"], default="fp32", help="of products on a GPU (default fp32)")
    group.add_argument("--ops", choices=["fast", "plain"], default="fast", help="plain: as one reads them (default fast)")
    words = "most pixels of a picture, as decoded: larger ones are refused (default 100 million)"
    group.add_argument("--pixel-limit", type=whole(1, 10**12), metavar="PIXELS", help=words)
    return made


def run(main: Callable[[argparse.Namespace], None], options: argparse.ArgumentParser) -> None:
    """Parses the command line, prints the device, runs main; errors that name their cause become one line and exit status 2.

    SIGINT, SIGTERM and SIGHUP end it with 130, 143 and 129, after one line that says where.
    """
    with shown():
        run_shown(main, options)


def run_shown(main: Callable[[argparse.Namespace], None], options: argparse.ArgumentParser) -> None:
    """As `run`, on streams that show names as they are."""
    args = options.parse_args()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(OneLine("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what stands beside the pixels; what cannot be decoded is an error
    for quiet in ("matplotlib", "npzf.interop.weights.state"):  # npzf convert alone says which weights became which
        logging.getLogger(quiet).setLevel(logging.WARNING)
    try:
        if args.threads is not None:
            npzf.set_threads(args.threads)
        if args.pixel_limit is not None:
            set_pixel_limit(args.pixel_limit)
        print(describe(args.device), flush=True)
        with stopping(), outputs(args):
            main(args)
    except (ValueError, OSError, ArithmeticError, MemoryError, ImportError, CudaError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as interrupt:
        print(one_line(interrupt) or "interrupted", file=sys.stderr)
        sys.exit(128 + getattr(interrupt, "number", signal.SIGINT))


# Options, in the order in which commands take them: the net first, then images.


def add_net(options: argparse.ArgumentParser, needs: str = "", *, several: bool = False) -> None:
    """One net, or several to be compared, and what is to be said of nets that npzf has not written; needs: what it must have."""
    kinds = f".h5 or .onnx, weights with --net, or a ready net: {', '.join(READY)}"
    if several:
        options.add_argument("nets", nargs="+", metavar="net", help=f"networks to be compared: {kinds}")
    else:
        options.add_argument("net", help=f"network{needs}: {kinds}")
    group = add_fed(options)
    group.add_argument("--classes", metavar="FILE", help="names of the classes, one a line")
    words = "the net that weights .pth .pt .safetensors .npz .h5 are for"
    group.add_argument("--net", dest="architecture", choices=sorted(ARCHITECTURES), help=words)


def add_fed(options: argparse.ArgumentParser, std: str = "") -> argparse._ArgumentGroup:
    """What a net that npzf has not written was fed; returns the group, to which more may be added. std: more to say of --std."""
    group = options.add_argument_group("nets from elsewhere", "what such a file does not say itself; npzf convert remembers it")
    group.add_argument(
        "--mean",
        nargs="+",
        type=number(-LARGEST, LARGEST),
        metavar="M",
        help="subtracted: a number, or one a channel, in its own order",
    )
    group.add_argument(
        "--std", nargs="+", type=number(0, LARGEST, above=True), metavar="S", help=f"divided by, the same (default 1{std})"
    )
    group.add_argument("--range", type=one_of(*RANGES), choices=RANGES, help="largest value of a pixel that the net was fed")
    group.add_argument("--channels", choices=CHANNELS, help="their order")
    return group


def add_image(options: argparse.ArgumentParser) -> None:
    options.add_argument("image", help="one photograph of any size; its centre square is resized to the net's input")


def add_image_set(
    options: argparse.ArgumentParser, name: str, *, labels: bool, default: str | None = EMBEDDED, what: str = ""
) -> None:
    """An argument or --option that names a set of images; labels: whether each image must have a class."""
    kinds = "folder of class folders or VOC's" if labels else "folder of images, of class folders or VOC's"
    words = f"{what}{kinds}, packed .h5, or '{EMBEDDED}' (default {'none' if default is None else default})"
    form: dict[str, Any] = {"metavar": "IMAGES"} if name.startswith("--") else {"nargs": "?"}
    options.add_argument(name, default=default, help=words, **form)


def add_split(options: argparse.ArgumentParser, default: str) -> None:
    words = f"of a packed .h5, a folder like VOC's and of '{EMBEDDED}' (default {default})"
    options.add_argument("--split", choices=["train", "validation"], default=default, help=words)


def add_resize(options: argparse.ArgumentParser) -> None:
    words = "pixels to whose square images are resized before cropping (default 8/7 of the crop)"
    options.add_argument("--resize", type=whole(1, PIXELS), metavar="SIDE", help=words)


def add_batch(options: argparse.ArgumentParser | argparse._ArgumentGroup, default: int, what: str = "images in one pass") -> None:
    options.add_argument("--batch", type=whole(1, MOST), default=default, help=f"{what} (default {default})")


def add_images(
    options: argparse.ArgumentParser, name: str = "images", *, labels: bool, split: str = "validation", batch: int
) -> None:
    """A set of images with the options of reading it."""
    add_image_set(options, name, labels=labels)
    add_split(options, split)
    add_resize(options)
    add_batch(options, batch)


def add_layers(options: argparse.ArgumentParser, default: str | None = LAYERS) -> None:
    """Names of layers, which must be given if there is no default."""
    words = "layers to look at" + (f" (default: {default})" if default else "")
    options.add_argument("--layers", nargs="+", metavar="LAYER", required=default is None, help=words)


def add_layer(options: argparse.ArgumentParser, what: str) -> None:
    options.add_argument("--layer", help=what)


def add_label(options: argparse.ArgumentParser) -> None:
    options.add_argument("--label", type=whole(0, MOST), help="class, as a number (default: the net's prediction)")


def add_count(options: argparse.ArgumentParser) -> None:
    options.add_argument("--count", type=whole(1, 9), default=9, metavar="1..9", help="activations a map (default 9)")


def add_maps(options: argparse.ArgumentParser, default: int, what: str, least: int = 1) -> None:
    options.add_argument("--maps", type=whole(least, MOST), default=default, help=f"{what} (default {default})")


def add_seed(options: argparse.ArgumentParser, of: str) -> None:
    options.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0, help=f"of {of} (default 0)")


def add_norm(options: argparse.ArgumentParser, default: str | None) -> None:
    words = "contrast normalisation across maps, in local regions, or none (default across)"
    options.add_argument("--norm", choices=["across", "local", "none"], default=default, help=words)


def add_steps(options: argparse.ArgumentParser, default: int, what: str) -> None:
    options.add_argument("--steps", type=whole(0, MOST), default=default, help=f"gradient steps to {what} (default {default})")


def add_animation(options: argparse.ArgumentParser) -> None:
    options.add_argument("--animation", choices=["webp", "gif"], default="webp", help="file format (default webp)")


def add_size(options: argparse.ArgumentParser, default: str) -> None:
    options.add_argument("--size", type=whole(1, PIXELS), help=f"side of the grey square in the net's pixels (default {default})")


def add_out(options: argparse.ArgumentParser, default: str | None, what: str = "folder") -> None:
    """What to write, which must be named if there is no default."""
    words = f"{what} to write" + (f" (default {default})" if default else "")
    kind = out_folder if what.startswith("folder") else out_net if what.startswith("file,") else out_file
    options.add_argument("--out", type=kind, default=default, required=default is None, help=words)


# What the arguments name.


def load_net(args: argparse.Namespace) -> npzf.Network:
    """The net that args.net names, where and as the options say."""
    return placed(read_net(args.net, net_options(args)), args)


def load_nets(args: argparse.Namespace) -> list[npzf.Network]:
    """The nets that args.nets name; the options are those of all that do not know their input."""
    options = net_options(args)
    return [placed(read_net(net, options, shared=len(args.nets) > 1), args) for net in args.nets]


def net_options(args: argparse.Namespace) -> NetOptions:
    """What the command line says of nets from elsewhere."""
    return NetOptions(args.architecture, args.mean, args.std, args.range, args.channels, args.classes)


def placed(net: npzf.Network, args: argparse.Namespace) -> npzf.Network:
    """The net on its device, with its operations."""
    net.to(args.device, args.precision).ops = args.ops
    return net


def check_png(option: str, path: str | None) -> None:
    """ValueError, before any work is done, unless the file to be written, if there is one, is a .png."""
    if path is not None and Path(path).suffix.lower() != ".png":
        raise ValueError(f"{option} is {path}, expected a name that ends in .png")


def image_set(where: str, split: str | None = None, labels: bool = True) -> ImageFiles | PackedImages:
    """The image set that an argument names: "embedded", a packed .h5 file, VOC's folder, or a folder of class folders.

    Where no labels are needed, also a folder with images directly in it.
    """
    path = Path(where)
    if where == EMBEDDED:
        return embedded_images(split)
    if path.suffix == ".h5":
        return PackedImages(path, split)
    if is_voc_folder(path):
        return VOCFolder(path, VOC_LISTS[split])
    flat = not labels and path.is_dir() and not any(child.is_dir() for child in path.iterdir())
    return ImageFolder(path) if flat else ClassFolders(path)


def square_images(where: str, split: str | None, net: npzf.Network, resize: int | None, labels: bool = True) -> SquareImages:
    """Those images as squares for the net: resized to `resize` pixels, by default 8/7 of the net's input (256 for 224)."""
    size = max(net.input_shape[:2])
    check_takes_images(net)
    side = default_side(net) if resize is None else resize
    if side < size:
        raise ValueError(f"--resize is {side}, expected at least the crop of {size} pixels that the net takes")
    return SquareImages(image_set(where, split, labels), side, channels=net.input_shape[2])


def photograph(net: npzf.Network, path: str | Path) -> np.ndarray:
    """The centre square of a photograph, resized for the net: uint8 (H, W, C), the net's input shape; prints its sizes.

    It becomes grey for a net of one channel. ValueError for a net that takes no images.
    """
    check_takes_images(net)
    pixels, size, channels = decode(path), net.input_shape[:2], net.input_shape[2]
    grey = ", grey" if channels == 1 else ""
    sizes = f"{pixels.shape[1]} x {pixels.shape[0]} pixels, resized to {size[1]} x {size[0]}"
    print(f"{printable(str(path))}: centre square of {sizes}{grey}")
    return with_channels(centre_crop(square(pixels, max(size))[None], size)[0], channels)


def class_name(net: npzf.Network, label: int) -> str:
    """The name of one of the net's classes as it is shown, or "class 7"."""
    return short(net.classes[label]) if net.classes else f"class {label}"


def report_failures(images: SquareImages, what: str = "images") -> None:
    """Prints how many images were left out, if any were."""
    if images.failures:
        print(f"{len(images.failures)} {what} could not be decoded and were left out")


def epoch_file(folder: str | Path, epoch: int) -> Path:
    """Where the training that writes to this folder keeps its net of that epoch."""
    return Path(folder) / "epochs" / f"{epoch:04d}.h5"


def epoch_files(folder: str | Path) -> dict[int, Path]:
    """The nets that a training has kept, epoch -> file, in the order of the epochs."""
    paths = (path for path in epoch_file(folder, 0).parent.glob("*.h5") if path.stem.isdecimal())
    return dict(sorted((int(path.stem), path) for path in paths))
