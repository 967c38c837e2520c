"""One set of all operations (sections 2 and 3), as layers see it; no part of the paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ops:
    """A face of the operations: the same names, arguments and results in each; npzf/ops/plain says what they do.

    name: "plain" (as a student would write it, on arrays of any module), "cpu" (NumPy in blocks and threads) or "cuda" (our
    kernels).
    """

    name: str
    convolve: Callable[..., Any]
    convolve_transpose: Callable[..., Any]
    filter_gradient: Callable[..., Any]
    bias_gradient: Callable[..., Any]
    linear: Callable[..., Any]
    linear_transpose: Callable[..., Any]
    weight_gradient: Callable[..., Any]
    rectify: Callable[..., Any]
    rectify_gradient: Callable[..., Any]
    dropout_mask: Callable[..., Any]
    max_pool: Callable[..., Any]
    unpool: Callable[..., Any]
    unpool_region: Callable[..., Any]
    average_pool: Callable[..., Any]
    average_pool_transpose: Callable[..., Any]
    local_response_norm: Callable[..., Any]
    local_response_norm_gradient: Callable[..., Any]
    local_contrast_norm: Callable[..., Any]
    local_contrast_norm_gradient: Callable[..., Any]
    softmax: Callable[..., Any]
    softmax_gradient: Callable[..., Any]
    cross_entropy: Callable[..., Any]
    sgd_step: Callable[..., Any]
    clip_filters: Callable[..., Any]
