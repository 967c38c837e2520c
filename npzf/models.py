"""The nets, each as literal rows that can be edited: ZFNet (figure 3), Krizhevsky's (Table 3 ablates both), and others.

A row reads: name, layer with its maps and kernel size, stride, ..., as figure 3 does. Network builds any list of rows; rows.py
leaves layers out, as Table 3 does.
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
    LocalContrastNorm,
    LocalResponseNorm,
    MaxPool,
    ReLU,
)
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.rows import Row

SMALL_MAPS = (32, 64, 96, 96, 64)  # of small_zfnet's layers 1 to 5
PAPER_INITIAL = 1e-2  # section 3: weights initialised to 1e-2


def zfnet_rows(
    classes: int = 1000,
    *,
    conv3_to_5: tuple[int, int, int] = (384, 384, 256),
    fc_units: int = 4096,
    norm: str | None = "across",
) -> list[Row]:
    """The rows of ZFNet (figure 3), for 224x224x3 images; arguments as for zfnet."""
    return [
        ("conv1", Conv(96, 7, stride=2, ceil=True)),  # 224 -> 110, figure 3
        ("relu1", ReLU()),
        ("pool1", MaxPool(3, stride=2, ceil=True)),  # 110 -> 55
        *_norm("norm1", norm),
        ("conv2", Conv(256, 5, stride=2, ceil=True)),  # 55 -> 26
        ("relu2", ReLU()),
        ("pool2", MaxPool(3, stride=2, ceil=True)),  # 26 -> 13
        *_norm("norm2", norm),
        ("conv3", Conv(conv3_to_5[0], 3, pad=1)),
        ("relu3", ReLU()),
        ("conv4", Conv(conv3_to_5[1], 3, pad=1)),
        ("relu4", ReLU()),
        ("conv5", Conv(conv3_to_5[2], 3, pad=1)),
        ("relu5", ReLU()),
        ("pool5", MaxPool(3, stride=2, ceil=True)),  # 13 -> 6
        *_classifier(fc_units, classes),
    ]


def zfnet(
    classes: int = 1000,
    *,
    seed: int = 0,
    dtype: Any = "float32",
    conv3_to_5: tuple[int, int, int] = (384, 384, 256),
    fc_units: int = 4096,
    norm: str | None = "across",
    weight_init: str | float = PAPER_INITIAL,
) -> Network:
    """ZFNet (figure 3) for 224x224x3 images in about [-128, 128].

    conv3_to_5: maps of layers 3, 4, 5; fc_units: units of layers 6 and 7 (Table 3 varies both). norm: the contrast normalisation
    of layers 1 and 2 (section 2), "across" maps (Krizhevsky et al. 2012), "local" (Jarrett et al. 2009), or None. weight_init:
    standard deviation of the initial weights, or "he". ValueError for another norm.
    """
    rows = zfnet_rows(classes, conv3_to_5=conv3_to_5, fc_units=fc_units, norm=norm)
    return Network((224, 224, 3), rows, seed=seed, dtype=dtype, weight_init=weight_init)


def krizhevsky_rows(classes: int = 1000, *, groups: int = 2, fc_units: int = 4096, norm: str | None = "across") -> list[Row]:
    """The rows of the net of Krizhevsky et al. 2012, for 224x224x3 images; arguments as for krizhevsky."""
    return [
        ("conv1", Conv(96, 11, stride=4, ceil=True)),  # 224 -> 55
        ("relu1", ReLU()),
        *_norm("norm1", norm),
        ("pool1", MaxPool(3, stride=2, ceil=True)),  # 55 -> 27
        ("conv2", Conv(256, 5, pad=2, groups=groups)),
        ("relu2", ReLU()),
        *_norm("norm2", norm),
        ("pool2", MaxPool(3, stride=2, ceil=True)),  # 27 -> 13
        ("conv3", Conv(384, 3, pad=1)),
        ("relu3", ReLU()),
        ("conv4", Conv(384, 3, pad=1, groups=groups)),
        ("relu4", ReLU()),
        ("conv5", Conv(256, 3, pad=1, groups=groups)),
        ("relu5", ReLU()),
        ("pool5", MaxPool(3, stride=2, ceil=True)),  # 13 -> 6
        *_classifier(fc_units, classes),
    ]


def krizhevsky(
    classes: int = 1000,
    *,
    seed: int = 0,
    dtype: Any = "float32",
    groups: int = 2,
    fc_units: int = 4096,
    norm: str | None = "across",
    weight_init: str | float = PAPER_INITIAL,
) -> Network:
    """The net of Krizhevsky et al. 2012 that the paper compares with; groups=1 gives it the paper's dense connections.

    224x224x3 images in about [-128, 128]; fc_units: units of layers 6 and 7 (Table 3); norm and weight_init as for zfnet.
    """
    rows = krizhevsky_rows(classes, groups=groups, fc_units=fc_units, norm=norm)
    return Network((224, 224, 3), rows, seed=seed, dtype=dtype, weight_init=weight_init)


def small_zfnet_rows(
    classes: int = 10,
    *,
    norm: str | None = "across",
    maps: tuple[int, int, int, int, int] = SMALL_MAPS,
    fc_units: int = 256,
    dropout: float = 0.2,
) -> list[Row]:
    """The rows of a ZFNet with fewer maps, for square images of 64 to 160 pixels; arguments as for small_zfnet."""
    if len(maps) != 5:
        raise ValueError(f"maps are {tuple(maps)}, expected five numbers, of layers 1 to 5")
    return [
        ("conv1", Conv(maps[0], 7, stride=2, ceil=True)),
        ("relu1", ReLU()),
        ("pool1", MaxPool(3, stride=2, ceil=True)),
        *_norm("norm1", norm, floor=1.0),
        ("conv2", Conv(maps[1], 5, pad=2)),
        ("relu2", ReLU()),
        ("pool2", MaxPool(3, stride=2, ceil=True)),
        *_norm("norm2", norm, floor=1.0),
        ("conv3", Conv(maps[2], 3, pad=1)),
        ("relu3", ReLU()),
        ("conv4", Conv(maps[3], 3, pad=1)),
        ("relu4", ReLU()),
        ("conv5", Conv(maps[4], 3, pad=1)),
        ("relu5", ReLU()),
        ("pool5", MaxPool(3, stride=2, ceil=True)),
        *(_classifier(fc_units, classes, dropout) if fc_units else _softmax_alone(classes, dropout)),
    ]


def small_zfnet(
    classes: int = 10,
    size: int = 96,
    *,
    seed: int = 0,
    dtype: Any = "float32",
    norm: str | None = "across",
    maps: tuple[int, int, int, int, int] = SMALL_MAPS,
    fc_units: int = 256,
    dropout: float = 0.2,
    weight_init: str | float | None = None,
) -> Network:
    """ZFNet's layers with fewer maps, for size x size images of 64 to 160 pixels and a processor instead of a GPU.

    Its second layer has stride 1 instead of 2, so that layers 3 to 5 keep maps of several places. It is meant to learn from a
    thousand images within minutes and to show what it has learned: hence input in about [-16, 16], dropout 0.2, He initialisation
    above, and weights so small in layer 1, and smaller than He's in 2 to 5, that learned structure soon dominates the random
    initialisation. ZFNet's own N(0, 1e-2), [-128, 128] and 0.5 hardly train so small a net.

    maps: of layers 1 to 5; fc_units: of layers 6 and 7, 0 for neither (Table 3); weight_init as for zfnet, instead of those
    weights, which suits longer training.

    norm as for zfnet; "local" divides by at least 1, above what layer 1 gives at first. Without that floor its output does not
    depend on the scale of the weights below it, whose gradients grow as these shrink: the small weights of layer 1 then grow
    forty times in the first ten steps, along random gradients, and stay noise (71.7 % instead of 82.9 % in the demo).
    """
    rows = small_zfnet_rows(classes, norm=norm, maps=maps, fc_units=fc_units, dropout=dropout)
    net = Network((size, size, 3), rows, seed=seed, dtype=dtype, weight_init="he" if weight_init is None else weight_init)
    net.preprocessing = Preprocessing(std=8.0)
    if weight_init is not None:
        return net
    for name, share in {"conv1": 1e-2, "conv2": 0.7, "conv3": 0.7, "conv4": 0.7, "conv5": 0.7}.items():
        net.parameters[f"{name}/weight"] *= net.dtype.type(share)
    return net


def alexnet_rows(classes: int = 1000) -> list[Row]:
    """The rows of Krizhevsky's net as in "one weird trick" (Krizhevsky 2014), for 224x224x3 images."""
    return [
        ("conv1", Conv(64, 11, stride=4, pad=2)),  # 224 -> 55
        ("relu1", ReLU()),
        ("pool1", MaxPool(3, stride=2)),  # 55 -> 27
        ("conv2", Conv(192, 5, pad=2)),
        ("relu2", ReLU()),
        ("pool2", MaxPool(3, stride=2)),  # 27 -> 13
        ("conv3", Conv(384, 3, pad=1)),
        ("relu3", ReLU()),
        ("conv4", Conv(256, 3, pad=1)),
        ("relu4", ReLU()),
        ("conv5", Conv(256, 3, pad=1)),
        ("relu5", ReLU()),
        ("pool5", MaxPool(3, stride=2)),  # 13 -> 6
        *_classifier(4096, classes),
    ]


def alexnet(classes: int = 1000, *, seed: int = 0, dtype: Any = "float32") -> Network:
    """Krizhevsky's net as in "one weird trick" (2014): no groups, no normalisation, fewer maps below; 224x224x3 images."""
    return Network((224, 224, 3), alexnet_rows(classes), seed=seed, dtype=dtype)


def squeezenet_rows(classes: int = 1000) -> list[Row]:
    """The rows of SqueezeNet v1.1 (Iandola et al. 2016), for 227x227x3 images."""
    return [
        ("conv1", Conv(64, 3, stride=2)),  # 227 -> 113
        ("relu1", ReLU()),
        ("pool1", MaxPool(3, stride=2, ceil=True)),  # 113 -> 56
        *_fire("fire2", 16, 64),
        *_fire("fire3", 16, 64),
        ("pool3", MaxPool(3, stride=2, ceil=True)),  # 56 -> 28
        *_fire("fire4", 32, 128),
        *_fire("fire5", 32, 128),
        ("pool5", MaxPool(3, stride=2, ceil=True)),  # 28 -> 14
        *_fire("fire6", 48, 192),
        *_fire("fire7", 48, 192),
        *_fire("fire8", 64, 256),
        *_fire("fire9", 64, 256),
        ("drop9", Dropout(0.5)),
        ("conv10", Conv(classes, 1)),
        ("pool10", GlobalAveragePool()),
    ]


def squeezenet(classes: int = 1000, *, seed: int = 0, dtype: Any = "float32") -> Network:
    """SqueezeNet v1.1 (Iandola et al. 2016), whose fire modules concatenate two branches; 227x227x3 images."""
    return Network((227, 227, 3), squeezenet_rows(classes), seed=seed, dtype=dtype)


def vgg16_rows(classes: int = 1000) -> list[Row]:
    """The rows of VGG-16 (Simonyan & Zisserman 2014, Table 1, configuration D), for 224x224x3 images."""
    return [
        ("conv1_1", Conv(64, 3, pad=1)),
        ("relu1_1", ReLU()),
        ("conv1_2", Conv(64, 3, pad=1)),
        ("relu1_2", ReLU()),
        ("pool1", MaxPool(2, stride=2)),  # 224 -> 112
        ("conv2_1", Conv(128, 3, pad=1)),
        ("relu2_1", ReLU()),
        ("conv2_2", Conv(128, 3, pad=1)),
        ("relu2_2", ReLU()),
        ("pool2", MaxPool(2, stride=2)),  # 112 -> 56
        ("conv3_1", Conv(256, 3, pad=1)),
        ("relu3_1", ReLU()),
        ("conv3_2", Conv(256, 3, pad=1)),
        ("relu3_2", ReLU()),
        ("conv3_3", Conv(256, 3, pad=1)),
        ("relu3_3", ReLU()),
        ("pool3", MaxPool(2, stride=2)),  # 56 -> 28
        ("conv4_1", Conv(512, 3, pad=1)),
        ("relu4_1", ReLU()),
        ("conv4_2", Conv(512, 3, pad=1)),
        ("relu4_2", ReLU()),
        ("conv4_3", Conv(512, 3, pad=1)),
        ("relu4_3", ReLU()),
        ("pool4", MaxPool(2, stride=2)),  # 28 -> 14
        ("conv5_1", Conv(512, 3, pad=1)),
        ("relu5_1", ReLU()),
        ("conv5_2", Conv(512, 3, pad=1)),
        ("relu5_2", ReLU()),
        ("conv5_3", Conv(512, 3, pad=1)),
        ("relu5_3", ReLU()),
        ("pool5", MaxPool(2, stride=2)),  # 14 -> 7
        *_classifier(4096, classes),
    ]


def vgg16(classes: int = 1000, *, seed: int = 0, dtype: Any = "float32") -> Network:
    """VGG-16 (Simonyan & Zisserman 2014, configuration D): 3x3 convolutions only; 224x224x3 images."""
    return Network((224, 224, 3), vgg16_rows(classes), seed=seed, dtype=dtype)


def _norm(name: str, norm: str | None, floor: float = LocalContrastNorm.floor) -> list[Row]:
    """One of the two contrast normalisations (section 2), or none; floor: the least divisor of the local one."""
    match norm:
        case "across":
            return [(name, LocalResponseNorm())]
        case "local":
            return [(name, LocalContrastNorm(floor=floor))]
        case None:
            return []
    raise ValueError(f"norm is {norm!r}, expected 'across', 'local' or None")


def _classifier(units: int, classes: int, dropout: float = 0.5) -> list[Row]:  # dropout: section 3
    """Layers 6 to 8, the same in every net of the paper."""
    return [
        ("flatten", Flatten()),
        ("fc6", FullyConnected(units)),
        ("relu6", ReLU()),
        ("drop6", Dropout(dropout)),
        ("fc7", FullyConnected(units)),
        ("relu7", ReLU()),
        ("drop7", Dropout(dropout)),
        ("fc8", FullyConnected(classes)),
    ]


def _softmax_alone(classes: int, dropout: float) -> list[Row]:
    """Layer 8 on top of layer 5, as in Table 3 without layers 6 and 7."""
    return [("flatten", Flatten()), ("drop5", Dropout(dropout)), ("fc8", FullyConnected(classes))]


def _fire(name: str, squeeze: int, expand: int) -> list[Row]:
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
