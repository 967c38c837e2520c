"""The fully connected products of ops/plain in threads (figure 3).

With few images these products are bound by reading the weight (151 MB for ZFNet's fc6), so the threads share the weight's rows,
not the batch: each reads its part once.
"""

from __future__ import annotations

import numpy as np

from npzf.backend.threads import parallel_for


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, relu: bool = False) -> np.ndarray:
    """As ops/plain."""
    y = np.empty((x.shape[0], weight.shape[0]), x.dtype)
    parallel_for(lambda units: np.matmul(x, weight[units].T, out=y[:, units]), weight.shape[0])
    y += bias
    return np.maximum(y, 0, out=y) if relu else y


def linear_transpose(y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """As ops/plain."""
    x = np.empty((y.shape[0], weight.shape[1]), y.dtype)
    parallel_for(lambda inputs: np.matmul(y, weight[:, inputs], out=x[:, inputs]), weight.shape[1])
    return x


def weight_gradient(x: np.ndarray, gy: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """As ops/plain."""
    gweight = np.empty((gy.shape[1], x.shape[1]), x.dtype) if out is None else out
    parallel_for(lambda units: np.matmul(gy[:, units].T, x, out=gweight[units]), gy.shape[1])
    return gweight
