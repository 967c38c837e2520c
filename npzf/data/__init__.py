"""The images that nets are trained on and studied with: sets, squares, crops, batches (section 3).

An image set is anything with
    len(images)       number of images N
    images.classes    tuple of class names
    images.labels     int64 (N,), positions in `classes`
    images.name(i)    str, what messages call image i
    images.image(i)   uint8 (H, W, 3) in [0, 255]; may raise DecodeError; called from several threads at once
which `Folder`, `Flat`, `Packed` and `embedded()` are. From a set to a net:
    squares = Squares(images, 256)
    scaling = Scaling(mean_image(squares, 224))
    for x, labels, indices in TrainingBatches(squares, 224, scaling=scaling).epoch(0): ...
"""

from npzf.data.batches import EvaluationBatches, TrainingBatches, mean_image
from npzf.data.crops import centre_crop, random_crops, square, ten_crops
from npzf.data.decode import DecodeError, decode
from npzf.data.embedded import embedded
from npzf.data.flat import Flat
from npzf.data.folder import Folder
from npzf.data.packed import Packed, write_packed
from npzf.data.squares import Squares

__all__ = [
    "DecodeError",
    "EvaluationBatches",
    "Flat",
    "Folder",
    "Packed",
    "Squares",
    "TrainingBatches",
    "centre_crop",
    "decode",
    "embedded",
    "mean_image",
    "random_crops",
    "square",
    "ten_crops",
    "write_packed",
]
