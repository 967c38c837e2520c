"""Local contrast normalisation, both forms (section 2); not undone on the deconvnet's way down (section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from npzf.backend.arrays import array_module
from npzf.geometry import Field
from npzf.layers.checks import require_finite, require_flags, require_positive
from npzf.layers.layer import Gradients, Layer, Pointwise, ProjectionRules, Save
from npzf.regions import Region


class _Norm(Layer):
    """What the two forms share: they save x for the gradient, and pass a projection on unchanged."""

    def forward(self, x: Any, save: Save = Save.NOTHING) -> tuple[Any, Any]:
        """x (N, H, W, C) -> y of the same shape."""
        return self._normalize(x), x if save >= Save.GRADIENTS else None

    def backward(self, gy: Any, saved: Any, out: Gradients | None = None) -> tuple[Any, Gradients]:
        """gy -> gx, the true gradient."""
        return self._gradient(saved, gy), {}

    def project(self, y: Any, saved: Any, rules: ProjectionRules) -> Any:
        """Deconvnet: passed on as it is, or, if the rules say so, through the true gradient."""
        return self._gradient(saved, y) if rules.norm_gradient else y

    def _normalize(self, x: Any) -> Any:
        raise NotImplementedError

    def _gradient(self, x: Any, gy: Any) -> Any:
        raise NotImplementedError


@dataclass(eq=False)
class LocalResponseNorm(_Norm, Pointwise):
    """y_c = x_c / (k + a * sum of x_d^2 over n neighbouring maps d)^beta, a = alpha / n or alpha (Krizhevsky et al. 2012).

    alpha_divided_by_n says which alpha is meant: True, that of the mean of the n squares (a = alpha / n: cuda-convnet, Caffe,
    PyTorch), or False, that of their sum (a = alpha: Krizhevsky's paper as it is written).
    """

    n: int = 5  # Krizhevsky et al. 2012, section 3.3, as are the next three; section 2 leaves them open
    k: float = 2.0
    alpha: float = 1e-4
    beta: float = 0.75
    alpha_divided_by_n: bool = True

    def __post_init__(self) -> None:
        require_positive("LocalResponseNorm", n=self.n)
        require_flags("LocalResponseNorm", alpha_divided_by_n=self.alpha_divided_by_n)
        require_finite("LocalResponseNorm", n=self.n, k=self.k, alpha=self.alpha, beta=self.beta)
        if self.k <= 0 or self.alpha < 0:
            raise ValueError(f"LocalResponseNorm: k is {self.k}, alpha {self.alpha}, expected k > 0 and alpha >= 0")

    def _constants(self) -> tuple[int, float, float, float]:
        return self.n, self.k, self.alpha / self.n if self.alpha_divided_by_n else self.alpha, self.beta

    def _normalize(self, x: Any) -> Any:
        return self.ops.local_response_norm(x, *self._constants())

    def _gradient(self, x: Any, gy: Any) -> Any:
        return self.ops.local_response_norm_gradient(x, gy, *self._constants())


@dataclass(eq=False)
class LocalContrastNorm(_Norm):
    """y = v / max(local deviation, its mean over the image), v = x - local mean (Jarrett et al. 2009, section 3.1).

    window in pixels of x, odd; sigma of the Gaussian weighting in pixels; floor: the least divisor, in units of x.
    """

    window: int = 9  # Jarrett et al. 2009, section 3.1: a 9x9 Gaussian window
    sigma: float = 2.25  # open in that paper: a quarter of the window, as in its authors' Torch7
    floor: float = 1e-4
    local = False  # the mean deviation is that of the whole image

    def __post_init__(self) -> None:
        require_positive("LocalContrastNorm", window=self.window)
        require_finite("LocalContrastNorm", window=self.window, sigma=self.sigma, floor=self.floor)
        if self.window % 2 == 0 or self.sigma <= 0 or self.floor <= 0:
            raise ValueError(
                f"LocalContrastNorm: window is {self.window}, sigma {self.sigma}, floor {self.floor}, "
                "expected an odd window and positive sigma and floor"
            )

    def receptive_field(self, below: Field) -> Field:
        return below.through(2 * self.window - 1, 1, self.window - 1)  # the mean is taken twice

    def project_region(self, region: Region, saved: Any, rules: ProjectionRules) -> Region | None:
        """Deconvnet: passed on as it is, with zeros around it as far as the units see."""
        if rules.norm_gradient:
            return None
        reach = self.window - 1
        around = [(0, 0), (reach, reach), (reach, reach), (0, 0)]
        values = array_module(region.values).pad(region.values, around)
        return replace(region, values=values, rows=region.rows - reach, columns=region.columns - reach)

    def _normalize(self, x: Any) -> Any:
        return self.ops.local_contrast_norm(x, self.window, self.sigma, self.floor)

    def _gradient(self, x: Any, gy: Any) -> Any:
        return self.ops.local_contrast_norm_gradient(x, gy, self.window, self.sigma, self.floor)
