"""A convnet (section 2): named layers in order, and branches that are concatenated; forward, backward, and the walk down."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from npzf import backend, layers
from npzf.backend import arrays, is_device_array, to_device, to_numpy
from npzf.geometry import Field
from npzf.layers import Concatenate, Conv, Flatten, FullyConnected, Layer, ProjectionRules, ReLU, Save
from npzf.preprocessing import Preprocessing
from npzf.regions import Part
from npzf.storage import hdf5

INPUT = "input"
WEIGHTED = (Conv, FullyConnected)


def _in_its_precision(method: Callable) -> Callable:
    """Products inside this method of a Network are in the precision that it was moved with."""

    @wraps(method)
    def precise(self, *arguments: Any, **options: Any) -> Any:
        with backend.in_precision(self.precision):
            return method(self, *arguments, **options)

    return precise


class Network:
    """Layers that feed each other: each takes the output of the one before it unless its row names other sources.

    input_shape: (H, W, C) of one image, in pixels; table: rows (name, layer) or (name, layer, (source, ...)), "input" being
    the images; weight_init: standard deviation of the initial weights, or "he". Two things travel with the net although forward
    uses neither: preprocessing, how pixels become x, and classes, their names.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        table: Iterable[tuple],
        *,
        seed: int = 0,
        dtype: Any = "float32",
        weight_init: str | float = "he",
    ):
        self.input_shape = tuple(int(side) for side in input_shape)
        self.dtype = arrays.float_type(dtype)
        self.layers: dict[str, Layer] = {}
        self.sources: dict[str, tuple[str, ...]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {INPUT: self.input_shape}
        self.classes: tuple[str, ...] | None = None
        self.preprocessing = Preprocessing()
        self.device, self.precision = "cpu", "fp32"
        self._ran: list[str] = []  # the layers that keep something for the way back, and what they came to
        self._reached: tuple[int, ...] = ()
        generator, previous = arrays.generator(seed), INPUT
        for name, layer, *sources in table:
            self._add(name, layer, sources[0] if sources else (previous,))
            layer.initialize(self.shapes[self.sources[name][0]], weight_init, generator, self.dtype)
            previous = name
        if not self.layers:
            raise ValueError("the table is empty, expected at least one layer")

    def _add(self, name: str, layer: Layer, sources: tuple[str, ...]) -> None:
        if name in self.shapes:
            raise ValueError(f"layer name {name!r} appears twice, expected every name once")
        if len(sources) != 1 and not (sources and isinstance(layer, Concatenate)):
            raise ValueError(f"layer {name!r} has {len(sources)} sources, expected one: only Concatenate joins several")
        for source in sources:
            if source not in self.shapes:
                raise ValueError(f"layer {name!r} has source {source!r}, expected one of {', '.join(self.shapes)}")
        try:
            self.shapes[name] = layer.shape(*(self.shapes[source] for source in sources))
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from None
        self.layers[name], self.sources[name] = layer, tuple(sources)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Name, such as "conv1/weight", -> array; to set one: net.parameters[name][...] = value."""
        return {f"{name}/{key}": p for name, layer in self.layers.items() for key, p in layer.parameters.items()}

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """Name -> gradient of that parameter, after backward; the next backward may write into the same arrays."""
        return {f"{name}/{key}": g for name, layer in self.layers.items() for key, g in layer.gradients.items()}

    def forward(self, x: np.ndarray, upto: str | None = None, train: bool = False) -> np.ndarray:
        """x (N, H, W, C) -> class scores before the softmax (N, classes), or the activation of the layer named by upto.

        train: what backward needs is kept, and dropout drops; otherwise nothing is kept. Images of another size than
        input_shape pass through the local layers. ValueError for a wrong shape, type or name.
        """
        last = self.last if upto is None else upto
        return self.activations(x, (last,), Save.TRAIN if train else Save.NOTHING)[last]

    @_in_its_precision
    def activations(self, x: np.ndarray, names: Collection[str], keep: Save = Save.NOTHING) -> dict[str, np.ndarray]:
        """Name -> activation of each of these layers, in one pass over x (N, H, W, C)."""
        needed = self._needed(names)
        values = {INPUT: self._check(x, needed)}
        wanted: dict[str, np.ndarray] = {}
        waiting = {source: [n for n in needed if source in self.sources[n]] for source in (INPUT, *needed)}
        # a layer whose output a relu alone will see rectifies it itself, while it is still in the cache
        alone = {source for source, users in waiting.items() if len(users) == 1} - {INPUT, *names}
        relus = [name for name in needed if isinstance(self.layers[name], ReLU)]
        rectified = {s for name in relus for s in alone.intersection(self.sources[name]) if isinstance(self.layers[s], WEIGHTED)}
        self._ran = []
        for name in needed:
            layer, sources = self.layers[name], self.sources[name]
            xs = [values[source] for source in sources]
            done = {"done": True} if isinstance(layer, ReLU) and sources[0] in rectified else {}
            values[name] = layer.forward(*xs, keep=keep, **({"relu": True} if name in rectified else done))
            del xs
            if name in names:
                wanted[name] = values[name]
            for source in set(sources):  # nothing is held longer than it is used
                waiting[source].remove(name)
                if not waiting[source]:
                    values.pop(source)
        if keep > Save.NOTHING:
            self._ran, self._reached = needed, wanted[needed[-1]].shape
        return wanted

    @_in_its_precision
    def backward(self, gy: np.ndarray, input_gradient: bool = True) -> np.ndarray | None:
        """gy, shaped as the last forward(..., train=True)'s result -> gx (N, H, W, C); gradients of parameters in gradients.

        input_gradient=False leaves the gradient of the images out (None): training does not need it.
        """
        if not self._ran:
            raise ValueError("backward was called before forward(..., train=True)")
        if np.shape(gy) != self._reached:
            raise ValueError(f"gy has shape {np.shape(gy)}, expected {self._reached}, that of the last forward's result")
        gradients = {self._ran[-1]: gy}
        for name in reversed(self._ran):
            layer, sources, g = self.layers[name], self.sources[name], gradients.pop(name)
            if sources == (INPUT,) and not input_gradient:
                layer.parameter_gradients(g)
                layer.kept = None
            else:
                self._deal(gradients, sources, layer.backward(g))
        self._ran = []
        return gradients.get(INPUT)

    @_in_its_precision
    def project_down(self, layer: str, signal: np.ndarray | Part, rules: ProjectionRules, to: str = INPUT) -> np.ndarray | Part:
        """The deconvnet's walk (section 2.1): signal, at the output of this layer -> pixels (N, H, W, C); or a Part, a Part.

        Every layer from this one down must have run with Save.SWITCHES; what they kept is released. to: the layer at whose output
        the walk halts, instead of at the pixels.
        """
        signals = {layer: signal}
        for name in reversed(self._ran):
            if name in signals and name != to:
                signal, step = signals.pop(name), self.layers[name]
                down = step.project_part if isinstance(signal, Part) else step.project
                self._deal(signals, self.sources[name], down(signal, rules))
            self.layers[name].kept = None
        self._ran = []
        return signals[to]

    @staticmethod
    def _deal(signals: dict[str, np.ndarray], sources: tuple[str, ...], down: Any) -> None:
        """Hands what came down to the sources; a source of several layers collects the sum."""
        for source, signal in zip(sources, down if isinstance(down, list) else [down], strict=True):
            signals[source] = signals[source] + signal if source in signals else signal

    @property
    def last(self) -> str:
        """The name of the last layer."""
        return next(reversed(self.layers))

    def _needed(self, names: Collection[str]) -> list[str]:
        """These layers and all that lead to them, in order."""
        for name in names:
            if name not in self.layers:
                raise ValueError(f"layer is {name!r}, expected one of {', '.join(self.layers)}")
        needed = set(names)
        for name in reversed(self.layers):
            if name in needed:
                needed.update(self.sources[name])
        return [name for name in self.layers if name in needed]

    def _check(self, x: np.ndarray, needed: list[str]) -> np.ndarray:
        x = arrays.as_batch(x, self.dtype)
        if self.device == "cuda" and not is_device_array(x):
            x = to_device(x)
        fixed = [name for name in needed if isinstance(self.layers[name], Flatten)]
        if fixed and x.shape[1:] != self.input_shape:
            raise ValueError(f"x has images of {x.shape[1:]}, expected {self.input_shape}, which {fixed[0]!r} needs")
        if x.shape[3] != self.input_shape[2]:
            raise ValueError(f"x has {x.shape[3]} channels, expected {self.input_shape[2]}, as {self.input_shape}")
        return x

    def is_local(self, layer: str) -> bool:
        """Whether this layer's units answer to their receptive fields alone; ValueError for an unknown name."""
        return all(self.layers[name].local for name in self._needed((layer,)))

    def fields(self) -> dict[str, Field]:
        """Name -> receptive field of the layer's units, in input pixels."""
        fields = {INPUT: Field()}
        for name, layer in self.layers.items():
            fields[name] = layer.receptive_field(*(fields[source] for source in self.sources[name]))
        return fields

    def summary(self) -> str:
        """A table: layer, output size, parameters, receptive field and stride in input pixels."""
        rows, fields = [("layer", "kind", "output", "parameters", "field", "stride")], self.fields()
        for name, layer in self.layers.items():
            field, numbers = fields[name], sum(p.size for p in layer.parameters.values())
            size = "x".join(map(str, self.shapes[name]))
            local = ("all", "") if field.whole else (str(field.size), str(field.stride))
            rows.append((name, type(layer).__name__, size, f"{numbers:,}" if numbers else "", *local))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        form = "{:{}}  {:{}}  {:>{}}  {:>{}}  {:>{}}  {:>{}}"
        lines = [form.format(*(part for pair in zip(row, widths, strict=True) for part in pair)) for row in rows]
        total = sum(p.size for p in self.parameters.values())
        sides = "x".join(map(str, self.input_shape))
        return "\n".join([f"input {sides}, {total:,} parameters, {self.dtype}", *lines])

    def to(self, device: str, precision: str = "fp32") -> Network:
        """Moves the parameters to "cuda" or "cpu"; forward then takes and gives arrays of that device. Returns the net itself.

        precision of float32 products on a GPU: "fp32", or "tf32" on its tensor cores. An SGD is to be made after the move.
        CudaError, in one line, if CuPy or a GPU is missing; ValueError for another device or precision.
        """
        if device not in ("cpu", "cuda"):
            raise ValueError(f"device is {device!r}, expected 'cpu' or 'cuda'")
        if precision not in backend.PRECISIONS:
            raise ValueError(f"precision is {precision!r}, expected 'fp32' or 'tf32'")
        move = to_device if device == "cuda" else to_numpy
        moved = {name: {key: move(p) for key, p in layer.parameters.items()} for name, layer in self.layers.items()}
        for name, layer in self.layers.items():
            layer.parameters.update(moved[name])
            layer.gradients.clear()
            layer.kept = None
        self.device, self.precision, self._ran = device, precision, []
        return self

    def fed(self, batches: Iterable[tuple]) -> Iterable[tuple]:
        """These (x, ...) batches with x on the net's device, where the next is copied while the present one is computed on."""
        return batches if self.device == "cpu" else backend.device().feed(batches)

    def save(self, path: str | Path) -> None:
        """Writes architecture and parameters as HDF5; an older file at path survives if that fails. OSError if it does."""
        hdf5.write(path, self.to_file)

    def architecture(self) -> str:
        """Everything but the numbers, as JSON: input shape, type, and each layer's name, kind, configuration and sources."""
        rows = [
            {"name": name, "layer": {"kind": type(layer).__name__, **layer.configuration()}, "sources": self.sources[name]}
            for name, layer in self.layers.items()
        ]
        architecture = {"input": self.input_shape, "dtype": str(self.dtype), "layers": rows}
        return json.dumps(architecture, default=lambda number: number.item())  # NumPy's

    def to_file(self, file: h5py.File) -> None:
        """Writes architecture, parameters, class names and preprocessing into an open file."""
        file.attrs["architecture"] = self.architecture()
        for name, value in self.parameters.items():
            file[f"parameters/{name}"] = to_numpy(value)
        if self.classes is not None:
            file["classes"] = json.dumps(self.classes)
        if self.preprocessing.mean is not None:
            file["mean"] = self.preprocessing.mean
        file["std"] = self.preprocessing.std


def load(path: str | Path) -> Network:
    """The network that save, or training, wrote to path; ValueError, in one line, for anything else."""
    with hdf5.read(path) as file:
        return from_file(file)


def from_file(file: h5py.File) -> Network:
    """The network in an open file; ValueError if its layers are unknown or its parameters do not fit them."""
    try:
        architecture = json.loads(file.attrs["architecture"])
        table = [(row["name"], _layer(**row["layer"]), tuple(row["sources"])) for row in architecture["layers"]]
        net = Network(architecture["input"], table, dtype=architecture["dtype"], weight_init=0.0)
    except (KeyError, TypeError, ValueError, MemoryError) as error:
        raise ValueError(f"{file.filename}: its architecture cannot be built ({error})") from error
    for name, value in net.parameters.items():
        hdf5.read_dataset_into(value, file, f"parameters/{name}")
    try:
        net.classes = tuple(json.loads(file["classes"][()])) if "classes" in file else None
        net.preprocessing = Preprocessing(file["mean"][()] if "mean" in file else None, file["std"][()])
        net.preprocessing.check(net.input_shape)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file.filename}: its classes or its preprocessing cannot be read ({error})") from error
    return net


def _layer(kind: str, **configuration: Any) -> Layer:
    if kind not in layers.__all__ or not issubclass(getattr(layers, kind), Layer):
        raise ValueError(f"layer kind {kind!r} is not known")
    return getattr(layers, kind)(**configuration)
