"""A trainer made again from its checkpoint: what may have changed since, and what must not (section 3 took twelve days)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npzf.data import ImageSet, SquareImages
from npzf.training import checkpoint
from npzf.training.config import TrainingConfig
from npzf.training.generations import Stored, stored
from npzf.training.record import check_images
from npzf.training.run_folder import CHECKPOINT
from npzf.training.schedule import Cosine, Plateau, resumed_schedule

if TYPE_CHECKING:
    from npzf.training.trainer import Trainer

MAY_CHANGE = ("epochs", "rate", "patience", "factor", "momentum", "decay", "filter_rms", "save_every")  # of the config
POSITION = ("epoch", "batch", "epoch_totals", "log_rows")  # where training is: attributes of the trainer

log = logging.getLogger("npzf")


def resume(
    kind: type[Trainer],
    path: str | Path | Stored,
    training: ImageSet | SquareImages,
    validation: ImageSet | SquareImages,
    device: str | None,
    precision: str | None,
    changes: Mapping[str, Any],
    accept_changed_images: bool,
) -> Trainer:
    """Trainer.resume, whose arguments these are."""
    found = path if isinstance(path, Stored) else stored(path)
    path, net, state = found.path, found.net, found.state
    try:
        before, config = TrainingConfig(**state["config"]), changed_config(TrainingConfig(**state["config"]), changes)
        schedule, words = changed_schedule(resumed_schedule(config, state["schedule"]), changes)
        position, computing, images = {name: state[name] for name in POSITION}, state["computing"], state["images"]
        net.to(device or computing["device"], precision or computing["precision"]).ops = computing["ops"]
        trainer = kind(net, training, validation, path.parent, config)
        other_images = check_images(images, trainer.images_record, accept_changed_images)
    except (KeyError, TypeError) as error:
        raise ValueError(f"training state of {path} is not one that this npzf wrote ({error}): train the net again") from error
    begun = position["epoch"] + bool(position["batch"])
    if "epochs" in changes and config.epochs < begun:
        raise ValueError(f"epochs is {config.epochs}, expected at least {begun}: so many are done or begun")
    checkpoint.read_velocity(path, trainer.sgd)
    trainer.schedule, trainer.computing, trainer.notes = schedule, computing, state.get("notes", {})
    for name, value in position.items():
        setattr(trainer, name, value)
    words += [
        f"{name} was {getattr(before, name)}, is {getattr(config, name)}"
        for name in MAY_CHANGE
        if name != "rate" and getattr(before, name) != getattr(config, name)
    ]
    if other_images:
        words.append("the images are others than those that the run began with")
        if trainer.batch:  # which of them the epoch has had is not known
            words.append(f"epoch {trainer.epoch + 1} begins again")
            trainer.batch, trainer.epoch_totals = 0, dict.fromkeys(trainer.epoch_totals, 0)
    for line in words:
        log.info("from now on: %s", line)
    trainer.changed = bool(words) or path.name != CHECKPOINT
    trainer.saved_at = None if path.name != CHECKPOINT else (position["epoch"], position["batch"])
    return trainer


def changed_config(config: TrainingConfig, changes: Mapping[str, Any]) -> TrainingConfig:
    """The config with these changes; ValueError for one that would make it another run."""
    for name, value in changes.items():
        if not hasattr(config, name):
            raise ValueError(f"changes has {name!r}, expected some of {', '.join(MAY_CHANGE)}")
        if name not in MAY_CHANGE and value != getattr(config, name):
            raise ValueError(f"{name} is {value}, expected {getattr(config, name)}, as the run began")
    if config.schedule == "cosine" and (unused := [name for name in ("patience", "factor") if name in changes]):
        raise ValueError(f"{unused[0]} is {changes[unused[0]]}, expected none with the schedule of this run, a cosine")
    return replace(config, **changes)


def changed_schedule(schedule: Plateau | Cosine, changes: Mapping[str, Any]) -> tuple[Plateau | Cosine, list[str]]:
    """The schedule with these changes of the config, and what is to be said of the rate."""
    before = schedule.rate
    if isinstance(schedule, Cosine):
        schedule = replace(schedule, start=changes.get("rate", schedule.start))
    else:
        schedule = replace(schedule, **{name: changes[name] for name in ("rate", "patience", "factor") if name in changes})
    return schedule, [f"rate was {before:g}, is {schedule.rate:g}"] if schedule.rate != before else []
