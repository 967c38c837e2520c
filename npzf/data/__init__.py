"""The images that nets are trained on and studied with: sets, squares, crops, batches (section 3).

An image set is anything with
    len(images)       number of images N
    images.classes    tuple of class names
    images.labels     int64 (N,), positions in `classes`
    images.name(i)    str, what messages call image i
    images.image(i)   uint8 (H, W, 3) in [0, 255]; may raise DecodeError; called from several threads at once
which `ClassFolders`, `ImageFolder`, `PackedImages` and `embedded_images()` are. From a set to a net:
    squares = SquareImages(images, 256)
    preprocessing = Preprocessing(mean_image(squares, 224))
    for x, labels, indices in TrainingBatches(squares, 224, preprocessing=preprocessing).epoch(0): ...
"""

from npzf.data.batches import EvaluationBatches, TrainingBatches, mean_image
from npzf.data.class_folders import ClassFolders
from npzf.data.crops import centre_crop, random_crops, square, ten_crops
from npzf.data.decode import DecodeError, decode
from npzf.data.embedded import embedded_images
from npzf.data.image_folder import ImageFolder
from npzf.data.packed import PackedImages, write_packed
from npzf.data.square_images import SquareImages

__all__ = [
    "ClassFolders",
    "DecodeError",
    "EvaluationBatches",
    "ImageFolder",
    "PackedImages",
    "SquareImages",
    "TrainingBatches",
    "centre_crop",
    "decode",
    "embedded_images",
    "mean_image",
    "random_crops",
    "square",
    "ten_crops",
    "write_packed",
]
