"""Figure 5: how far a photograph's features move in a low and a high layer when it is translated, scaled or rotated."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from npzf.backend.arrays import as_batch
from npzf.layers import Conv, Dropout, FullyConnected
from npzf.losses import softmax
from npzf.network import Network
from npzf.numbers import check_finite, check_whole
from npzf.predict import features
from npzf.studies.labels import Labels, class_labels

AMOUNTS = {  # figure 5: the ranges are the paper's, the steps are open in it
    "translation": np.arange(-60.0, 61, 5),  # pixels downwards, of 224
    "scale": np.linspace(1, 1.8, 17),
    "rotation": np.arange(0.0, 351, 10),  # degrees, counter-clockwise
}


@dataclass(frozen=True)
class TransformationCurves:
    """What one kind of transformation, by each of A amounts, does to N images.

    kind: "translation", "scale" or "rotation".
    amounts (A,): pixels, factors or degrees.
    distances: layer -> (N, A), the Euclidean distance between the layer's activations for the transformed and for the original
    image, in units of the activations.
    probability (N, A): of the label.
    """

    kind: str
    amounts: np.ndarray
    distances: dict[str, np.ndarray]
    probability: np.ndarray


def transformation_curves(
    net: Network,
    x: np.ndarray,
    labels: Labels,
    layers: Collection[str],
    kind: str,
    *,
    amounts: Sequence[float] | None = None,
    batch: int = 16,
) -> TransformationCurves:
    """Transforms the photographs of x (N, H, W, 3) and compares their activations and probabilities (figure 5).

    labels: a class, or one an image (N,). kind: "translation" (vertical), "scale" or "rotation"; amounts: by default AMOUNTS,
    translations in proportion to H / 224. batch: amounts in one pass. x is inverted to pixels, which are transformed; outside of
    a photograph lies the mean colour. ValueError for a kind, amount, label or layer that does not exist, a batch below 1, and a
    net without class scores.
    """
    x = as_batch(x, net.dtype)
    labels = class_labels(net, labels, len(x))
    values = default_amounts(kind, x.shape[1]) if amounts is None else np.asarray(amounts, np.float64)
    for amount in values:
        check_transformation(kind, amount)
    check_whole(batch=batch)
    if batch < 1:
        raise ValueError(f"batch is {batch}, expected at least 1 amount")
    colour, names = mean_colour(net), [*layers, net.scores_name]
    distances = {name: np.empty((len(x), len(values))) for name in layers}
    probability = np.empty((len(x), len(values)))
    for n, photograph in enumerate(net.preprocessing.invert(x)):
        original = features(net, net.preprocessing.apply(photograph[None]), names)
        for start in range(0, len(values), batch):
            part = slice(start, start + batch)
            pixels = np.stack([transform(photograph, kind, amount, colour) for amount in values[part]])
            activations = features(net, net.preprocessing.apply(pixels), names)
            probability[n, part] = softmax(activations[net.scores_name])[:, labels[n]]
            for name in layers:
                difference = (activations[name] - original[name]).reshape(len(pixels), -1)
                distances[name][n, part] = np.linalg.norm(difference, axis=1)
    return TransformationCurves(kind, values, distances, probability)


def default_amounts(kind: str, height: int) -> np.ndarray:
    """The amounts of figure 5 for photographs of this height in pixels; ValueError for an unknown kind."""
    check_transformation(kind, 1.0)
    return np.rint(AMOUNTS[kind] * height / 224) if kind == "translation" else AMOUNTS[kind]


def check_transformation(kind: str, amount: float) -> None:
    """ValueError for an unknown kind, and a scale that is not positive."""
    if kind not in AMOUNTS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(AMOUNTS)}")
    check_finite(amount=amount)
    if kind == "scale" and not amount > 0:
        raise ValueError(f"amount is {amount:g}, expected a scale above 0")


def transform(photograph: np.ndarray, kind: str, amount: float, colour: Sequence[int]) -> np.ndarray:
    """A photograph uint8 (H, W, 3 or 1) translated down by pixels, scaled by a factor or rotated by degrees; same shape.

    Scale and rotation leave the middle in place. Pixels are interpolated bilinearly; what lies outside of the photograph gets
    this colour, a number a channel in [0, 255]. ValueError as check_transformation.
    """
    check_transformation(kind, amount)
    height, width = photograph.shape[:2]
    a, b, shift = 1.0, 0.0, 0.0
    if kind == "translation":
        shift = amount
    elif kind == "scale":
        a = 1 / amount
    else:
        a, b = np.round([np.cos(np.deg2rad(amount)), -np.sin(np.deg2rad(amount))], 12)  # a quarter turn is exact
    y, x = height / 2, width / 2
    # Pillow takes the map from target to source: (a x + b y + c, d x + e y + f)
    source = (a, b, x - a * x - b * y, -b, a, y + b * x - a * y - shift)
    image = Image.fromarray(photograph[..., 0] if photograph.shape[2] == 1 else photograph)
    fill = colour[0] if photograph.shape[2] == 1 else tuple(colour)
    image = image.transform(image.size, Image.Transform.AFFINE, source, Image.Resampling.BILINEAR, fillcolor=fill)
    return np.asarray(image).reshape(photograph.shape)


def mean_colour(net: Network) -> tuple[int, ...]:
    """The colour, a number a channel in [0, 255], that preprocessing turns into about 0; black where no mean is subtracted."""
    channels = net.input_shape[2]
    mean = 0 if net.preprocessing.mean is None else np.asarray(net.preprocessing.mean).reshape(-1, channels).mean(0)
    return tuple(np.rint(np.broadcast_to(mean, channels)).astype(int).tolist())


def low_and_high(net: Network) -> tuple[str, str]:
    """The layers that stand for the paper's 1 and 7: the input of the second layer with filters, and that of the last."""
    weighted = [name for name, layer in net.layers.items() if isinstance(layer, Conv | FullyConnected)]
    if len(weighted) < 2:
        raise ValueError(f"net has {len(weighted)} layers with filters, expected at least two to compare")
    low, high = net.sources[weighted[1]][0], net.sources[weighted[-1]][0]
    while isinstance(net.layers[high], Dropout):
        high = net.sources[high][0]
    return low, high
