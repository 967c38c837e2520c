"""What one pass through a net remembers (section 2.1): activations and switches; the walks down to pixels, and regions up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from npzf.backend import is_device_array
from npzf.backend.arrays import array_module, as_gradient
from npzf.graph import INPUT, Graph
from npzf.layers import Gradients, ProjectionRules, Save
from npzf.regions import Region
from npzf.units import Unit, seed

PAPER = ProjectionRules()


@dataclass
class Tape:
    """One pass: the activations that were asked for, by name, and what each layer saved for the way back.

    A tape holds everything that belongs to the pass, so that one net may serve several threads, and one pass many projections.
    layers: those that ran, in order; save: what they saved.
    """

    net: Graph
    save: Save
    layers: Sequence[str]
    activations: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, layer: str) -> Any:
        """The activation after a layer that was asked for."""
        if layer not in self.activations:
            raise ValueError(f"layer is {layer!r}, expected one that was recorded: {', '.join(self.activations)}")
        return self.activations[layer]

    def project(self, layer: str, unit: Unit = None, rules: ProjectionRules = PAPER) -> Any:
        """The deconvnet's pictures (N, H, W, C) of a recorded layer's activations, of one unit or of all; as npzf.project."""
        return self.walk(layer, seed(self[layer], unit), rules)

    def walk(self, layer: str, signal: Any, rules: ProjectionRules = PAPER, to: str = INPUT) -> Any:
        """The deconvnet's walk down: a signal at the output of a layer -> pixels (N, H, W, C), or the signal at the output of
        `to`.

        ValueError if the pass has not saved what the rules ask for, or did not run the layer.
        """
        self._require(layer, rules)
        signals = {layer: signal}
        for name in reversed(self.layers):
            if name in signals and name != to:
                down = self.net.layers[name].project(signals.pop(name), self.saved[name], rules)
                self._accumulate(signals, name, down)
        return signals[to]

    def project_units(self, layer: str, images: np.ndarray, unit: tuple, rules: ProjectionRules = PAPER) -> Region | None:
        """Single units of a recorded layer, each projected on the part of the image that it can see alone.

        images (U,): the image of each unit; unit: (maps, rows, columns), each (U,). None if a layer on the way cannot: its kind
        needs all of its maps.
        """
        self._require(layer, rules)
        signals: dict[str, Any] = {layer: Region.of_units(self[layer], images, *unit)}
        for name in reversed(self.layers):
            if name in signals:
                down = self.net.layers[name].project_region(signals.pop(name), self.saved[name], rules)
                if down is None:
                    return None
                self._accumulate(signals, name, down)
        return signals[INPUT]

    def backward(
        self,
        gy: Any,
        *,
        input_gradient: bool = True,
        release: bool = False,
        out: dict[str, Any] | None = None,
        each: Callable[[str, Gradients], None] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """gy, shaped as the pass's result -> gx (N, H, W, C), and the gradients of the parameters by name.

        input_gradient: False leaves the gradient of the images out (None), which training does not need. release: what a layer
        saved is forgotten once it has served. out: gradients of an earlier pass, which are taken out of it
        layer by layer, and whose arrays may be overwritten. each: called
        with a layer's name and its gradients as soon as they are known, while those below are still to be computed. ValueError
        for gy of another shape or type, or a pass that saved no gradients.
        """
        if self.save < Save.GRADIENTS:
            raise ValueError(f"save of the pass is {self.save.name}, expected GRADIENTS")
        top = self.layers[-1]
        gy = as_gradient(gy, self[top].shape, self[top].dtype)
        if input_gradient and len(self.saved) < len(self.layers):
            raise ValueError("input_gradient is True, expected False: layers of the pass are frozen, and have no gradient")
        gradients: dict[str, Any] = {}
        signals = {top: gy}
        reached = {*self.saved, INPUT} if input_gradient else {*self.saved}  # the others are frozen: no signal has to go there
        for name in reversed(self.layers):
            if name not in reached:
                signals.pop(name, None)  # of a layer above that other sources, not frozen, feed too
                continue
            layer, g = self.net.layers[name], signals.pop(name)
            before = _of_layer(out, name, layer.parameters)
            take = self.saved.pop if release else self.saved.__getitem__  # no name here keeps what the layer may release
            if reached.isdisjoint(self.net.sources[name]):
                own = layer.parameter_gradients(g, take(name), before)
            else:
                down, own = layer.backward(g, take(name), before)
                self._accumulate(signals, name, down)
                del down
            del g
            gradients.update({f"{name}/{key}": gradient for key, gradient in own.items()})
            if each is not None and own:
                each(name, own)
        return signals.get(INPUT), gradients

    def update(self, region: Region, layers: Collection[str]) -> dict[str, Any]:
        """Name -> activations (U, ...) of these layers, for images that differ from this pass's in a region of the input alone.

        The pass must have recorded every layer. Only what the region can change is computed; the changed part grows from layer to
        layer until it is all of a map. Layers that see everything, and kinds that know no regions, are computed in full. So is
        all on a GPU: it is fast enough to, and small windows would keep it waiting. ValueError if the pass did not.
        """
        net = self.net
        if self.activations.keys() != {INPUT, *net.layers}:
            recorded = ", ".join(self.activations)
            raise ValueError(f"layers of the pass are {recorded}, expected every layer of the net for an update")
        x = self.activations[INPUT]
        region = replace(region, values=array_module(x).asarray(region.values))  # the pass's device, wherever they were made
        changed: dict[str, Any] = {INPUT: region.whole(x) if is_device_array(x) else region}
        for name in self.layers:
            sources = net.sources[name]
            changed[name] = self._forward_region(name, [changed[source] for source in sources], sources)
            for source in set(sources) - set(layers):  # nothing is held longer than it is used
                if net.consumers[source][-1] == name:
                    del changed[source]
        return {name: self._whole(changed[name], name) for name in layers}

    def _forward_region(self, name: str, inputs: list[Any], sources: tuple[str, ...]) -> Any:
        """The region of a layer's output that these can change; or all of the output, where that is not possible."""
        layer, join = self.net.layers[name], self.net.joins(name)
        if layer.local and all(isinstance(one, Region) for one in inputs):
            bases = [self.activations[source] for source in sources]
            after = layer.forward_region(inputs, bases) if join else layer.forward_region(inputs[0], bases[0])
            if after is not None:
                return after
        wholes = tuple(self._whole(one, source) for one, source in zip(inputs, sources, strict=True))
        return layer.forward(wholes if join else wholes[0])[0]

    def _whole(self, one: Any, name: str) -> Any:
        return one.whole(self.activations[name]) if isinstance(one, Region) else one

    def _require(self, layer: str, rules: ProjectionRules) -> None:
        if layer not in self.layers:
            raise ValueError(f"layer is {layer!r}, expected one that ran: {', '.join(self.layers)}")
        if self.save < rules.save:
            raise ValueError(f"save of the pass is {self.save.name}, expected {rules.save.name} for these rules")

    def _accumulate(self, signals: dict[str, Any], name: str, down: Any) -> None:
        """Adds each signal to its source; with several consumers the signals are summed."""
        for source, signal in zip(self.net.sources[name], down if isinstance(down, list) else [down], strict=True):
            signals[source] = signals[source] + signal if source in signals else signal


def _of_layer(out: dict[str, Any] | None, name: str, parameters: dict[str, Any]) -> Gradients | None:
    """Takes a layer's arrays out of the gradients of an earlier pass: they serve again, or their memory is free now."""
    before = {key: out.pop(f"{name}/{key}", None) for key in parameters} if out else {}
    fits = [
        a is not None and a.shape == p.shape and a.dtype == p.dtype
        for a, p in zip(before.values(), parameters.values(), strict=False)
    ]
    return before if fits and all(fits) else None
