"""Tables 4 and 5, first rows: the same net trained from new weights on the training images of a split alone."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from npzf.backend import arrays
from npzf.data import SquareImages, Subset, mean_image
from npzf.network import Network
from npzf.predict import predict
from npzf.preprocessing import Preprocessing
from npzf.training import Trainer, TrainingConfig, with_new_classes
from npzf.transfer.evaluation import mean_class_accuracy
from npzf.transfer.protocol import Result
from npzf.transfer.splits import Split


def fresh(net: Network, classes: tuple[str, ...], *, seed: int = 0) -> Network:
    """The net's layers with new weights (He et al. 2015) and a softmax for these classes; the seed is that of the weights."""
    made = with_new_classes(net, classes, seed=seed)
    generator = arrays.generator(seed)
    for name, layer in made.layers.items():
        layer.initialize(made.shapes[made.sources[name][0]], "he", generator, made.dtype)
    return made.to(net.device, net.precision)


def scratch_accuracy(net: Network, images: SquareImages, split: Split, folder: str | Path, config: TrainingConfig) -> Result:
    """Trains fresh(net) on the split's training images; its accuracy on the test images after the last epoch.

    images: all of them, resized for the net. Nothing is chosen by the test images: the net is that of the last epoch, and what is
    validated on during training are training images. folder: of this training alone, whose checkpoint an interrupted one goes on
    with. ValueError as Trainer, or if the checkpoint is that of another configuration.
    """
    start, folder = time.perf_counter(), Path(folder)
    train, test = (_part(images, indices) for indices in (split.train, split.test))
    shown = _part(images, split.train[:: max(1, len(split.train) // 100)])
    checkpoint = folder / "checkpoint.h5"
    if checkpoint.exists():
        trainer = Trainer.resume(checkpoint, train, shown, None, net.device, net.precision)
        if trainer.config != config:
            raise ValueError(f"{checkpoint} is of {trainer.config}, expected {config}: remove it, or name another folder")
    else:
        made = fresh(net, images.source.classes, seed=config.seed)
        made.preprocessing = Preprocessing(mean_image(train, made.input_shape[:2]), net.preprocessing.std)
        trainer = Trainer(made, train, shown, folder, config)
    trainer.run()
    p = predict(trainer.net, test)
    known = np.isfinite(p).all(1)
    accuracy = mean_class_accuracy(p[known].argmax(1), test.source.targets[known], len(images.source.classes))
    return Result(accuracy, None, time.perf_counter() - start)


def _part(images: SquareImages, indices: np.ndarray) -> SquareImages:
    return SquareImages(Subset(images.source, indices), images.side, channels=images.channels, squash=images.squash)
