"""The numbers that a training run depends on: what section 3 fixes, and what it leaves open."""

from __future__ import annotations

from dataclasses import dataclass, field

from npzf.numbers import MOST
from npzf.training.objectives import LOSSES
from npzf.training.sgd import FILTER_RMS, MOMENTUM, check_numbers

SCHEDULES = ("plateau", "cosine")


@dataclass(frozen=True)
class TrainingConfig:
    """Defaults of section 3 where it gives them.

    rate: step per unit of gradient; decay: weight decay; filter_rms: the largest RMS of a filter, None for no clip; schedule:
    how the rate falls, "plateau" or "cosine" (schedule.py); patience: epochs without a lower validation error, after which a
    plateau multiplies the rate by factor; save_every: batches between checkpoints within an epoch, 0 for none but at its end;
    rates: by layer, what the rate is multiplied by there, 1 if it is not named; freeze: a layer that stays as it is with all that
    lead to it (section 5.2 keeps layers 1 to 7 fixed); loss: "softmax" for one class an image, "binary" for several labels, or
    "hinge" for either (section 5.2). ValueError for values out of range.
    """

    epochs: int = 70  # section 3
    batch: int = 128  # section 3
    rate: float = 1e-2  # section 3
    momentum: float = MOMENTUM
    decay: float = 0.0  # section 3 mentions none
    filter_rms: float | None = FILTER_RMS
    patience: int = 5
    factor: float = 0.1
    seed: int = 0
    save_every: int = 0
    schedule: str = "plateau"  # section 3's, by hand there
    rates: dict[str, float] = field(default_factory=dict)
    freeze: str | None = None
    loss: str = "softmax"  # section 2

    def __post_init__(self) -> None:
        check_numbers(self.rate, self.momentum, self.decay, self.filter_rms)
        if not 0 < self.factor < 1:
            raise ValueError(f"factor is {self.factor}, expected between 0 and 1")
        if self.batch < 1:
            raise ValueError(f"batch is {self.batch}, expected at least 1 image")
        if self.batch > MOST:
            raise ValueError(f"batch is {self.batch}, expected at most {MOST:,} images")
        if self.epochs < 1:
            raise ValueError(f"epochs is {self.epochs}, expected at least 1")
        if self.save_every < 0:
            raise ValueError(f"save_every is {self.save_every}, expected at least 0 batches")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule is {self.schedule!r}, expected 'plateau' or 'cosine'")
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}, expected one of {', '.join(LOSSES)}")
