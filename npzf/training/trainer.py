"""The training loop (section 3): batches of mirrored crops, SGD, and a log, until the epochs are done or a signal comes."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from npzf.backend import prefetch_to_device
from npzf.data import ImageSet, SquareImages, TrainingBatches, counted_labels, fit_to_net, one_class_each
from npzf.network import Network
from npzf.sweep import Signals, Stopped
from npzf.training import checkpoint, resuming
from npzf.training.checks import check_classes, warn_if_at_chance
from npzf.training.config import TrainingConfig
from npzf.training.divergence import LIMIT, Diverged, absurd_parameter, culprit, is_absurd
from npzf.training.evaluation import Score, evaluate
from npzf.training.generations import Stored, keep_previous, place
from npzf.training.label_evaluation import LabelScore, check_labels, evaluate_labels
from npzf.training.objectives import loss_and_gradient, wrong_images
from npzf.training.outputs import make_best_good, write_log
from npzf.training.record import changes_of, computing_record, images_record
from npzf.training.run_folder import BEST, CHECKPOINT, PREVIOUS, RunFolder
from npzf.training.schedule import Plateau, new_schedule
from npzf.training.sgd import SGD, layer_rates

log = logging.getLogger("npzf")


class Trainer:
    """Trains a net on images, and leaves checkpoint.h5, previous.h5, best.h5 and log.csv in a folder.

    training, validation: image sets, resized for the net as by fit_to_net, or SquareImages. The net's preprocessing and classes
    are used as they are: set them before. ValueError if net and images do not fit together.

    Errors are percentages of images; of several labels an image, of labels in training, and 100 less the mean average precision
    in validation. Labels that a set's `difficult` names count in neither.

    epoch, batch: the next batch to train on; epoch_totals: sums over the epoch so far; log_rows: one dictionary an epoch; notes:
    whatever else the checkpoint is to remember, as JSON.
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
        self.notes: dict[str, Any] = {}
        self.saved_at: tuple[int, int] | None = None  # epoch and batch of checkpoint.h5, if that is of this training
        self.changed = True  # since checkpoint.h5 was written or read
        self.computing: dict[str, Any] | None = None  # what the checkpoint that is gone on with was computed with
        self._images: dict[str, Any] | None = None
        self._last: tuple | None = None  # the last batch, its targets and the labels that count

    @property
    def path(self) -> Path:
        """Where the latest checkpoint lies."""
        return self.folder / CHECKPOINT

    @property
    def good_path(self) -> Path | None:
        """The checkpoint to go on with if training has diverged: the last of an epoch's end, or of the start."""
        if self.saved_at is None:
            return None
        previous = self.folder / PREVIOUS
        return previous if self.saved_at[1] and previous.exists() else self.path

    @classmethod
    def resume(
        cls,
        path: str | Path | Stored,
        training: ImageSet | SquareImages,
        validation: ImageSet | SquareImages,
        epochs: int | None = None,
        device: str | None = None,
        precision: str | None = None,
        *,
        changes: Mapping[str, Any] | None = None,
        accept_changed_images: bool = False,
    ) -> Trainer:
        """The trainer that wrote this checkpoint, in the checkpoint's folder, with the images that it had.

        epochs: a new total, which stretches a cosine. device, precision: as for Network.to, by default as before. changes: new
        values of the config, of epochs, rate (from now on), patience, factor, momentum, decay, filter_rms or save_every. What
        changes the bits is logged. FileNotFoundError or ValueError, in one line, if the checkpoint cannot be read, which names
        a whole one beside it, for another change, or for other images, unless accept_changed_images is set.
        """
        given = {**(changes or {}), **({} if epochs is None else {"epochs": epochs})}
        return resuming.resume(cls, path, training, validation, device, precision, given, accept_changed_images)

    @property
    def images_record(self) -> dict[str, Any]:
        """What the checkpoint keeps of the images."""
        if self._images is None:
            self._images = images_record(self.batches.images, self.validation)
        return self._images

    def save(self, path: Path) -> None:
        """Writes a checkpoint of the current state; call between batches.

        The checkpoint of an epoch's end that it replaces becomes previous.h5. Diverged, with nothing written, unless all numbers
        are finite, and within an epoch the loss of the last batch too.
        """
        self._check_parameters()
        if self.batch and self._last:  # at an epoch's end the validation loss says as much
            x, targets, counted = self._last
            loss, _ = loss_and_gradient(self.config.loss, self.net.forward(x, self.net.scores_name), targets, counted)
            self._check_loss(loss, f"loss {place(self.epoch, self.batch)}")
        position = {name: getattr(self, name) for name in resuming.POSITION}
        state = {"config": asdict(self.config), "schedule": asdict(self.schedule), **position, "notes": self.notes}
        state |= {"images": self.images_record, "computing": computing_record(self.net)}
        here, latest = (self.epoch, self.batch), path == self.path
        if latest and self.saved_at and not self.saved_at[1] and self.saved_at != here and path.exists():
            keep_previous(path)
        checkpoint.save(path, self.net, self.sgd, state)
        if latest:
            self.saved_at, self.changed = here, False

    def run(self, after_epoch: Callable[[Trainer], None] | None = None, folder: RunFolder | None = None) -> None:
        """Trains until the epochs are done; calls after_epoch(trainer) after each, trainer.epoch being the number of epochs done.

        folder: the run's, if it is held already. A new run is refused, with ValueError, where the folder has the files of one. A
        checkpoint is written before the first batch. SIGINT, SIGTERM or SIGHUP saves one after the current batch, of training or
        validation, and raises Stopped, a KeyboardInterrupt. Diverged if the loss is infinite, NaN or absurd, or a parameter is
        no number: then nothing is saved, and good_path stays.
        """
        # a diverging net overflows before its loss is no number, and Diverged says so better than NumPy's warnings
        with (
            contextlib.nullcontext(folder) if folder else RunFolder(self.folder) as held,
            Signals() as signals,
            np.errstate(over="ignore", invalid="ignore"),
        ):
            self._begin(held)
            self._stop_if_asked(signals)
            while self.epoch < self.config.epochs:
                self._train_epoch(signals)
                self._finish_epoch(signals)
                self._stop_if_asked(signals)
                if after_epoch:
                    after_epoch(self)
                self._stop_if_asked(signals)

    def _begin(self, folder: RunFolder) -> None:
        """Makes the folder this run's, and what lies there what the state says."""
        if self.saved_at is None and self.computing is None:
            folder.begin()
        else:
            folder.go_on()
            if self.computing and (changes := changes_of(self.computing, computing_record(self.net))):
                log.warning("%s: the bits may differ from those without a change", "; ".join(changes))
                self.changed = True
            self.computing = None
            save = None if self.batch else self.save
            write_log(self.folder, self.log_rows)
            make_best_good(self.folder, self.log_rows, self.epoch, save, self.changed)
        if self.changed:
            self.save(self.path)

    def _stop_if_asked(self, signals: Signals) -> None:
        if signals.received:
            if self.changed:
                self.save(self.path)
            raise Stopped(f"stopped {place(self.epoch, self.batch)}", signals.received)

    def _train_epoch(self, signals: Signals) -> None:
        """The batches of this epoch that are left."""
        self.sgd.rate = self.schedule.rate
        with self._progress_bar() as bar:
            for x, targets, indices in prefetch_to_device(self.batches.epoch(self.epoch, self.batch), self.net.device):
                if len(x):  # else none of the batch's images can be decoded
                    self._step(x, targets, None if self.counted is None else self.counted[indices])
                self.batch, self.changed = self.batch + 1, True
                bar.update(len(x))
                bar.set_postfix_str("loss {:.3f}, error {:.1f} %".format(*self._means()), refresh=False)
                self._stop_if_asked(signals)
                if self.config.save_every and self.batch % self.config.save_every == 0:
                    self.save(self.path)

    def _step(self, x: np.ndarray, targets: np.ndarray, counted: np.ndarray | None) -> None:
        """One step of SGD on a batch x (n, H, W, C) with its targets, and the labels (n, classes) that count, None for all."""
        start = time.perf_counter()
        self._last = x, targets, counted
        scores = self.net.forward(x, upto=self.net.scores_name, train=True, freeze=self.config.freeze)
        loss, gscores = loss_and_gradient(self.config.loss, scores, targets, counted)
        self._check_loss(loss, f"loss in epoch {self.epoch + 1}, batch {self.batch + 1}")
        self.net.backward(gscores, input_gradient=False)
        self.sgd.step()
        self.epoch_totals["loss"] += loss * len(x)
        self.epoch_totals["wrong"] += wrong_images(scores, targets, counted)
        self.epoch_totals["images"] += len(x)
        self.epoch_totals["seconds"] += time.perf_counter() - start

    def _finish_epoch(self, signals: Signals) -> None:
        """Evaluates, updates the schedule, saves and logs."""
        (loss, error), totals = self._means(), self.epoch_totals
        score = self._evaluate(signals)
        self._check_parameters()  # before anything is written
        self._last = None
        self.epoch, self.batch, self.epoch_totals, self.changed = self.epoch + 1, 0, new_totals(), True
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
        if better:
            self.save(self.folder / BEST)
        write_log(self.folder, self.log_rows)
        self.save(self.path)  # the last: a run that ends before it trains this epoch again, and writes the others again
        log.info(
            "epoch %d/%d: loss %.3f, error %.1f %%; validation loss %.3f, error %.1f %%; %.0f images/s%s",
            *(self.epoch, self.config.epochs, loss, error, score.loss, score.error, row["images_per_second"]),
            f"; rate lowered to {self.schedule.rate:g}" if lowered else "",
        )
        if self.config.loss == "softmax":
            warn_if_at_chance(loss, self.net.shapes[self.net.scores_name][0])

    def _evaluate(self, signals: Signals) -> Score | LabelScore:
        """The score on the validation images; Diverged if there is none."""
        of, name = evaluate_labels if self.several else evaluate, f"validation after epoch {self.epoch + 1}"
        batch, loss = self.config.batch, self.config.loss
        try:
            score = of(self.net, self.validation, batch=batch, loss=loss, after_batch=lambda: self._stop_if_asked(signals))
        except Diverged:
            raise
        except ArithmeticError as error:
            raise self._diverged(f"{name}: {error}") from error
        self._check_loss(score.loss, f"loss in {name}")
        return score

    def _means(self) -> tuple[float, float]:
        """Mean loss in nats and error in percent of this epoch so far."""
        images = max(1, self.epoch_totals["images"])
        return self.epoch_totals["loss"] / images, 100 * self.epoch_totals["wrong"] / images

    def _check_parameters(self) -> None:
        if words := absurd_parameter(self.net, self.sgd.velocity):
            raise self._diverged(f"{words} {place(self.epoch, self.batch)}, expected finite numbers")

    def _check_loss(self, loss: float, name: str) -> None:
        if is_absurd(loss):
            raise self._diverged(f"the {name} is {loss:g}, expected a finite number of at most {LIMIT:g}")

    def _diverged(self, words: str) -> Diverged:
        """The error, which says where it began, and what to go on with."""
        where, good = culprit(self.net, self.sgd.velocity, self._last[0] if self._last else None), self.good_path
        advice = f"{good} is from before: go on with it" if good else "begin again"
        return Diverged(f"{words}: training has diverged ({where}); {advice} at a rate below {self.sgd.rate:g}")

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
