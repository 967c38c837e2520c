"""What every layer of a convnet (section 2) has in common: forward, backward and project, without any memory of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np

from npzf.geometry import Field
from npzf.ops import CPU, Ops
from npzf.regions import Region

Shape = tuple[int, ...]
Gradients = dict[str, Any]


class Save(IntEnum):
    """What a forward pass saves for the way back; each includes those before it."""

    NOTHING = 0  # inference
    SWITCHES = 1  # what the deconvnet needs
    GRADIENTS = 2  # what gradients need


BACKWARD_RELUS = ("deconvnet", "gradient", "guided")


@dataclass(frozen=True)
class ProjectionRules:
    """Where deconvnets differ on the way down; the defaults are the paper's (section 2.1).

    overwrite: where pooling windows share a switch, the last one wins instead of all adding up.
    norm_gradient: contrast normalisation is passed through by its true gradient instead of unchanged.
    relu: "deconvnet" rectifies the signal; "gradient" lets it pass where the relu's output was positive (Simonyan et al. 2013);
    "guided" does both (Springenberg et al. 2014, section 3.4).
    """

    overwrite: bool = False
    norm_gradient: bool = False
    relu: str = "deconvnet"

    def __post_init__(self) -> None:
        if self.relu not in BACKWARD_RELUS:
            raise ValueError(f"relu is {self.relu!r}, expected one of {', '.join(BACKWARD_RELUS)}")

    @property
    def save(self) -> Save:
        """What the forward pass must save for a walk down by these rules."""
        return Save.GRADIENTS if self.norm_gradient or self.relu != "deconvnet" else Save.SWITCHES


@dataclass(eq=False)
class Layer:
    """One step of the net; its fields are its configuration, what it learns stands in parameters, and ops computes.

    A layer remembers nothing of a pass: what forward saves is returned, and given back to backward and project, as often as
    wanted. local: True if a unit's activation depends only on its receptive field.
    """

    local: ClassVar[bool] = True
    parameters: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    ops: Ops = field(default=CPU, init=False, repr=False)

    def configuration(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def shape(self, shape: Shape) -> Shape:
        """One image's output shape, (H, W, C) or (F,), from its input's; ValueError if the layer cannot take it."""
        return shape

    def receptive_field(self, below: Field) -> Field:
        """The receptive field of this layer's units, from that of the layer below."""
        return below

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The shapes of the parameters for this input shape, by name; most layers have none."""
        return {}

    def initialize(self, shape: Shape, weight_init: str | float, generator: np.random.Generator, dtype: np.dtype) -> None:
        """Makes the parameters for this input shape."""

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x -> y, both starting with the N images, and what backward and project will need."""
        raise NotImplementedError

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy -> gx, and the gradients of the parameters by name; saved by forward(x, Save.GRADIENTS).

        out: gradients of an earlier pass, whose arrays may be overwritten.
        """
        raise NotImplementedError

    def parameter_gradients(self, gy: Any, saved: Any, out: Gradients | None = None) -> Gradients:
        """The part of backward that makes the gradients; alone it serves the lowest layer, whose gx nobody needs."""
        return {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """The deconvnet's step down, y -> x; saved by forward(x, rules.save or more)."""
        raise NotImplementedError

    def forward_region(self, region: Any, base: Any) -> Region | None:
        """The part of the output that a Region of the input can change, base being the unchanged input; None: not possible.

        A layer with several sources takes a sequence of each.
        """
        return None

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> Any:
        """The step down for single units, within what they see: a Region, or one for each of several sources.

        None: not possible, all of the maps are needed.
        """
        return None


class Pointwise(Layer):
    """A layer whose output at a place depends on its input at that place alone: regions pass as they are."""

    def forward_region(self, region: Region, base: Any) -> Region | None:
        """The same place, computed by itself."""
        return replace(region, values=self.forward(region.values)[0])

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> Region | None:
        """The same place; None where the rules need what forward saved of all places."""
        return None if rules.save > Save.SWITCHES else replace(region, values=self.project(region.values, None, rules))


def initial_weight(shape: Shape, weight_init: str | float, generator: np.random.Generator, dtype: np.dtype) -> np.ndarray:
    """Normal weights of this deviation (the paper's is 1e-2), or of "he"'s: sqrt(2 / inputs of one unit), He et al. 2015."""
    scale = np.sqrt(2 / np.prod(shape[1:])) if weight_init == "he" else weight_init
    if not scale:
        return np.zeros(shape, dtype)  # which take no memory before they are filled
    weight = generator.standard_normal(shape, dtype)
    weight *= dtype.type(scale)
    return weight
