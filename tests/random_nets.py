"""Random nets of every kind of layer (section 2), drawn by Hypothesis, for the tests of whole nets and of their conversions."""

from assertions import normal
from hypothesis import strategies as st

from npzf import layers
from npzf.network import Network


class Rows:
    """Rows of a random net, drawn one step after the other: the last is on top."""

    def __init__(self, draw):
        self.draw = draw
        self.shapes = {"input": (self.integer(5, 13), self.integer(5, 13), self.integer(1, 4))}
        self.rows = []

    @property
    def top(self):
        return next(reversed(self.shapes))

    @property
    def shape(self):
        return self.shapes[self.top]

    def integer(self, first, last):
        return self.draw(st.integers(first, last))

    def boolean(self):
        return self.draw(st.booleans())

    def add(self, layer, *sources):
        """One more row, with these sources, or on top; its name."""
        name, sources = f"{type(layer).__name__}{len(self.rows)}", sources or (self.top,)
        self.rows.append((name, layer, sources))
        self.shapes[name] = layer.shape(*(self.shapes[source] for source in sources))
        return name

    def windows(self):
        """A rectangle, its strides, padding that may differ on each side, floor or ceil: at least one window fits."""
        window = tuple(self.integer(1, min(4, side)) for side in self.shape[:2])
        pad = tuple(self.integer(0, min(2, window[axis] - 1)) for axis in (0, 0, 1, 1))
        return {"window": window, "stride": (self.integer(1, 3), self.integer(1, 3)), "pad": pad, "ceil": self.boolean()}


def convolution(rows):
    groups = rows.draw(st.sampled_from([g for g in (1, 2, 3) if rows.shape[2] % g == 0]))
    rows.add(layers.Conv(groups * rows.integer(1, 3), **rows.windows(), groups=groups))
    if rows.boolean():
        rows.add(layers.ReLU())


def max_pool(rows):
    rows.add(layers.MaxPool(**rows.windows()))


def average_pool(rows):
    rows.add(layers.AveragePool(**rows.windows(), count_padding=rows.boolean()))


def norm_across(rows):
    beta = rows.draw(st.sampled_from([0.5, 0.75]))
    rows.add(layers.LocalResponseNorm(rows.integer(1, 6), 1.0, 1.0, beta, alpha_divided_by_n=rows.boolean()))


def norm_local(rows):
    if min(rows.shape) >= 2:  # of one map little would be left but the rounding of a difference of equal numbers
        rows.add(layers.LocalContrastNorm(rows.draw(st.sampled_from([3, 5, 9])), sigma=rows.integer(1, 3)))


def concatenated(rows):
    """Two branches, as in a fire module."""
    below = rows.top
    one = rows.add(layers.Conv(rows.integer(1, 3), (3, 1), pad=(1, 0)))
    rows.add(layers.Conv(rows.integer(1, 3), (1, 3), pad=(0, 0, 1, 1)), below)
    rows.add(layers.Concatenate(), one, rows.add(layers.ReLU()))


def added(rows):
    """What one convolution makes of its input is added to the input, as in residual nets; or to twice the input."""
    below = rows.top
    sources = below, rows.add(layers.Conv(rows.shape[2], 3, pad=1))
    rows.add(layers.Add(), *sources, *([below] if rows.boolean() else []))
    rows.add(layers.ReLU())


def affine(rows):
    rows.add(layers.Affine())


def padded(rows):
    rows.add(layers.ZeroPad(tuple(rows.integer(0, 2) for _ in range(4))))


def means(rows):
    rows.add(layers.GlobalAveragePool())


def classifier(rows):
    rows.add(layers.Flatten(channels_first=rows.boolean()))
    if rows.boolean():
        rows.add(layers.Concatenate(), rows.top, rows.top)
    if rows.boolean():
        rows.add(layers.L2Normalize())
    rows.add(layers.FullyConnected(rows.integer(1, 7)))
    if rows.boolean():
        rows.add(layers.ReLU())
        rows.add(layers.Dropout(0.5))
        rows.add(layers.FullyConnected(rows.integer(2, 5)))


STEPS = [convolution, max_pool, average_pool, norm_across, norm_local, concatenated, added, affine, padded]
ENDS = [lambda rows: None, means, classifier]  # maps, or one number for each


@st.composite
def nets(draw):
    """A net of 3 to some 10 layers whose biases are not 0."""
    rows, least = Rows(draw), draw(st.integers(3, 7))
    while len(rows.rows) < least:
        draw(st.sampled_from(STEPS))(rows)
    draw(st.sampled_from(ENDS))(rows)
    if len(rows.shape) == 1 and draw(st.booleans()):
        rows.add(layers.Softmax())
    net = Network(rows.shapes["input"], rows.rows, dtype="float64", seed=draw(st.integers(0, 9)))
    for name, value in net.parameters.items():
        if name.endswith("bias") or name.startswith("Affine"):
            value[...] = normal(*value.shape) / 3
    return net
