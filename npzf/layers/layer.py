"""What every layer of a convnet (section 2) has in common: forward, backward and project."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np

from npzf.geometry import Field
from npzf.regions import Part

Shape = tuple[int, ...]


class Save(IntEnum):
    """What a forward pass keeps for the way back; each includes those before it."""

    NOTHING = 0  # inference
    SWITCHES = 1  # what the deconvnet needs
    GRADIENTS = 2  # what gradients need
    TRAIN = 3  # and dropout drops


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

    def __post_init__(self):
        if self.relu not in BACKWARD_RELUS:
            raise ValueError(f"relu is {self.relu!r}, expected one of {', '.join(BACKWARD_RELUS)}")

    @property
    def keep(self) -> Save:
        """What the forward pass must keep for a walk down by these rules."""
        return Save.GRADIENTS if self.norm_gradient or self.relu != "deconvnet" else Save.SWITCHES


@dataclass(eq=False)
class Layer:
    """One step of the net; its fields are its configuration, and what it learns stands in parameters.

    local: what a unit answers depends on its receptive field alone.
    """

    local: ClassVar[bool] = True
    parameters: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    gradients: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    kept: Any = field(default=None, init=False, repr=False)

    def configuration(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def shape(self, shape: Shape) -> Shape:
        """One image's output shape, (H, W, C) or (F,), from its input's; ValueError if the layer cannot take it."""
        return shape

    def receptive_field(self, below: Field) -> Field:
        """The receptive field of this layer's units, from that of the layer below."""
        return below

    def initialize(self, shape: Shape, weight_init: str | float, generator: np.random.Generator, dtype: np.dtype) -> None:
        """Makes the parameters for this input shape; most layers have none."""

    def forward(self, x: np.ndarray, keep: Save = Save.NOTHING) -> np.ndarray:
        """x -> y, both starting with the N images."""
        raise NotImplementedError

    def backward(self, gy: np.ndarray) -> np.ndarray:
        """gy -> gx, after forward(x, Save.GRADIENTS or more); sets the gradients."""
        raise NotImplementedError

    def parameter_gradients(self, gy: np.ndarray) -> None:
        """The part of backward that sets the gradients; alone it serves the lowest layer, whose gx nobody needs."""

    def project(self, y: np.ndarray, rules: ProjectionRules) -> np.ndarray:
        """The deconvnet's step down, y -> x, after forward(x, rules.keep or more)."""
        raise NotImplementedError

    def project_part(self, part: Part, rules: ProjectionRules) -> Part:
        """The same for single units within their receptive field; as it stands for layers that treat every number alike."""
        return replace(part, values=self.project(part.values, rules))


def initial_weight(shape: Shape, weight_init: str | float, generator: np.random.Generator, dtype: np.dtype) -> np.ndarray:
    """Normal weights: with this deviation (the paper's is 1e-2), or "he": sqrt(2 / inputs of one unit), He et al. 2015."""
    scale = np.sqrt(2 / np.prod(shape[1:])) if weight_init == "he" else weight_init
    weight = generator.standard_normal(shape, dtype) if scale else np.zeros(shape, dtype)
    weight *= dtype.type(scale)
    return weight


def require_positive(layer: str, **values: int) -> None:
    """ValueError for the first value that is not a whole number of at least 1."""
    for name, value in values.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{layer}: {name} is {value!r}, expected a whole number of at least 1")
