"""npzf: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks" (arXiv 1311.2901), in NumPy and CuPy."""

from npzf.backend.threads import set_threads
from npzf.deconvnet import project
from npzf.interop import from_onnx, from_torch, load_state, pretrained, save_state, to_onnx, to_torch
from npzf.layers import ProjectionRules, Save
from npzf.losses import binary_cross_entropy, hinge, softmax, softmax_cross_entropy
from npzf.models import alexnet, krizhevsky, small_zfnet, squeezenet, vgg16, zfnet
from npzf.network import Network, truncated
from npzf.predict import features, predict
from npzf.serialization import load
from npzf.tape import Tape
from npzf.training.sgd import SGD

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Network",
    "ProjectionRules",
    "Save",
    "Tape",
    "alexnet",
    "binary_cross_entropy",
    "features",
    "from_onnx",
    "from_torch",
    "hinge",
    "krizhevsky",
    "load",
    "load_state",
    "predict",
    "pretrained",
    "project",
    "save_state",
    "set_threads",
    "small_zfnet",
    "softmax",
    "softmax_cross_entropy",
    "squeezenet",
    "to_onnx",
    "to_torch",
    "truncated",
    "vgg16",
    "zfnet",
]
