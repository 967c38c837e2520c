"""The CUDA face has the names, arguments and defaults of ops/plain, and its products one argument more, the precision."""

import inspect
from dataclasses import fields

import pytest

from npzf.ops import CUDA, CUDA_TF32, PLAIN, Ops

PRODUCTS = {"convolve", "convolve_transpose", "filter_gradient", "linear", "linear_transpose", "weight_gradient"}


def arguments(function):
    """(name, kind, default) of each, and the precision that it computes in by default."""
    found = [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]
    precision = next((default for name, _, default in found if name == "precision"), None)
    return [argument for argument in found if argument[0] != "precision"], precision


@pytest.mark.parametrize("name", [field.name for field in fields(Ops) if field.name != "name"])
def test_one_signature(name):
    expected, _ = arguments(getattr(PLAIN, name))
    for face, precision in ((CUDA, "fp32"), (CUDA_TF32, "tf32")):
        found = arguments(getattr(face, name))
        assert found == (expected, precision if name in PRODUCTS else None)
