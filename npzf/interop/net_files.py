"""A net as commands name it: a file of any kind or a ready net, and what options say of it; no part of the paper."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from npzf import models
from npzf.interop.inputs import input_words, set_input
from npzf.interop.packages import required
from npzf.interop.ready_nets import READY, pretrained
from npzf.interop.weights.files import READERS, read_state
from npzf.interop.weights.hdf5_file import read_hdf5
from npzf.interop.weights.state import set_state
from npzf.layers import Flatten
from npzf.network import Network
from npzf.rows import Row
from npzf.serialization import load
from npzf.storage.regular import open_regular, read_regular
from npzf.storage.sealed import is_sealed

log = logging.getLogger(__name__)
ARCHITECTURES: dict[str, tuple[Callable[[int], list[Row]], tuple[int, int, int]]] = {  # rows, input shape
    "alexnet": (models.alexnet_rows, (224, 224, 3)),
    "krizhevsky": (models.krizhevsky_rows, (224, 224, 3)),
    "squeezenet": (models.squeezenet_rows, (227, 227, 3)),
    "vgg16": (models.vgg16_rows, (224, 224, 3)),
    "zfnet": (models.zfnet_rows, (224, 224, 3)),
}
MOST_NAMES, LONGEST_NAME = 2**24, 1000  # bytes of a file with the names of classes, characters of a name
KINDS = "a net as .h5 or .onnx, weights with --net"


@dataclass(frozen=True)
class NetOptions:
    """What a command line says of a net from elsewhere, None where it says nothing; the options are called as in the errors.

    architecture: --net, which net of this house bare weights are for; mean, std, pixel_range (--range), channels: as
    for set_input; classes: --classes, a file with the name of a class in each line.
    """

    architecture: str | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    pixel_range: int | None = None
    channels: str | None = None
    classes: str | Path | None = None

    def of_input(self) -> list[str]:
        """The options given that say what the net was fed."""
        given = {"--mean": self.mean, "--std": self.std, "--range": self.pixel_range, "--channels": self.channels}
        return [name for name, value in given.items() if value is not None]


NOTHING = NetOptions()


class Known(Enum):
    """Whether a file says what its net is fed; PIXELS: a net of this house that takes pixels as they are, or does not say."""

    YES = 1
    NO = 2
    PIXELS = 3


def read_net(where: str | Path, options: NetOptions = NOTHING, *, shared: bool = False) -> Network:
    """The net in a file, .h5 or .onnx, or of bare weights for options.architecture, or the ready net of this name.

    Nothing is assumed of a net from elsewhere: --mean, --range and, for three channels, --channels are required unless its file
    says what it was fed. A file that does may not be given them, unless the options are shared by several nets. Logs in one line
    what the net takes, if options said so. FileNotFoundError; ValueError, in one line, that names the file and the option.
    """
    path, names = Path(where), None if options.classes is None else class_names(options.classes)
    whole = True
    if not path.exists() and str(where) in READY:
        net, knows_input = pretrained(str(where)), Known.YES
    elif not path.is_file():
        kinds = f"{KINDS}, or one of the ready nets {', '.join(READY)}"
        raise FileNotFoundError(f"{path} {'is not a file' if path.exists() else 'does not exist'}, expected {kinds}")
    elif path.suffix.lower() == ".onnx":
        net, knows_input = _of_model(path)
    elif options.architecture is None or is_house(path):
        net, knows_input = _of_house(path)
    else:
        whole, (net, knows_input) = False, _of_weights(path, options, names)
    if whole and options.architecture is not None and not shared:
        raise ValueError(f"--net is {options.architecture}, expected none with {where}, which is a whole net")
    _fed(str(where), net, knows_input, options, shared)
    if names is not None:
        _named(net, names, options.classes)
    return net


def class_names(path: str | Path) -> tuple[str, ...]:
    """The names in a text file, one a line, in the order of the net's outputs; ValueError for an empty file or line."""
    expected = "a text file in UTF-8, the name of a class in each line"
    try:
        lines = read_regular(path, MOST_NAMES, expected).decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"--classes is {path}, expected a text file in UTF-8 ({error})") from None
    if lines and max(map(len, lines)) > LONGEST_NAME:
        raise ValueError(f"--classes is {path}, which has a line of {max(map(len, lines)):,} characters, expected {expected}")
    names = tuple(line.strip() for line in lines)
    if not all(names):
        raise ValueError(f"--classes is {path}, whose line {names.index('') + 1} is empty, expected the name of a class in each")
    if not names:
        raise ValueError(f"--classes is {path}, an empty file, expected the name of a class in each line")
    return names


# Each kind of file gives a net, and whether it says what that was fed


def _of_house(path: Path) -> tuple[Network, Known]:
    """A net that npzf saved."""
    if path.suffix.lower() in READERS and not is_house(path):
        among = ", ".join(ARCHITECTURES)
        raise ValueError(f"{path} holds weights without a net, expected --net NAME: which net they are for, one of {among}")
    net = load(path)
    said = net.preprocessing.mean is not None or bool(np.any(np.asarray(net.preprocessing.std) != 1))
    return net, Known.YES if said else Known.PIXELS


def is_house(path: Path) -> bool:
    """Whether the file may be one of npzf's own, or is damaged: what is wrong with it is then said when it is loaded."""
    if path.suffix.lower() not in (".h5", ".hdf5"):
        return False
    with open_regular(path, KINDS) as file:
        if is_sealed(file):
            return True
    try:
        found = read_hdf5(path, attributes_only=True)
    except ValueError:
        return True
    return "format" in found.attributes or found.empty


def _of_model(path: Path) -> tuple[Network, Known]:
    required("onnx", "onnx")
    from npzf.interop.onnx.importer import read_model

    net, says_input = read_model(path)
    return net, Known.YES if says_input else Known.NO


def _of_weights(path: Path, options: NetOptions, names: Sequence[str] | None) -> tuple[Network, Known]:
    """A net of this house with the weights of a file; as many outputs as names, or as the file's last layer.

    Of convolutions alone it is the net below its first fully connected layer.
    """
    if options.architecture not in ARCHITECTURES:
        raise ValueError(f"--net is {options.architecture!r}, expected one of {', '.join(ARCHITECTURES)}")
    state = read_state(path)
    if not state.fed:
        _require(str(path), 3, options)
    of_classes, shape = ARCHITECTURES[options.architecture]
    rows = of_classes(_outputs(of_classes, shape, state.arrays) if names is None else len(names))
    if not any(value.ndim == 2 for value in state.arrays.values()):
        flattened = [isinstance(layer, Flatten) for _, layer, *_ in rows]
        rows = rows[: flattened.index(True)] if any(flattened) else rows
    net = Network(shape, rows, weight_init=0.0)
    set_state(net, state)
    return net, Known.YES if state.fed else Known.NO


def _outputs(of_classes: Callable[[int], list[Row]], shape: tuple[int, int, int], arrays: dict[str, np.ndarray]) -> int:
    """How many classes the weights of a net have: the one length of a bias that fits no other layer than the last; else 1000."""
    known = Network(shape, of_classes(2), weight_init=0.0)
    *below, last = [name for name, layer in known.layers.items() if layer.parameters]
    weight = known.parameters[f"{last}/weight"]
    inputs = weight.size // len(weight)
    others = {len(known.parameters[f"{name}/bias"]) for name in below}
    sizes = {value.size for value in arrays.values() if value.ndim == weight.ndim}
    counts = {len(value) for value in arrays.values() if value.ndim == 1 and len(value) * inputs in sizes} - others
    return counts.pop() if len(counts) == 1 else 1000


# What options add


def _fed(where: str, net: Network, knows_input: Known, options: NetOptions, shared: bool) -> None:
    """Sets the net's input as the options say; ValueError if they say too little, or what the file says already."""
    given = options.of_input()
    if knows_input is Known.YES:
        if given and not shared:
            raise ValueError(f"{where} says what its net is fed, {input_words(net)}, expected no {' and no '.join(given)}")
        return
    if knows_input is Known.PIXELS and not given:
        return
    _require(where, net.input_shape[2], options)
    assert options.mean is not None and options.pixel_range is not None
    if max(options.mean) > options.pixel_range:
        raise ValueError(
            f"--mean is {max(options.mean):g}, expected at most --range, {options.pixel_range}, of what {where} was fed"
        )
    std = [1.0] if options.std is None else options.std
    try:
        set_input(net, options.mean, std, pixel_range=options.pixel_range, channels=options.channels or "rgb")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    log.info("%s: fed %s", where, input_words(net))


def _require(where: str, channels: int, options: NetOptions) -> None:
    required_options = ["--mean", "--range", *(["--channels"] if channels == 3 else [])]
    missing = [name for name in required_options if name not in options.of_input()]
    if missing:
        words = "--mean M --range 1|255" + (" --channels rgb|bgr" if channels == 3 else "")
        lacks = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise ValueError(f"{where} does not say what its net is fed: {lacks}, expected {words} [--std S]")


def _named(net: Network, names: tuple[str, ...], path: str | Path | None) -> None:
    shape = net.shapes[net.scores_name]
    if len(shape) != 1:
        raise ValueError(f"--classes is {path}, expected none: the net's last layer, {net.output_name!r}, has maps, no classes")
    if len(names) != shape[0]:
        raise ValueError(f"--classes is {path} of {len(names)} names, expected {shape[0]}, one for each of the net's outputs")
    net.classes = names
