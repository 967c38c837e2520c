"""Images with one mark planted in each, and a net that looks for it: what the studies find is known beforehand."""

import numpy as np

from npzf import layers
from npzf.data import SquareImages
from npzf.network import Network

SIDE = 12
MARK = np.array([[0, 4, 0], [1, 0, 2], [0, 3, 0]], np.uint8)  # no symmetry; looks like nothing but itself


class Marked:
    """Grey-free images, black but for MARK times strengths[i] in green with its corner at places[i]."""

    classes = ("unmarked", "marked")

    def __init__(self, strengths, places):
        self.targets = np.array([int(strength > 0) for strength in strengths])
        self.pixels = np.zeros((len(self.targets), SIDE, SIDE, 3), np.uint8)
        for image, strength, (row, column) in zip(self.pixels, strengths, places, strict=True):
            seen = image[row : row + 3, column : column + 3, 1]
            seen[...] = (strength * MARK)[: seen.shape[0], : seen.shape[1]]

    def __len__(self):
        return len(self.targets)

    def name(self, i):
        return f"{i}.png"

    def image(self, i):
        return self.pixels[i]


def marked(strengths, places):
    return SquareImages(Marked(strengths, places), SIDE)


def seeker():
    """conv1: map 0 is MARK's filter in green, map 1 sees nothing, map 2 its negative; fc: marked or not, by map 0."""
    table = [
        ("conv1", layers.Conv(3, 3)),
        ("relu1", layers.ReLU()),
        ("flatten", layers.Flatten()),
        ("fc", layers.FullyConnected(2)),
    ]
    net = Network((SIDE, SIDE, 3), table, dtype="float64")
    net.parameters["conv1/weight"][...] = 0
    net.parameters["conv1/weight"][0, :, :, 1] = MARK
    net.parameters["conv1/weight"][2, :, :, 1] = -MARK.astype(float)
    net.parameters["fc/weight"][...] = 0
    net.parameters["fc/weight"][1, ::3] = 0.1  # map 0 at every place
    return net


ENERGY = int((MARK.astype(int) ** 2).sum())  # the activation of map 0 on a mark of strength 1
