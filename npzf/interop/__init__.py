"""Weights of nets trained elsewhere, so that figures 2 to 7 can be drawn of them."""

from npzf.interop.hwio import from_hwio

__all__ = ["from_hwio"]
