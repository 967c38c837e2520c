"""The fully connected layers 6 to 8 (figure 3) and their transposes."""

from __future__ import annotations

import numpy as np

from npzf.backend.threads import parallel_for
from npzf.ops.twins import twin

# With few images these products are bound by reading the weight (151 MB for ZFNet's fc6), so the threads share the weight's
# rows, not the batch: each reads its part once.


@twin
def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, relu: bool = False) -> np.ndarray:
    """y = x @ weight.T + bias: x (N, I), weight (O, I), bias (O,) -> y (N, O); relu: negative y become 0."""
    y = np.empty((x.shape[0], weight.shape[0]), x.dtype)
    parallel_for(lambda part: np.matmul(x, weight[part].T, out=y[:, part]), weight.shape[0])
    y += bias
    return np.maximum(y, 0, out=y) if relu else y


@twin
def linear_transpose(y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x = y @ weight, the adjoint of linear: y (N, O), weight (O, I) -> x (N, I)."""
    x = np.empty((y.shape[0], weight.shape[1]), y.dtype)
    parallel_for(lambda part: np.matmul(y, weight[:, part], out=x[:, part]), weight.shape[1])
    return x


@twin
def weight_gradient(x: np.ndarray, gy: np.ndarray, out: np.ndarray) -> None:
    """out (O, I) = gy.T @ x for x (N, I), gy (N, O); written in place, for it is as large as the layer."""
    parallel_for(lambda part: np.matmul(gy[:, part].T, x, out=out[part]), gy.shape[1])
