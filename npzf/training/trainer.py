"""The training loop (section 3): batches of mirrored crops, SGD, and a log, until the epochs are done or a signal comes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from npzf.backend import prefetch_to_device
from npzf.data import ImageSet, SquareImages, TrainingBatches, counted_labels, fit_to_net, one_class_each
from npzf.network import Network
from npzf.storage.atomic import atomic_write_csv
from npzf.sweep import Signals
from npzf.training import checkpoint
from npzf.training.checks import Diverged, check_classes, warn_if_at_chance
from npzf.training.config import TrainingConfig
from npzf.training.evaluation import Score, evaluate
from npzf.training.label_evaluation import LabelScore, check_labels, evaluate_labels
from npzf.training.objectives import loss_and_gradient, wrong_images
from npzf.training.schedule import Plateau, new_schedule, resumed_schedule
from npzf.training.sgd import SGD, layer_rates

POSITION = ("epoch", "batch", "epoch_totals", "log_rows")  # where training is: attributes of the trainer

log = logging.getLogger("npzf")


class Trainer:
    """Trains a net on images, and leaves checkpoint.h5, best.h5 and log.csv in a folder.

    training, validation: image sets, resized for the net as by fit_to_net, or SquareImages. The net's preprocessing and classes
    are used as they are: set them before. ValueError if net and images do not fit together.

    Errors are percentages of images; of several labels an image, of labels in training, and 100 less the mean average precision
    in validation. Labels that a set's `difficult` names count in neither.

    epoch, batch: the next batch to train on; epoch_totals: sums over the epoch so far; log_rows: one dictionary an epoch.
    """

    def __init__(
        self,
        net: Network,
        training: ImageSet | SquareImages,
        validation: ImageSet | SquareImages,
        folder: str | Path,
        config: TrainingConfig,
    ):
        training, self.validation = fit_to_net(net, training), fit_to_net(net, validation)
        for images in (training, self.validation):
            check_classes(net, images, loss=config.loss)
        self.several = training.source.targets.ndim == 2
        if self.several:
            check_labels(self.validation.source)
        else:
            one_class_each(self.validation.source.targets)
        self.counted = counted_labels(training.source) if self.several else None
        rows, columns, _ = net.input_shape
        self.net, self.folder, self.config = net, Path(folder), config
        self.batches = TrainingBatches(training, (rows, columns), config.batch, net.preprocessing, config.seed)
        rates = layer_rates(net, config.rates, config.freeze)
        self.sgd = SGD(net, config.rate, config.momentum, config.decay, config.filter_rms, rates)
        self.schedule = new_schedule(config)
        self.epoch, self.batch = 0, 0
        self.epoch_totals = new_totals()
        self.log_rows: list[dict[str, float]] = []

    @property
    def path(self) -> Path:
        """Where the latest checkpoint lies."""
        return self.folder / "checkpoint.h5"

    @classmethod
    def resume(
        cls,
        path: str | Path,
        training: ImageSet | SquareImages,
        validation: ImageSet | SquareImages,
        epochs: int | None = None,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> Trainer:
        """The trainer that wrote this checkpoint, in the checkpoint's folder; epochs: a new total, which stretches a cosine.

        device, precision: as for Network.to; a run may resume on another device, though not with the same bits.
        """
        net, state = checkpoint.read(path)
        net.to(device, precision)
        try:
            config = TrainingConfig(**state["config"] | ({} if epochs is None else {"epochs": epochs}))
            schedule, position = resumed_schedule(config, state["schedule"]), {name: state[name] for name in POSITION}
        except (KeyError, TypeError) as error:
            raise ValueError(f"training state of {path} is not one that this npzf wrote ({error})") from error
        trainer = cls(net, training, validation, Path(path).parent, config)
        checkpoint.read_velocity(path, trainer.sgd)
        trainer.schedule = schedule
        for name, value in position.items():
            setattr(trainer, name, value)
        return trainer

    def save(self, path: Path) -> None:
        """Writes a checkpoint of the current state; call between batches."""
        position = {name: getattr(self, name) for name in POSITION}
        state = {"config": asdict(self.config), "schedule": asdict(self.schedule), **position}
        checkpoint.save(path, self.net, self.sgd, state)

    def run(self, after_epoch: Callable[[Trainer], None] | None = None) -> None:
        """Trains until the epochs are done; calls after_epoch(trainer) after each, trainer.epoch being the number of epochs done.

        SIGINT or SIGTERM saves a checkpoint after the current batch and raises KeyboardInterrupt; a loss that is NaN or infinite
        raises Diverged, and the last checkpoint stays.
        """
        # a diverging net overflows before its loss is no number, and Diverged says so better than NumPy's warnings
        with Signals() as signals, np.errstate(over="ignore", invalid="ignore"):
            while self.epoch < self.config.epochs:
                self.sgd.rate = self.schedule.rate
                with self._progress_bar() as bar:
                    for x, targets, indices in prefetch_to_device(self.batches.epoch(self.epoch, self.batch), self.net.device):
                        if len(x):  # else none of the batch's images can be decoded
                            self._step(x, targets, None if self.counted is None else self.counted[indices])
                        self.batch += 1
                        bar.update(len(x))
                        bar.set_postfix_str("loss {:.3f}, error {:.1f} %".format(*self._means()), refresh=False)
                        if signals.received:
                            self.save(self.path)
                            raise KeyboardInterrupt(f"stopped in epoch {self.epoch + 1} after batch {self.batch}")
                        if self.config.save_every and self.batch % self.config.save_every == 0:
                            self.save(self.path)
                self._finish_epoch()
                if after_epoch:
                    after_epoch(self)

    def _step(self, x: np.ndarray, targets: np.ndarray, counted: np.ndarray | None) -> None:
        """One step of SGD on a batch x (n, H, W, C) with its targets, and the labels (n, classes) that count, None for all."""
        start = time.perf_counter()
        scores = self.net.forward(x, upto=self.net.scores_name, train=True, freeze=self.config.freeze)
        loss, gscores = loss_and_gradient(self.config.loss, scores, targets, counted)
        self._check_finite(loss, f"loss in epoch {self.epoch + 1}, batch {self.batch + 1}")
        self.net.backward(gscores, input_gradient=False)
        self.sgd.step()
        self.epoch_totals["loss"] += loss * len(x)
        self.epoch_totals["wrong"] += wrong_images(scores, targets, counted)
        self.epoch_totals["images"] += len(x)
        self.epoch_totals["seconds"] += time.perf_counter() - start

    def _finish_epoch(self) -> None:
        """Evaluates, updates the schedule, saves and logs."""
        (loss, error), totals = self._means(), self.epoch_totals
        score = self._evaluate()
        self._check_finite(score.loss, f"validation loss after epoch {self.epoch + 1}")
        self.epoch, self.batch, self.epoch_totals = self.epoch + 1, 0, new_totals()
        row = {
            "epoch": self.epoch,
            "train_loss": loss,
            "train_error": error,
            "validation_loss": score.loss,
            "validation_error": score.error,
            "rate": self.sgd.rate,
            "images_per_second": totals["images"] / max(totals["seconds"], 1e-9),
        }
        self.log_rows.append(row)
        better = score.error < self.schedule.best
        lowered = self.schedule.update(score.error) and isinstance(self.schedule, Plateau)  # a cosine falls always
        self.save(self.path)
        if better:
            self.save(self.folder / "best.h5")
        atomic_write_csv(self.folder / "log.csv", [list(self.log_rows[0]), *(list(row.values()) for row in self.log_rows)])
        log.info(
            "epoch %d/%d: loss %.3f, error %.1f %%; validation loss %.3f, error %.1f %%; %.0f images/s%s",
            *(self.epoch, self.config.epochs, loss, error, score.loss, score.error, row["images_per_second"]),
            f"; rate lowered to {self.schedule.rate:g}" if lowered else "",
        )
        if self.config.loss == "softmax":
            warn_if_at_chance(loss, self.net.shapes[self.net.scores_name][0])

    def _evaluate(self) -> Score | LabelScore:
        """The score on the validation images."""
        of = evaluate_labels if self.several else evaluate
        return of(self.net, self.validation, batch=self.config.batch, loss=self.config.loss)

    def _means(self) -> tuple[float, float]:
        """Mean loss in nats and error in percent of this epoch so far."""
        images = max(1, self.epoch_totals["images"])
        return self.epoch_totals["loss"] / images, 100 * self.epoch_totals["wrong"] / images

    def _check_finite(self, loss: float, name: str) -> None:
        if not math.isfinite(loss):
            raise Diverged(
                f"the {name} is {loss}, expected a finite number: training has diverged; try a rate below {self.sgd.rate:g}; "
                "the last checkpoint is untouched"
            )

    def _progress_bar(self) -> tqdm:
        """Over the images of this epoch; none where standard error is a file."""
        return tqdm(
            desc=f"epoch {self.epoch + 1}/{self.config.epochs}",
            total=len(self.batches.images),
            initial=int(self.epoch_totals["images"]),
            unit="images",
            disable=None,
            leave=False,
        )


def new_totals() -> dict[str, float]:
    """Sums over the images of an epoch that begins: losses in nats, wrong predictions, images, seconds of computation."""
    return {"loss": 0.0, "wrong": 0, "images": 0, "seconds": 0.0}
