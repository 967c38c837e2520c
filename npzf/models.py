"""The nets, each as one literal table: ZFNet (figure 3), Krizhevsky's, a ZFNet for small images, AlexNet and SqueezeNet.

A row reads: name, layer with its maps and window, stride, ..., as figure 3 does.
"""

from __future__ import annotations

from typing import Any

from npzf.layers import (
    Concatenate,
    Conv,
    Dropout,
    Flatten,
    FullyConnected,
    GlobalAveragePool,
    LocalResponseNorm,
    MaxPool,
    ReLU,
)
from npzf.network import Network
from npzf.preprocessing import Preprocessing

PAPER_INITIAL = 1e-2  # section 3: weights initialised to 1e-2


def zfnet(
    classes: int = 1000,
    *,
    seed: int = 0,
    dtype: Any = "float32",
    conv3_to_5: tuple[int, int, int] = (384, 384, 256),
    fc_units: int = 4096,
    weight_init: str | float = PAPER_INITIAL,
) -> Network:
    """ZFNet (figure 3) for 224x224x3 images in about [-128, 128].

    conv3_to_5: maps of layers 3, 4, 5; fc_units: units of layers 6 and 7 (Table 3 varies both); weight_init: standard deviation
    of the initial weights, or "he".
    """
    table = [
        ("conv1", Conv(96, 7, stride=2, ceil=True)),  # 224 -> 110, figure 3
        ("relu1", ReLU()),
        ("pool1", MaxPool(3, stride=2, ceil=True)),  # 110 -> 55
        ("norm1", LocalResponseNorm()),
        ("conv2", Conv(256, 5, stride=2, ceil=True)),  # 55 -> 26
        ("relu2", ReLU()),
        ("pool2", MaxPool(3, stride=2, ceil=True)),  # 26 -> 13
        ("norm2", LocalResponseNorm()),
        ("conv3", Conv(conv3_to_5[0], 3, pad=1)),
        ("relu3", ReLU()),
        ("conv4", Conv(conv3_to_5[1], 3, pad=1)),
        ("relu4", ReLU()),
        ("conv5", Conv(conv3_to_5[2], 3, pad=1)),
        ("relu5", ReLU()),
        ("pool5", MaxPool(3, stride=2, ceil=True)),  # 13 -> 6
        *_classifier(fc_units, fc_units, classes),
    ]
    return Network((224, 224, 3), table, seed=seed, dtype=dtype, weight_init=weight_init)


def krizhevsky(
    classes: int = 1000,
    *,
    seed: int = 0,
    dtype: Any = "float32",
    groups: int = 2,
    fc_units: int = 4096,
    weight_init: str | float = PAPER_INITIAL,
) -> Network:
    """The net of Krizhevsky et al. 2012 that the paper compares with; groups=1 gives it the paper's dense connections.

    224x224x3 images in about [-128, 128]; fc_units: units of layers 6 and 7 (Table 3); weight_init as for zfnet.
    """
    table = [
        ("conv1", Conv(96, 11, stride=4, ceil=True)),  # 224 -> 55
        ("relu1", ReLU()),
        ("norm1", LocalResponseNorm()),
        ("pool1", MaxPool(3, stride=2, ceil=True)),  # 55 -> 27
        ("conv2", Conv(256, 5, pad=2, groups=groups)),
        ("relu2", ReLU()),
        ("norm2", LocalResponseNorm()),
        ("pool2", MaxPool(3, stride=2, ceil=True)),  # 27 -> 13
        ("conv3", Conv(384, 3, pad=1)),
        ("relu3", ReLU()),
        ("conv4", Conv(384, 3, pad=1, groups=groups)),
        ("relu4", ReLU()),
        ("conv5", Conv(256, 3, pad=1, groups=groups)),
        ("relu5", ReLU()),
        ("pool5", MaxPool(3, stride=2, ceil=True)),  # 13 -> 6
        *_classifier(fc_units, fc_units, classes),
    ]
    return Network((224, 224, 3), table, seed=seed, dtype=dtype, weight_init=weight_init)


def small_zfnet(classes: int = 10, size: int = 96, *, seed: int = 0, dtype: Any = "float32") -> Network:
    """ZFNet's layers with fewer maps, for size x size images of 64 to 160 pixels and a processor instead of a GPU.

    Its second layer moves by 1 instead of 2, so that small images still give maps with places to look at in layers 3 to 5. It
    is meant to learn within minutes from a thousand images, and to show what it has learned: hence input in about [-16, 16],
    dropout 0.2, He initialisation above, and weights so small in layer 1, and smaller than He's in 2 to 5, that what a filter
    learns soon outweighs the noise it began as. ZFNet's own N(0, 1e-2), [-128, 128] and 0.5 hardly train so small a net.
    """
    table = [
        ("conv1", Conv(32, 7, stride=2, ceil=True)),
        ("relu1", ReLU()),
        ("pool1", MaxPool(3, stride=2, ceil=True)),
        ("norm1", LocalResponseNorm()),
        ("conv2", Conv(64, 5, pad=2)),
        ("relu2", ReLU()),
        ("pool2", MaxPool(3, stride=2, ceil=True)),
        ("norm2", LocalResponseNorm()),
        ("conv3", Conv(96, 3, pad=1)),
        ("relu3", ReLU()),
        ("conv4", Conv(96, 3, pad=1)),
        ("relu4", ReLU()),
        ("conv5", Conv(64, 3, pad=1)),
        ("relu5", ReLU()),
        ("pool5", MaxPool(3, stride=2, ceil=True)),
        *_classifier(256, 256, classes, dropout=0.2),
    ]
    net = Network((size, size, 3), table, seed=seed, dtype=dtype)
    net.preprocessing = Preprocessing(std=8.0)
    for name, share in {"conv1": 1e-2, "conv2": 0.7, "conv3": 0.7, "conv4": 0.7, "conv5": 0.7}.items():
        net.parameters[f"{name}/weight"] *= net.dtype.type(share)
    return net


def alexnet(classes: int = 1000, *, seed: int = 0, dtype: Any = "float32") -> Network:
    """Krizhevsky's net as in "one weird trick" (2014): no groups, no normalisation, fewer maps below; 224x224x3 images."""
    table = [
        ("conv1", Conv(64, 11, stride=4, pad=2)),
        ("relu1", ReLU()),
        ("pool1", MaxPool(3, stride=2)),
        ("conv2", Conv(192, 5, pad=2)),
        ("relu2", ReLU()),
        ("pool2", MaxPool(3, stride=2)),
        ("conv3", Conv(384, 3, pad=1)),
        ("relu3", ReLU()),
        ("conv4", Conv(256, 3, pad=1)),
        ("relu4", ReLU()),
        ("conv5", Conv(256, 3, pad=1)),
        ("relu5", ReLU()),
        ("pool5", MaxPool(3, stride=2)),
        *_classifier(4096, 4096, classes),
    ]
    return Network((224, 224, 3), table, seed=seed, dtype=dtype)


def squeezenet(classes: int = 1000, *, seed: int = 0, dtype: Any = "float32") -> Network:
    """SqueezeNet v1.1 (Iandola et al. 2016), whose fire modules concatenate two branches; 227x227x3 images."""
    table = [
        ("conv1", Conv(64, 3, stride=2)),
        ("relu1", ReLU()),
        ("pool1", MaxPool(3, stride=2, ceil=True)),
        *_fire("fire2", 16, 64),
        *_fire("fire3", 16, 64),
        ("pool3", MaxPool(3, stride=2, ceil=True)),
        *_fire("fire4", 32, 128),
        *_fire("fire5", 32, 128),
        ("pool5", MaxPool(3, stride=2, ceil=True)),
        *_fire("fire6", 48, 192),
        *_fire("fire7", 48, 192),
        *_fire("fire8", 64, 256),
        *_fire("fire9", 64, 256),
        ("drop9", Dropout(0.5)),
        ("conv10", Conv(classes, 1)),
        ("pool10", GlobalAveragePool()),
    ]
    return Network((227, 227, 3), table, seed=seed, dtype=dtype)


def _classifier(sixth: int, seventh: int, classes: int, dropout: float = 0.5) -> list[tuple]:  # dropout: section 3
    """Layers 6 to 8, the same in every net of the paper."""
    return [
        ("flatten", Flatten()),
        ("fc6", FullyConnected(sixth)),
        ("relu6", ReLU()),
        ("drop6", Dropout(dropout)),
        ("fc7", FullyConnected(seventh)),
        ("relu7", ReLU()),
        ("drop7", Dropout(dropout)),
        ("fc8", FullyConnected(classes)),
    ]


def _fire(name: str, squeeze: int, expand: int) -> list[tuple]:
    """A fire module: 1x1 filters that squeeze, then 1x1 and 3x3 filters side by side, concatenated."""
    return [
        (f"{name}/squeeze1x1", Conv(squeeze, 1)),
        (f"{name}/relu_squeeze1x1", ReLU()),
        (f"{name}/expand1x1", Conv(expand, 1), (f"{name}/relu_squeeze1x1",)),
        (f"{name}/relu_expand1x1", ReLU()),
        (f"{name}/expand3x3", Conv(expand, 3, pad=1), (f"{name}/relu_squeeze1x1",)),
        (f"{name}/relu_expand3x3", ReLU()),
        (f"{name}/concat", Concatenate(), (f"{name}/relu_expand1x1", f"{name}/relu_expand3x3")),
    ]
