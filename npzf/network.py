"""A convnet (section 2): a graph of layers with parameters; one pass up is recorded on a tape, and the way back is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from npzf import backend
from npzf.backend import arrays, to_device, to_numpy
from npzf.graph import INPUT, Graph
from npzf.layers import Conv, Draw, Dropout, Flatten, FullyConnected, Join, ReLU, Save
from npzf.numbers import check_seed
from npzf.ops import face
from npzf.preprocessing import Preprocessing
from npzf.tape import Tape

DEVICES, PRECISIONS = ("cpu", "cuda"), ("fp32", "tf32")


class Network(Graph):
    """Layers that feed each other, with their parameters, and what they are computed with.

    input_shape and table: as for Graph. weight_init: standard deviation of the initial weights, or "he"; seed: of the weights and
    of dropout. Two things travel with the net although forward uses neither: preprocessing, how pixels become x, and classes,
    their names. passes: how many training passes there have been.
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
        check_seed(seed)
        super().__init__(input_shape, table)
        self.dtype = arrays.float_type(dtype)
        self.classes: tuple[str, ...] | None = None
        self.preprocessing = Preprocessing()
        self.device, self.precision = "cpu", "fp32"
        self.seed, self.passes = seed, 0
        self.gradients: dict[str, Any] = {}  # of the last backward; the next one may write into the same arrays
        self._training_tape: Tape | None = None
        generator = arrays.generator(seed)
        for name, layer in self.layers.items():
            layer.initialize(self.shapes[self.sources[name][0]], weight_init, generator, self.dtype)
        self._relu_of = self._fusable()
        self.ops = "fast"

    def _fusable(self) -> dict[str, str]:
        """Name of a weighted layer -> the ReLU that is its only consumer: the rectification is done while y is in the cache."""
        return {
            self.sources[name][0]: name
            for name, layer in self.layers.items()
            if isinstance(layer, ReLU)
            and isinstance(self.layers.get(self.sources[name][0]), Conv | FullyConnected)
            and self.consumers[self.sources[name][0]] == [name]
        }

    # One pass

    def record(
        self,
        x: Any,
        layers: Collection[str],
        save: Save = Save.NOTHING,
        *,
        train: bool = False,
        first_image: int = 0,
        freeze: str | None = None,
    ) -> Tape:
        """One pass over x (N, H, W, C) up to these layers, whose activations the tape gives: tape["conv5"].

        save: what the layers save for walks down (SWITCHES for a deconvnet, GRADIENTS for all of them). train: dropout drops, by
        the number of this training pass and the place of each image in the whole batch, which starts at first_image here.
        freeze: this layer and all that lead to it drop nothing and save nothing, and backward stops above them. Images
        of another size than input_shape pass through the local layers. ValueError for a wrong shape, type or name.
        """
        names, needed = set(layers), self.needed_for(layers)
        frozen = set() if freeze is None else set(self.needed_for((freeze,)))
        silent = self.without_gradients(frozen) if frozen else frozen
        tape = Tape(self, save, needed)
        values = {INPUT: self._check(x, needed)}
        if names == set(self.layers):
            tape.activations[INPUT] = values[INPUT]  # what an update of regions starts from
        waiting = {source: [n for n in self.consumers[source] if n in needed] for source in (INPUT, *needed)}
        rectified = {self._relu_of[n] for n in needed if n not in names and self._relu_of.get(n) in needed}
        if train:
            self.passes += 1
        for place, name in enumerate(self.layers):
            if name not in waiting:
                continue
            layer, sources = self.layers[name], self.sources[name]
            x = tuple(values[s] for s in sources) if isinstance(layer, Join) else values[sources[0]]
            own = Save.NOTHING if name in silent else save
            if name in rectified:
                y, saved = x, ReLU.saved(x, own)
            elif isinstance(layer, Conv | FullyConnected):
                y, saved = layer.forward(x, own, relu=self._relu_of.get(name) in rectified)
            elif isinstance(layer, Dropout) and train and name not in frozen:
                y, saved = layer.forward(x, own, Draw((self.seed, place, self.passes), first_image))
            else:
                y, saved = layer.forward(x, own)
            del x
            values[name] = y
            if own > Save.NOTHING:
                tape.saved[name] = saved
            if name in names:
                tape.activations[name] = y
            del y, saved
            for source in set(sources):  # nothing is held longer than it is used
                waiting[source].remove(name)
                if not waiting[source]:
                    values.pop(source)
        return tape

    def forward(self, x: Any, upto: str | None = None, train: bool = False, freeze: str | None = None) -> Any:
        """x (N, H, W, C) -> class scores before the softmax (N, classes), or the activation of the layer named by upto.

        train: what backward needs is saved in the net, and dropout drops; otherwise nothing is remembered, and the net may be
        shared between threads. freeze: a layer that training leaves as it is, with all that lead to it: there nothing drops and
        nothing is saved, and backward stops above them. ValueError as record.
        """
        last = self.output_name if upto is None else upto
        if not train:
            return self.record(x, (last,))[last]
        self._training_tape = None  # the memory of the pass before it, if that had no backward
        tape = self._training_tape = self.record(x, (last,), Save.GRADIENTS, train=True, freeze=freeze)
        return tape[last]

    def backward(self, gy: Any, input_gradient: bool = True) -> Any:
        """gy, shaped as the last forward(..., train=True)'s result -> gx (N, H, W, C); gradients of parameters in gradients.

        Belongs to the last forward(..., train=True), whatever ran since; may be called once, and releases each layer's memory as
        it goes. input_gradient=False leaves the gradient of the images out (None): training does not need it. ValueError for gy
        of another shape or type, or without such a forward.
        """
        tape = self._training_tape
        if tape is None:
            raise ValueError("backward was called before forward(..., train=True)")
        gy = arrays.as_gradient(gy, tape[tape.layers[-1]].shape, self.dtype)
        if self.device == "cuda" and not backend.is_device_array(gy):
            gy = to_device(gy)
        self._training_tape = None
        gx, self.gradients = tape.backward(gy, input_gradient=input_gradient, release=True, out=self.gradients)
        return gx

    def _check(self, x: Any, needed: list[str]) -> Any:
        x = arrays.as_batch(x, self.dtype)
        if self.device == "cuda" and not backend.is_device_array(x):
            x = to_device(x)
        fixed = [name for name in needed if isinstance(self.layers[name], Flatten)]
        if fixed and x.shape[1:] != self.input_shape:
            raise ValueError(f"x has images of {x.shape[1:]}, expected {self.input_shape}, which {fixed[0]!r} needs")
        if x.shape[3] != self.input_shape[2]:
            raise ValueError(f"x has {x.shape[3]} channels, expected {self.input_shape[2]}, as {self.input_shape}")
        return x

    # What computes

    @property
    def ops(self) -> str:
        """Which face of the operations computes: "plain", as one reads it, or "fast", the default. To set: net.ops = "plain"."""
        return self._ops

    @ops.setter
    def ops(self, name: str) -> None:
        self.face = face(name, self.device, self.precision)
        self._ops = name
        for layer in self.layers.values():
            layer.ops = self.face

    def to(self, device: str, precision: str = "fp32") -> Network:
        """Moves the parameters to "cuda" or "cpu"; forward then takes and gives arrays of that device. Returns the net itself.

        precision of float32 products on a GPU: "fp32", or "tf32" on its tensor cores. An SGD is to be made after the move.
        CudaError, in one line, if CuPy or a GPU is missing; ValueError for another device or precision.
        """
        if device not in DEVICES:
            raise ValueError(f"device is {device!r}, expected 'cpu' or 'cuda'")
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}, expected 'fp32' or 'tf32'")
        move = to_device if device == "cuda" else to_numpy
        parameters = {name: {key: move(p) for key, p in layer.parameters.items()} for name, layer in self.layers.items()}
        for name, layer in self.layers.items():
            layer.parameters.update(parameters[name])
        self.device, self.precision = device, precision
        self.gradients, self._training_tape = {}, None
        self.ops = self._ops
        return self

    # What it is

    @property
    def parameters(self) -> dict[str, Any]:
        """Name, such as "conv1/weight", -> array; to set one: net.parameters[name][...] = value."""
        return {f"{name}/{key}": p for name, layer in self.layers.items() for key, p in layer.parameters.items()}

    def summary(self) -> str:
        """A table: layer, output size, parameters, receptive field and stride in input pixels."""
        total = sum(p.size for p in self.parameters.values())
        shape = "x".join(map(str, self.input_shape))
        return f"input {shape}, {total:,} parameters, {self.dtype}\n{self.summary_table()}"

    def save(self, path: str | Path) -> None:
        """Writes architecture and parameters as HDF5; an older file at path survives if that fails. OSError if it does."""
        from npzf import serialization  # builds networks, and so lies above this module

        serialization.save(self, path)


def truncated(net: Network, upto: str) -> Network:
    """A net of its own that ends at this layer, with copies of the parameters; ValueError for an unknown layer.

    Preprocessing travels along; class names do not, for the output is no longer theirs.
    """
    return extended(net, net.needed_for((upto,)), seed=net.seed)


def extended(net: Network, below: Collection[str], rows: Iterable[tuple] = (), *, seed: int = 0) -> Network:
    """A net of its own: the layers of these names, in order, with copies of their parameters, then further rows.

    Preprocessing travels along. The weights of the new rows are 0; seed: of dropout. ValueError for rows that do not fit.
    """
    table = [*((name, net.layers[name], net.sources[name]) for name in below), *rows]
    made = Network(net.input_shape, table, seed=seed, dtype=net.dtype, weight_init=0.0)
    for name in below:
        for key, value in made.layers[name].parameters.items():
            value[...] = to_numpy(net.layers[name].parameters[key])
    made.preprocessing = net.preprocessing
    made.ops = net.ops
    return made.to(net.device, net.precision)
