"""The layers of section 2: one small class an idea, each with forward, backward and the deconvnet's project."""

from npzf.layers.affine import Affine
from npzf.layers.conv import Conv
from npzf.layers.dropout import Draw, Dropout
from npzf.layers.fully_connected import Flatten, FullyConnected
from npzf.layers.joins import Add, Concatenate, Join
from npzf.layers.l2_normalize import L2Normalize
from npzf.layers.layer import Gradients, Layer, Pointwise, ProjectionRules, Save
from npzf.layers.normalization import LocalContrastNorm, LocalResponseNorm
from npzf.layers.pool import AveragePool, GlobalAveragePool, MaxPool
from npzf.layers.relu import ReLU
from npzf.layers.softmax import Softmax
from npzf.layers.zero_pad import ZeroPad

__all__ = [
    "Add",
    "Affine",
    "AveragePool",
    "Concatenate",
    "Conv",
    "Draw",
    "Dropout",
    "Flatten",
    "FullyConnected",
    "GlobalAveragePool",
    "Gradients",
    "Join",
    "L2Normalize",
    "Layer",
    "LocalContrastNorm",
    "LocalResponseNorm",
    "MaxPool",
    "Pointwise",
    "ProjectionRules",
    "ReLU",
    "Save",
    "Softmax",
    "ZeroPad",
]
