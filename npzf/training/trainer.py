"""The training loop (section 3): batches of mirrored crops, SGD, and a log, until the epochs are done or a signal comes."""

from __future__ import annotations

import csv
import io
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from npzf.backend import to_numpy
from npzf.data import SquareImages, TrainingBatches
from npzf.losses import softmax_cross_entropy
from npzf.network import Network
from npzf.storage.atomic import atomic_write_bytes
from npzf.sweep.signals import Signals
from npzf.training import checkpoint
from npzf.training.evaluation import evaluate
from npzf.training.schedule import Plateau
from npzf.training.sgd import FILTER_RMS, MOMENTUM, SGD

POSITION = ("epoch", "batch", "epoch_totals", "rows")  # where in training a checkpoint was written: attributes of the trainer

log = logging.getLogger("npzf")


@dataclass(frozen=True)
class TrainingConfig:
    """What section 3 fixes, and what it leaves open; rates per unit of gradient, patience in epochs of no lower error."""

    epochs: int = 70  # section 3
    batch: int = 128  # section 3
    rate: float = 1e-2  # section 3
    momentum: float = MOMENTUM
    decay: float = 0.0  # not mentioned in section 3
    filter_rms: float | None = FILTER_RMS
    patience: int = 5
    factor: float = 0.1
    seed: int = 0
    save_every: int = 0  # batches between checkpoints inside an epoch; 0: at its end only

    def __post_init__(self):
        if self.epochs < 1 or self.save_every < 0:
            raise ValueError(f"epochs is {self.epochs}, save_every {self.save_every}, expected epochs >= 1, save_every >= 0")


class Diverged(ArithmeticError):
    """The loss is no longer a number."""


class Trainer:
    """Trains a net on squares of images, and leaves checkpoint.h5, best.h5 and log.csv in a folder.

    The net's preprocessing and classes are used as they are: set them before. ValueError if net and images do not fit together.
    """

    def __init__(
        self, net: Network, training: SquareImages, validation: SquareImages, folder: str | Path, recipe: TrainingConfig
    ):
        for squares in (training, validation):
            check_classes(net, squares)
        self.net, self.validation, self.folder, self.recipe = net, validation, Path(folder), recipe
        self.batches = TrainingBatches(training, net.input_shape[0], recipe.batch, net.preprocessing, recipe.seed)
        self.sgd = SGD(net, recipe.rate, recipe.momentum, recipe.decay, recipe.filter_rms)
        self.schedule = Plateau(recipe.rate, recipe.patience, recipe.factor)
        self.epoch, self.batch = 0, 0  # the next batch to train on
        self.epoch_totals = {"loss": 0.0, "wrong": 0, "images": 0, "seconds": 0.0}  # of this epoch so far
        self.rows: list[dict[str, float]] = []

    @property
    def path(self) -> Path:
        """Where the latest checkpoint lies."""
        return self.folder / "checkpoint.h5"

    @classmethod
    def resume(
        cls,
        path: str | Path,
        training: SquareImages,
        validation: SquareImages,
        epochs: int | None = None,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> Trainer:
        """The trainer that wrote this checkpoint, in the checkpoint's folder; epochs: a new number of them in all.

        device, precision: as Network.to; a run may go on on another device, though not with the same bits.
        """
        net, state = checkpoint.read(path)
        net.to(device, precision)
        try:
            recipe = TrainingConfig(**state["recipe"] | ({} if epochs is None else {"epochs": epochs}))
            schedule, (epoch, batch, sums, rows) = Plateau(**state["schedule"]), (state[key] for key in POSITION)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: its training state is not one that this npzf wrote ({error})") from error
        trainer = cls(net, training, validation, Path(path).parent, recipe)
        checkpoint.read_velocity(path, trainer.sgd)
        trainer.schedule, trainer.epoch, trainer.batch, trainer.epoch_totals, trainer.rows = schedule, epoch, batch, sums, rows
        return trainer

    def save(self, path: Path) -> None:
        """Writes a checkpoint of this very moment between two batches."""
        state = {
            "recipe": asdict(self.recipe),
            "schedule": asdict(self.schedule),
            **{key: getattr(self, key) for key in POSITION},
        }
        checkpoint.save(path, self.net, self.sgd, state)

    def run(self, after_epoch: Callable[[Trainer], None] | None = None) -> None:
        """Trains until the epochs are done; after_epoch(trainer) is called after each, trainer.epoch being their number.

        An interrupt or termination signal saves a checkpoint after the batch in hand and raises KeyboardInterrupt; a loss that
        is no number raises Diverged, and the last checkpoint stays.
        """
        # a diverging net overflows before its loss is no number, and Diverged says it better than NumPy's warnings
        with Signals() as signals, np.errstate(over="ignore", invalid="ignore"):
            while self.epoch < self.recipe.epochs:
                self._train_epoch(signals)
                self._finish_epoch()
                if after_epoch:
                    after_epoch(self)

    def _train_epoch(self, signals: Signals) -> None:
        self.sgd.rate = self.schedule.rate
        bar = tqdm(
            desc=f"epoch {self.epoch + 1}/{self.recipe.epochs}",
            total=len(self.batches.images),
            initial=self.epoch_totals["images"],
            unit="images",
            disable=None,  # no bar where standard error is a file
            leave=False,
        )
        with bar:
            for x, labels, _ in self.net.fed(self.batches.epoch(self.epoch, self.batch)):
                start = time.perf_counter()
                if len(x):
                    self._step(x, labels)
                self.batch += 1
                self.epoch_totals["seconds"] += time.perf_counter() - start
                bar.update(len(x))
                mean, error = self._means()
                bar.set_postfix_str(f"loss {mean:.3f}, error {error:.1f} %", refresh=False)
                if signals.received:
                    self.save(self.path)
                    raise KeyboardInterrupt(f"stopped in epoch {self.epoch + 1} after batch {self.batch}")
                if self.recipe.save_every and self.batch % self.recipe.save_every == 0:
                    self.save(self.path)

    def _step(self, x, labels) -> None:
        scores = self.net.forward(x, train=True)
        loss, gscores = softmax_cross_entropy(scores, labels)
        self._check(loss, f"loss in epoch {self.epoch + 1}, batch {self.batch + 1}")
        self.net.backward(gscores, input_gradient=False)
        self.sgd.step()
        self.epoch_totals["loss"] += loss * len(x)
        self.epoch_totals["wrong"] += int((to_numpy(scores.argmax(1)) != labels).sum())
        self.epoch_totals["images"] += len(x)

    def _check(self, loss: float, name: str) -> None:
        if not math.isfinite(loss):
            raise Diverged(
                f"the {name} is {loss}: training has diverged; try a rate below {self.sgd.rate:g}; "
                "the last checkpoint is untouched"
            )

    def _means(self) -> tuple[float, float]:
        """Mean loss in nats and error in percent of this epoch so far."""
        images = max(1, self.epoch_totals["images"])
        return self.epoch_totals["loss"] / images, 100 * self.epoch_totals["wrong"] / images

    def _finish_epoch(self) -> None:
        loss, error = self._means()
        score = evaluate(self.net, self.validation, batch=self.recipe.batch)
        self._check(score.loss, f"validation loss after epoch {self.epoch + 1}")
        self.epoch, self.batch = self.epoch + 1, 0
        row = {
            "epoch": self.epoch,
            "train_loss": loss,
            "train_error": error,
            "validation_loss": score.loss,
            "validation_error": score.error,
            "rate": self.sgd.rate,
            "images_per_second": self.epoch_totals["images"] / max(self.epoch_totals["seconds"], 1e-9),
        }
        self.rows.append(row)
        self.epoch_totals = {"loss": 0.0, "wrong": 0, "images": 0, "seconds": 0.0}
        better = score.error < self.schedule.best
        lowered = self.schedule.update(score.error)
        self.save(self.path)
        if better:
            self.save(self.folder / "best.h5")
        self._write_log()
        log.info(
            "epoch %d/%d: loss %.3f, error %.1f %%; validation loss %.3f, error %.1f %%; %.0f images/s%s",
            *(self.epoch, self.recipe.epochs, loss, error, score.loss, score.error, row["images_per_second"]),
            f"; rate lowered to {self.schedule.rate:g}" if lowered else "",
        )
        warn_if_at_chance(loss, self.net.shapes[self.net.last][0])

    def _write_log(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        atomic_write_bytes(self.folder / "log.csv", text.getvalue().encode())


def warn_if_at_chance(loss: float, classes: int) -> None:
    """A warning while the mean loss of an epoch sits at ln C, that of guessing among C classes (section 3's weights often do)."""
    if loss > 0.99 * math.log(classes):
        log.warning(
            "the loss, %.3f, still sits at ln %d = %.3f, that of guessing: try He initialisation (weight_init='he'), another "
            "rate, or input in about [-128, 128]",
            *(loss, classes, math.log(classes)),
        )


def check_classes(net: Network, squares: SquareImages, subject: str = "the images have") -> None:
    """ValueError, beginning with the subject, unless the images' classes are the net's."""
    outputs, found = net.shapes[net.last][0], squares.source.classes
    if len(found) != outputs:
        raise ValueError(f"{subject} {len(found)} classes, the net {outputs}: expected the same number")
    if net.classes is not None and tuple(found) != tuple(net.classes):
        first = next(pair for pair in zip(found, net.classes, strict=True) if pair[0] != pair[1])
        raise ValueError(f"{subject} a class {first[0]!r} where the net has {first[1]!r}: expected the same classes")
