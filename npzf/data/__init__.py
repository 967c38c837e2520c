"""The images that nets are trained on and studied with: image sets, squares, crops, batches (section 3).

`ImageSet` says what an image set is: `ClassFolders`, `VOCFolder`, `ImageFolder`, `ImageFiles`, `PackedImages`
and `embedded_images()`.
From a set to a net:
    images = SquareImages(ClassFolders("imagenet/train"), 256)
    net.preprocessing = Preprocessing(mean_image(images, 224))
    for x, targets, indices in TrainingBatches(images, 224, preprocessing=net.preprocessing).epoch(0): ...
    for x, targets, indices in evaluation_batches(net, images): ...
"""

from npzf.data.batches import EvaluationBatches, MirroredBatches, TenCropBatches, TrainingBatches, mean_image
from npzf.data.class_folders import ClassFolders
from npzf.data.crops import centre_crop, random_crops, square, squashed, ten_crops, with_channels
from npzf.data.decode import DecodeError, decode, pixel_limit, set_pixel_limit
from npzf.data.embedded import embedded_images
from npzf.data.identity import image_digest
from npzf.data.image_files import ImageFiles, file_stamps
from npzf.data.image_folder import ImageFolder
from npzf.data.net_input import check_takes_images, evaluation_batches, fit_to_net, resized_side
from npzf.data.packed import PackedImages, write_packed
from npzf.data.protocols import Batch, Batches, ImageSet
from npzf.data.square_images import SquareImages
from npzf.data.subset import Subset
from npzf.data.targets import checked_targets, counted_labels, one_class_each
from npzf.data.voc_folder import VOCFolder, is_voc_folder

__all__ = [
    "Batch",
    "Batches",
    "ClassFolders",
    "DecodeError",
    "EvaluationBatches",
    "ImageFiles",
    "ImageFolder",
    "ImageSet",
    "MirroredBatches",
    "PackedImages",
    "SquareImages",
    "Subset",
    "TenCropBatches",
    "TrainingBatches",
    "VOCFolder",
    "centre_crop",
    "check_takes_images",
    "checked_targets",
    "counted_labels",
    "decode",
    "embedded_images",
    "evaluation_batches",
    "file_stamps",
    "fit_to_net",
    "image_digest",
    "is_voc_folder",
    "mean_image",
    "one_class_each",
    "pixel_limit",
    "random_crops",
    "resized_side",
    "set_pixel_limit",
    "square",
    "squashed",
    "ten_crops",
    "with_channels",
    "write_packed",
]
