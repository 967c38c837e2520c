"""The state in a checkpoint, looked at before it is believed: types, ranges, and what has to agree; no part of the paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from npzf.network import DEVICES, PRECISIONS, Network
from npzf.ops import FACES
from npzf.text import shortened
from npzf.training.config import TrainingConfig
from npzf.training.schedule import Cosine, Plateau, new_schedule, resumed_schedule
from npzf.training.sgd import layer_rates

MOST = 10**12  # epochs, batches, images: more than any run has
Check = Callable[[Any], bool]


def whole(value: Any) -> bool:
    """Whether this is a whole number from 0 that a run can have."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def finite(value: Any) -> bool:
    """Whether this is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e300


def text(value: Any) -> bool:
    """Whether this is a text."""
    return isinstance(value, str)


def optional(check: Check) -> Check:
    """Whether this is None, or what the check wants."""
    return lambda value: value is None or check(value)


def rates(value: Any) -> bool:
    """Whether these are numbers by layer."""
    return isinstance(value, dict) and all(map(finite, value.values()))


OF_TYPE: dict[str, Check] = {  # of the fields of a config
    "int": whole,
    "float": finite,
    "float | None": optional(finite),
    "str": text,
    "str | None": optional(text),
    "dict[str, float]": rates,
}
CONFIG = {field.name: OF_TYPE[str(field.type)] for field in fields(TrainingConfig)}
BEST: dict[str, Check] = {"best": lambda value: finite(value) or value == math.inf}  # infinite before the first epoch's end
PLATEAU = {field.name: whole if field.name in ("patience", "waited") else finite for field in fields(Plateau)} | BEST
COSINE = {field.name: finite if field.name == "start" else whole for field in fields(Cosine)} | BEST
COMPUTING: dict[str, Check] = dict.fromkeys(("processor", "blas", "npzf", "numpy", "h5py", "pillow"), text)
COMPUTING |= {"threads": lambda value: whole(value) and value >= 1}
COMPUTING |= {"device": DEVICES.__contains__, "precision": PRECISIONS.__contains__, "ops": FACES.__contains__}
SET = {"digest": text, "count": whole, "side": whole, "channels": whole, "squash": lambda value: isinstance(value, bool)}
TOTALS = {"loss": finite, "wrong": finite, "images": whole, "seconds": finite}


def check_state(state: Any, net: Network) -> None:
    """ValueError, naming the part, unless this can be the state of a training of this net, as JSON gives it."""
    _check_part(state, "", {"epoch": whole, "batch": whole})
    _check_part(state.get("config"), "config", CONFIG)
    cosine = state["config"].get("schedule") == "cosine"
    _check_part(state.get("schedule"), "schedule", COSINE if cosine else PLATEAU)
    _check_part(state.get("epoch_totals"), "epoch_totals", TOTALS)
    if "images" not in state or "computing" not in state:
        raise ValueError("it does not say which images it is of: an older npzf has written it; train the net again")
    _check_part(state["computing"], "computing", COMPUTING)
    _check_part(state["images"], "images", dict.fromkeys(("training", "validation"), lambda value: isinstance(value, dict)))
    for name, images in state["images"].items():
        _check_part(images, f"{name} images", SET)
    if not isinstance(state.get("notes"), dict):
        raise ValueError(f"notes are {shortened(state.get('notes'), 80)}, expected names with their values")
    rows = state.get("log_rows")
    if not isinstance(rows, list) or len(rows) != state["epoch"]:
        raise ValueError(f"log_rows are {shortened(rows, 80)}, expected one for each of {state['epoch']} epochs")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or row.keys() != rows[0].keys() or not all(map(finite, row.values())):
            raise ValueError(f"row {number} of log_rows is {shortened(row, 80)}, expected finite numbers by name")
        if row.get("epoch") != number:
            raise ValueError(f"row {number} of log_rows is of epoch {shortened(row.get('epoch'), 80)}, expected {number}")

    config = TrainingConfig(**state["config"])
    new_schedule(config)
    resumed_schedule(config, state["schedule"])
    layer_rates(net, config.rates, config.freeze)
    batches = -(-state["images"]["training"]["count"] // config.batch)
    if not state["batch"] <= batches:
        raise ValueError(f"batch is {state['batch']}, expected at most {batches}, the batches of an epoch")


def _check_part(part: Any, name: str, checks: Mapping[str, Check]) -> None:
    """ValueError unless this is a dictionary whose values pass; in a part that has a name, no others."""
    if not isinstance(part, dict):
        raise ValueError(f"{name or 'state'} is {shortened(part, 80)}, expected names with their values")
    for key, check in checks.items():
        if key not in part or not check(part[key]):
            found = shortened(part[key], 80) if key in part else "missing"
            raise ValueError(f"{key}{f' of {name}' if name else ''} is {found}, which no training has left")
    if name and (unknown := part.keys() - checks.keys()):
        raise ValueError(f"{name} has {shortened(sorted(unknown)[0], 80)}, which no training has left")
