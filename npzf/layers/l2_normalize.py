"""Features scaled to unit length, as the linear classifiers of section 5.2 take them; no part of the net of section 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npzf.backend.arrays import array_module
from npzf.layers.checks import require_finite
from npzf.layers.layer import Gradients, Layer, ProjectionRules, Save, Shape


@dataclass(eq=False)
class L2Normalize(Layer):
    """y[n, i] = x[n, i] / max(|x[n]|, eps), |x| the square root of the sum of the squares: as PyTorch's F.normalize."""

    eps: float = 1e-12
    local = False

    def __post_init__(self) -> None:
        require_finite("L2Normalize", eps=self.eps)
        if not self.eps > 0:
            raise ValueError(f"L2Normalize: eps is {self.eps!r}, expected a number above 0")

    def shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"L2Normalize: input is {shape}, expected (F,): put a Flatten before it")
        return shape

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, F) -> y (N, F)."""
        y = x / self._divisor(x)
        return y, x if save >= Save.GRADIENTS else None

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy (N, F) -> gx (N, F): the part of gy across y, over the length; where eps divides, gy / eps."""
        return self._gradient(saved, gy), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Deconvnet: passed on as it is, like contrast normalisation, or, if the rules say so, through the true gradient."""
        return self._gradient(saved, y) if rules.norm_gradient else y

    def _divisor(self, x: Any) -> Any:
        """(N, 1), scaled before it is squared: no length overflows or vanishes that the type can hold."""
        xp = array_module(x)
        largest = xp.abs(x).max(axis=1, keepdims=True)
        scale = xp.where((largest > 0) & (largest < float("inf")), largest, xp.ones_like(largest))
        length = scale * xp.sqrt(xp.square(x / scale).sum(axis=1, keepdims=True))
        return xp.maximum(length, x.dtype.type(max(self.eps, float(xp.finfo(x.dtype).tiny))))

    def _gradient(self, x: Any, gy: Any) -> Any:
        xp = array_module(x)
        divisor = self._divisor(x)
        y = x / divisor
        along = xp.where(divisor > self.eps, (gy * y).sum(axis=1, keepdims=True), xp.zeros_like(divisor))
        return (gy - along * y) / divisor
