"""What one unit of a net sees (section 2.1, figure 2). Takes a net saved by npzf, such as that of train_by_hand.py."""

import sys

import numpy as np

import npzf
from npzf.data import embedded_images, evaluation_batches
from npzf.render import enlarge, save_png, to_grey

net = npzf.load(sys.argv[1])
layer = "conv3"
x, _, _ = next(iter(evaluation_batches(net, embedded_images("validation"), batch=64)))  # 64 images, cropped and preprocessed
y = npzf.features(net, x, [layer])[layer]  # (64, rows, columns, maps)
n, row, column, unit_map = np.unravel_index(y.argmax(), y.shape)  # the strongest activation of all
projection = npzf.project(net, x[n : n + 1], layer, (unit_map, row, column))[0]  # (H, W, 3), signed

photograph, (picture, _) = net.preprocessing.invert(x[n : n + 1])[0], to_grey(projection)
path = save_png(enlarge(np.hstack([photograph, picture]), 4), "runs/look_inside.png")
print(f"image {n}: {layer} map {unit_map} is {y.max():.1f} at row {row}, column {column}")
print(f"{path}: the photograph, and what in it excites that unit (grey is zero)")
