"""The layers of section 2: one small class an idea, each with forward, backward and the deconvnet's project."""

from npzf.layers.concatenate import Concatenate
from npzf.layers.connected import Flatten, FullyConnected
from npzf.layers.conv import Conv
from npzf.layers.dropout import Dropout
from npzf.layers.layer import Keep, Layer, Rules
from npzf.layers.norm import AcrossMaps, LocalContrast
from npzf.layers.pool import GlobalAveragePool, MaxPool
from npzf.layers.relu import Relu

__all__ = [
    "AcrossMaps",
    "Concatenate",
    "Conv",
    "Dropout",
    "Flatten",
    "FullyConnected",
    "GlobalAveragePool",
    "Keep",
    "Layer",
    "LocalContrast",
    "MaxPool",
    "Relu",
    "Rules",
]
