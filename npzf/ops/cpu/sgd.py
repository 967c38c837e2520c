"""The step of gradient descent of ops/plain in threads and cache-sized chunks (section 3)."""

from __future__ import annotations

import numpy as np

from npzf.backend.threads import parallel_for

CHUNK = 1 << 16  # numbers updated together, so that the passes over them find them in the cache


def sgd_step(
    parameter: np.ndarray, gradient: np.ndarray, velocity: np.ndarray, rate: float, momentum: float, decay: float
) -> None:
    """As ops/plain."""
    parameter, gradient, velocity = (array.reshape(-1) for array in (parameter, gradient, velocity))

    def run(part: slice) -> None:
        scratch = np.empty(min(CHUNK, part.stop - part.start), parameter.dtype)
        for start in range(part.start, part.stop, CHUNK):
            chunk = slice(start, min(start + CHUNK, part.stop))
            p, g, v, s = parameter[chunk], gradient[chunk], velocity[chunk], scratch[: chunk.stop - start]
            v *= momentum
            v += g
            if decay:
                np.multiply(p, decay, out=s)
                v += s
            np.multiply(v, rate, out=s)
            p -= s

    parallel_for(run, parameter.size)
