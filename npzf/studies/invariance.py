"""Figure 5: how far a photograph that is moved, scaled or turned moves in a low and a high layer, and how its class fares."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from npzf.layers import Conv, Dropout, FullyConnected
from npzf.losses import softmax
from npzf.network import Network
from npzf.predict import features

AMOUNTS = {  # figure 5: the ranges are the paper's, the steps are open in it
    "translation": np.arange(-60.0, 61, 5),  # pixels downwards, of 224
    "scale": np.linspace(1, 1.8, 17),
    "rotation": np.arange(0.0, 351, 10),  # degrees, counter-clockwise
}


@dataclass(frozen=True)
class Invariance:
    """What one kind of transformation, by each of A amounts, does to N photographs.

    amounts (A,): pixels, factors or degrees; distances: layer -> (N, A), the Euclidean distance between the layer's activations
    for the transformed and for the untouched photograph, in units of the activations; probability (N, A): of the true class.
    """

    kind: str
    amounts: np.ndarray
    distances: dict[str, np.ndarray]
    probability: np.ndarray


def invariance(
    net: Network,
    photographs: np.ndarray,
    labels: Sequence[int],
    layers: Collection[str],
    kind: str,
    amounts: Sequence[float] | None = None,
    batch: int = 16,
) -> Invariance:
    """Transforms photographs uint8 (N, H, W, 3) of these classes (N,) and compares what the net makes of them (figure 5).

    kind: "translation" (vertical), "scale" or "rotation"; amounts: by default AMOUNTS, translations in proportion to H / 224.
    What lies outside of a photograph is the mean colour. ValueError for a kind, label, layer, or a net without class scores.
    """
    classes = net.shapes[net.output_name]
    if len(classes) != 1:
        raise ValueError(f"the net's last layer, {net.output_name!r}, gives {classes}, expected scores (classes,)")
    if len(labels) != len(photographs) or not all(0 <= label < classes[0] for label in labels):
        raise ValueError(f"labels are {list(labels)}, expected {len(photographs)} from 0 to {classes[0] - 1}")
    amounts = default_amounts(kind, photographs.shape[1]) if amounts is None else np.asarray(amounts, np.float64)
    colour = mean_colour(net)
    distances = {name: np.empty((len(photographs), len(amounts))) for name in layers}
    probability = np.empty((len(photographs), len(amounts)))
    for n, (photograph, label) in enumerate(zip(photographs, labels, strict=True)):
        untouched = features(net, net.preprocessing.apply(photograph[None]), layers)
        for start in range(0, len(amounts), batch):
            part = slice(start, min(start + batch, len(amounts)))
            moved = np.stack([transformed(photograph, kind, amount, colour) for amount in amounts[part]])
            seen = features(net, net.preprocessing.apply(moved), {*layers, net.output_name})
            probability[n, part] = softmax(seen[net.output_name])[:, label]
            for name in layers:
                away = (seen[name] - untouched[name]).reshape(len(moved), -1)
                distances[name][n, part] = np.linalg.norm(away, axis=1)
    return Invariance(kind, amounts, distances, probability)


def default_amounts(kind: str, height: int) -> np.ndarray:
    """The amounts of figure 5 for photographs of this height in pixels; ValueError for an unknown kind."""
    if kind not in AMOUNTS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(AMOUNTS)}")
    return np.rint(AMOUNTS[kind] * height / 224) if kind == "translation" else AMOUNTS[kind]


def transformed(photograph: np.ndarray, kind: str, amount: float, colour: Sequence[int]) -> np.ndarray:
    """A photograph uint8 (H, W, 3), moved down by pixels, scaled by a factor or turned by degrees about its middle; same shape.

    Pixels are interpolated bilinearly; what comes from outside has this colour, R G B in [0, 255]. ValueError for the kind.
    """
    height, width = photograph.shape[:2]
    if kind == "translation":
        a, b, shift = 1.0, 0.0, amount
    elif kind == "scale" and amount > 0:
        a, b, shift = 1 / amount, 0.0, 0.0
    elif kind == "rotation":
        a, b = np.round([np.cos(np.deg2rad(amount)), -np.sin(np.deg2rad(amount))], 12)  # a quarter turn is one exactly
        shift = 0.0
    else:
        raise ValueError(f"kind is {kind!r}, amount {amount}, expected one of {', '.join(AMOUNTS)}, and scales above 0")
    y, x = height / 2, width / 2
    # Pillow asks where in the photograph each pixel comes from: (a x + b y + c, d x + e y + f).
    where = (a, b, x - a * x - b * y, -b, a, y + b * x - a * y - shift)
    image = Image.fromarray(photograph)
    image = image.transform(image.size, Image.Transform.AFFINE, where, Image.Resampling.BILINEAR, fillcolor=tuple(colour))
    return np.asarray(image)


def mean_colour(net: Network) -> tuple[int, int, int]:
    """The colour, R G B in [0, 255], that the net's preprocessing turns into about 0; black where no mean is subtracted."""
    mean = 0 if net.preprocessing.mean is None else np.asarray(net.preprocessing.mean).reshape(-1, 3).mean(0)
    return tuple(np.rint(np.broadcast_to(mean, 3)).astype(int).tolist())


def low_and_high(net: Network) -> tuple[str, str]:
    """The layers that stand for the paper's 1 and 7: what the second filters see, and what the last ones see."""
    filtering = [name for name, layer in net.layers.items() if isinstance(layer, Conv | FullyConnected)]
    if len(filtering) < 2:
        raise ValueError(f"the net has {len(filtering)} layers with filters, expected at least two to compare")
    low, high = net.sources[filtering[1]][0], net.sources[filtering[-1]][0]
    while isinstance(net.layers[high], Dropout):
        high = net.sources[high][0]
    return low, high
