"""The layers of section 2: one small class an idea, each with forward, backward and the deconvnet's project."""

from npzf.layers.concatenate import Concatenate
from npzf.layers.conv import Conv
from npzf.layers.dropout import Dropout
from npzf.layers.fully_connected import Flatten, FullyConnected
from npzf.layers.layer import Layer, ProjectionRules, Save
from npzf.layers.normalization import LocalContrastNorm, LocalResponseNorm
from npzf.layers.pool import GlobalAveragePool, MaxPool
from npzf.layers.relu import ReLU

__all__ = [
    "Concatenate",
    "Conv",
    "Dropout",
    "Flatten",
    "FullyConnected",
    "GlobalAveragePool",
    "Layer",
    "LocalContrastNorm",
    "LocalResponseNorm",
    "MaxPool",
    "ProjectionRules",
    "ReLU",
    "Save",
]
