"""Fine-tuning (section 5.2): a trained net with a new softmax on top, for classes that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from npzf.backend import to_same_device
from npzf.backend.arrays import generator
from npzf.graph import INPUT
from npzf.layers import Conv, Dropout, Flatten, FullyConnected, GlobalAveragePool, Layer, ReLU
from npzf.layers.layer import initial_weight
from npzf.models import PAPER_INITIAL
from npzf.network import Network, extended
from npzf.numbers import check_seed
from npzf.rows import Row


def with_new_classes(net: Network, classes: Sequence[str], *, upto: str | None = None, seed: int = 0) -> Network:
    """A net of its own whose scores are those of these classes, with copies of the parameters below them.

    The last fully connected layer is replaced, and keeps its name; where the scores are the means of the maps of a last 1x1
    convolution, as in SqueezeNet, that one is. A net that ends in maps, or in numbers that no such layer gives, is kept whole;
    so is, with upto, all up to that layer: "flatten", "drop" (0.5, section 3) and "scores" are put on top, the first two on maps
    alone. A softmax at the end goes. The new weights are normal with deviation 1e-2, the biases 0, as all in section 3;
    seed: of these weights and of dropout. Preprocessing travels along. ValueError for an unknown layer, fewer than two classes,
    or one that comes twice.
    """
    names = tuple(classes)
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if len(names) < 2 or twice:
        wrong = f"{twice[0]!r} twice" if twice else f"{len(names)} names"
        raise ValueError(f"classes has {wrong}, expected at least two names, each once")
    kept = net.scores_name if upto is None else upto
    replaced = _classifier(net, kept) if upto is None else None
    if replaced is None:
        below = net.needed_for((kept,))
        rows = _on_top(net, below, kept, len(names))
    else:
        source = net.sources[replaced][0]
        below = [] if source == INPUT else net.needed_for((source,))
        between = [name for name in net.needed_for((kept,)) if name not in below]
        rows = [(name, net.layers[name], net.sources[name]) for name in between]
        rows[0] = (replaced, _with_outputs(net.layers[replaced], len(names)), (source,))
    made = extended(net, below, rows, seed=seed)
    new = next(made.layers[name] for name, *_ in rows if made.layers[name].parameters)
    weight = new.parameters["weight"]
    check_seed(seed)
    weight[...] = to_same_device(initial_weight(weight.shape, PAPER_INITIAL, generator(seed), made.dtype), weight)
    made.classes = names
    return made


def _classifier(net: Network, scores: str) -> str | None:
    """The layer whose units are the classes, if the scores are its output, or the means of its maps; else None."""
    if isinstance(net.layers[scores], FullyConnected):
        return scores
    name, averaged = scores, False
    while name != INPUT and isinstance(net.layers[name], Flatten | GlobalAveragePool | ReLU):
        averaged = averaged or isinstance(net.layers[name], GlobalAveragePool)
        name = net.sources[name][0]
    layer = net.layers.get(name)
    return name if averaged and isinstance(layer, Conv) and layer.window in (1, (1, 1)) and layer.groups == 1 else None


def _with_outputs(layer: Layer, count: int) -> Layer:
    """This convolution or fully connected layer, with another number of maps or units."""
    if isinstance(layer, Conv):
        return replace(layer, maps=count)
    assert isinstance(layer, FullyConnected)
    return replace(layer, units=count)


def _on_top(net: Network, below: list[str], source: str, count: int) -> list[Row]:
    """The rows of a classifier on the output of a layer, with names that the net below does not have."""
    maps: list[tuple[str, Layer]] = [("flatten", Flatten()), ("drop", Dropout())]
    layers = [*(maps if len(net.shapes[source]) == 3 else []), ("scores", FullyConnected(count))]
    named = [(name + "_new" * (name in below), layer) for name, layer in layers]
    return [(*named[0], (source,)), *named[1:]]
