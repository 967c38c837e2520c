"""Everything that npzf saves, one function each, as children run it: prepare, save, look; no part of the paper.

prepare makes what was there before; save does the work whose operations are counted; look says what a reader finds: a digest for
each file, None for one that is absent. A reader that refuses a file raises.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from faults.careless import CARELESS
from PIL import Image

import npzf
from npzf import layers
from npzf.data import EvaluationBatches, PackedImages, SquareImages
from npzf.data.packed import write_packed
from npzf.interop.weights.files import read_state
from npzf.interop.weights.writers import WRITERS
from npzf.network import Network
from npzf.preprocessing import Preprocessing
from npzf.storage.atomic import atomic_write_csv
from npzf.sweep import StateFile
from npzf.training import Trainer, TrainingConfig
from npzf.transfer import extract_features, parts
from npzf.transfer.feature_file import FeatureFile
from npzf.transfer.protocol import Result, ResultFile

HERE = Path()  # children work in their folder


class Pictures:
    """Noise of 8 x 8 pixels; in class k a bright row."""

    classes = ("ant", "bee", "cat")

    def __init__(self, count: int, seed: int = 0):
        self.targets = np.arange(count, dtype=np.int64) % 3
        self.pixels = np.random.default_rng(seed).integers(0, 128, (count, 8, 8, 3), np.uint8)
        self.pixels[np.arange(count), 2 * self.targets] += 100

    def __len__(self) -> int:
        return len(self.pixels)

    def name(self, i: int) -> str:
        return f"{i}.png"

    def image(self, i: int) -> np.ndarray:
        return self.pixels[i]


def tiny(seed: int = 0) -> Network:
    """Crops of 7 x 7 pixels, one convolution, dropout, three classes."""
    table = [
        ("conv1", layers.Conv(3, 3)),
        ("relu1", layers.ReLU()),
        ("flatten", layers.Flatten()),
        ("fc2", layers.FullyConnected(4)),
        ("drop2", layers.Dropout(0.25)),
        ("fc3", layers.FullyConnected(3)),
    ]
    net = Network((7, 7, 3), table, seed=seed)
    net.preprocessing = Preprocessing(np.full(3, 90.0), 64.0)
    net.classes = Pictures.classes
    return net


def images(count: int = 14, seed: int = 0) -> SquareImages:
    return SquareImages(Pictures(count, seed), 8)


class Sums:
    """Collects the sum of what the net makes of the images: an accumulator of a sweep."""

    choice = ("sums",)

    def __init__(self, net: Network):
        self.net, self.sum = net, np.zeros(3)

    def add(self, x: np.ndarray, targets: np.ndarray, indices: np.ndarray) -> None:
        self.sum += self.net.forward(x).sum(0)

    def state(self) -> dict[str, np.ndarray]:
        return {"sum": self.sum, "more/last": self.sum * 2}

    def restore(self, state: dict[str, np.ndarray], done: int) -> None:
        self.sum = state["sum"]


def digest(*parts: Any) -> str:
    """Of arrays, texts and numbers, however nested."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, dict):
            part = digest(*(item for pair in sorted(part.items()) for item in pair))
        elif isinstance(part, list | tuple):
            part = digest(*part)
        if isinstance(part, np.ndarray) and part.dtype != object:
            found.update(f"{part.dtype} {part.shape} {part.tobytes().hex()}".encode())
        else:
            found.update(repr(part.tolist() if isinstance(part, np.ndarray) else part).encode(errors="surrogateescape"))
    return found.hexdigest()[:16]


def of_net(net: Network) -> str:
    """Everything that a saved net holds."""
    from npzf.serialization import architecture

    preprocessing = net.preprocessing.mean, net.preprocessing.std
    return digest(architecture(net), net.seed, net.passes, dict(net.parameters), net.classes or (), *map(repr, preprocessing))


def of_training(path: Path) -> str:
    """Everything that a checkpoint holds, but for the seconds it took."""
    trainer = Trainer.resume(path, images(), images(6, 1))
    totals = {key: value for key, value in trainer.epoch_totals.items() if key != "seconds"}
    rows = [{key: value for key, value in row.items() if key != "images_per_second"} for row in trainer.log_rows]
    position = trainer.epoch, trainer.batch, totals, rows, repr(trainer.config), repr(trainer.schedule)
    return digest(of_net(trainer.net), dict(trainer.sgd.velocity), *position)


def of_log(path: Path) -> str:
    """A log but for its last column, the speed."""
    return digest([line.rpartition(",")[0] for line in path.read_text().splitlines()])


def trainer(folder: Path = HERE, **changes: Any) -> Trainer:
    config = {"epochs": 2, "batch": 7, "rate": 0.02, "patience": 1}
    return Trainer(tiny(), images(), images(6, 1), folder, TrainingConfig(**config | changes))


class NewNet:
    """net.save where nothing was."""

    files = ("net.h5",)

    def prepare(self) -> None:
        pass

    def save(self) -> None:
        tiny(1).save("net.h5")

    def look(self, name: str) -> str:
        return of_net(npzf.load(name))


class Net(NewNet):
    """net.save over another net."""

    def prepare(self) -> None:
        tiny().save("net.h5")


class Checkpoint:
    """A checkpoint within an epoch."""

    files = ("checkpoint.h5",)

    def prepare(self) -> None:
        made = trainer()
        made.save(made.path)

    def save(self) -> None:
        made = Trainer.resume("checkpoint.h5", images(), images(6, 1))
        made.batch = 1
        made.save(made.path)

    def look(self, name: str) -> str:
        return of_training(Path(name))


class Epoch:
    """The end of an epoch: checkpoints, best net and log; run to the end of the second epoch, whatever was done of it."""

    files = ("checkpoint.h5", "previous.h5", "best.h5", "log.csv")

    def prepare(self) -> None:
        def stop(_: Trainer) -> None:
            raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            trainer().run(stop)

    def save(self) -> None:
        Trainer.resume("checkpoint.h5", images(), images(6, 1)).run()

    def look(self, name: str) -> str:
        return of_log(Path(name)) if name == "log.csv" else of_training(Path(name))


class SweepState:
    """The state of a sweep that is not done."""

    files = ("unfinished.h5",)

    def prepare(self) -> None:
        self._store(tiny(), 0).save(4)

    def save(self) -> None:
        self._store(tiny(), 1).save(8)

    def look(self, name: str) -> str:
        store = self._store(tiny(), 2)
        return digest(store.resume(), store.accumulator.state())

    def _store(self, net: Network, value: int) -> StateFile:
        sums = Sums(net)
        sums.sum += value
        return StateFile("unfinished.h5", sums, EvaluationBatches(images(), (7, 7), 4))


class Features:
    """The features of some images, with a part for each batch, over the features of another layer."""

    files = ("features.h5",)

    def prepare(self) -> None:
        extract_features(tiny(), images(), ["fc2"], "features.h5", batch=4)

    def save(self) -> None:
        parts.PART_BYTES = 1
        extract_features(tiny(), images(), ["conv1", "fc2"], "features.h5", batch=4)

    def look(self, name: str) -> str:
        file = FeatureFile(name)
        arrays = {layer: np.array(file.array(layer)) for layer in file.layers}
        return digest(file.identity, file.names, file.targets, file.decoded, file.classes, file.crops, arrays)


class Results:
    """One more result of a table."""

    files = ("results.json",)

    def prepare(self) -> None:
        ResultFile("results.json").known(("a",), lambda: Result(90.0, 1.0, 2.0))

    def save(self) -> None:
        ResultFile("results.json").known(("b",), lambda: Result(80.0, 1.0, 2.0))

    def look(self, name: str) -> str:
        return digest(ResultFile(name).results)


class Packed:
    """A packed image set over another."""

    files = ("images.h5",)

    def prepare(self) -> None:
        self._write(3)

    def save(self) -> None:
        self._write(4)

    def look(self, name: str) -> str:
        found = PackedImages(name)
        pixels = [found.image(i) for i in range(len(found))]
        names = [found.name(i) for i in range(len(found))]
        return digest(found.origin, found.licence, found.classes, found.targets, names, pixels)

    def _write(self, count: int) -> None:
        source = Pictures(count)
        write_packed(
            "images.h5",
            [encoded(source.image(i)) for i in range(count)],
            targets=source.targets,
            names=[source.name(i) for i in range(count)],
            split=[i % 2 for i in range(count)],
            classes=source.classes,
            origin="noise",
            licence="none",
        )


class Table:
    """A table as CSV."""

    files = ("table.csv",)

    def prepare(self) -> None:
        atomic_write_csv("table.csv", [("a", "b"), (1, 2)])

    def save(self) -> None:
        atomic_write_csv("table.csv", [("a", "b"), (3, 4)])

    def look(self, name: str) -> str:
        return digest(Path(name).read_text())


class Weights:
    """Weights for other programs, as npzf convert writes them; suffix: of their kind."""

    def __init__(self, suffix: str):
        self.suffix, self.files = suffix, (f"weights{suffix}",)

    def prepare(self) -> None:
        self._write(0)

    def save(self) -> None:
        self._write(1)

    def look(self, name: str) -> str:
        return digest(read_state(name).arrays)

    def _write(self, seed: int) -> None:
        writer, layout = WRITERS[self.suffix]
        writer(Path(self.files[0]), dict(tiny(seed).parameters), layout)


def encoded(pixels: np.ndarray, form: str = "PNG") -> bytes:
    """Pixels as a file's bytes."""
    import io

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


SAVES: dict[str, Any] = {
    "new net": NewNet(),
    "net": Net(),
    "checkpoint": Checkpoint(),
    "end of an epoch": Epoch(),
    "sweep state": SweepState(),
    "features": Features(),
    "results": Results(),
    "packed images": Packed(),
    "table": Table(),
    **{f"weights {suffix}": Weights(suffix) for suffix in (".npz", ".safetensors", ".h5")},
}
KNOWN = SAVES | CARELESS


def prepare(name: str) -> dict[str, str | None]:
    """Makes what was there before; what look finds of it."""
    KNOWN[name].prepare()
    return look(name)


def save(name: str) -> None:
    KNOWN[name].save()


def look(name: str) -> dict[str, str | None]:
    """File -> digest of what it holds, None if it is absent."""
    return {file: KNOWN[name].look(file) if Path(file).exists() else None for file in KNOWN[name].files}


def next_start(name: str) -> dict[str, dict[str, str | None]]:
    """What is found after an end in the middle, and what the same work makes of it."""
    found = look(name)
    save(name)
    return {"found": found, "again": look(name)}
