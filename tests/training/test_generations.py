"""Whatever moment a run ends at, what lies in its folder is whole, and going on ends with the same files."""

import csv
import errno
import os

import pytest
from tiny_training import everything, make, resume, squares

import npzf
from npzf.training import RunFolder, Trainer
from npzf.training.run_folder import MARKER

CALLS = ("replace", "fsync", "link")
EPOCHS = {"epochs": 2, "save_every": 3}


class Killed(BaseException):
    pass


def dying(monkeypatch, at, after, error=Killed):
    """Raises at the call of this number, counted from 0, to one of the functions that a save makes; returns the calls."""
    calls, originals = [], {name: getattr(os, name) for name in CALLS}
    for name in CALLS:

        def function(*arguments, original=originals[name], name=name, **options):
            calls.append(name)
            last = len(calls) - 1 == at
            if last and not after:
                raise error
            result = original(*arguments, **options)
            if last:
                raise error
            return result

        monkeypatch.setattr(os, name, function)
    return calls


def keep(trainer):
    trainer.net.save(trainer.folder / "epochs" / f"{trainer.epoch:04d}.h5")


def train(folder):
    """Begins, or goes on with, a run that keeps its nets, as npzf train --keep does."""
    if RunFolder(folder).files():
        path = folder / "checkpoint.h5"
        trainer = Trainer.resume(path, squares(), squares(9, seed=1))
        if trainer.epoch and not trainer.batch:
            keep(trainer)
    else:
        trainer = make(folder, **EPOCHS)
    trainer.run(keep)


def parameters(path):
    return {name: value.tobytes() for name, value in npzf.load(path).parameters.items()}


def content(folder):
    rows = list(csv.DictReader((folder / "log.csv").open()))
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    nets = [parameters(path) for path in sorted((folder / "epochs").iterdir())]
    states = [everything(folder / name) for name in ("checkpoint.h5", "previous.h5", "best.h5")]
    return [{**row, "images_per_second": ""} for row in rows], files, nets, states


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train(folder)
    return content(folder)


@pytest.fixture(scope="module")
def count(tmp_path_factory):
    """How many such calls a run makes."""
    with pytest.MonkeyPatch.context() as patch:
        calls = dying(patch, -1, False)
        train(tmp_path_factory.mktemp("counted"))
    return len(calls)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("part", range(4))
def test_killed_before_and_after_every_step_of_every_save(tmp_path, whole, count, after, part):
    for at in range(part, count, 4):
        folder = tmp_path / str(at)
        with pytest.MonkeyPatch.context() as patch:
            dying(patch, at, after)
            with pytest.raises(Killed):
                train(folder)
        if folder.exists():
            for path in folder.glob("*.h5"):
                everything(path)  # is whole
        train(folder)
        assert content(folder) == whole, at


@pytest.mark.parametrize("part", range(4))
def test_a_full_disk_at_every_step_leaves_the_earlier_state_and_says_so(tmp_path, whole, count, part):
    """Where a link fails there is a copy: the run is then not stopped."""
    for at in range(part, count, 4):
        folder = tmp_path / str(at)
        with pytest.MonkeyPatch.context() as patch:
            calls = dying(patch, at, False, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            try:
                train(folder)
            except OSError as error:
                assert "No space left on device" in str(error) and "\n" not in str(error)
            else:
                assert calls[at] == "link" or calls[at - 1] == "link" or calls[at - 1] == "replace"
        train(folder)
        assert content(folder) == whole, at


def test_the_previous_generation_is_that_of_the_epoch_before(tmp_path):
    seen = []

    def look(self, path, original=Trainer.save):
        original(self, path)
        if path == self.path:
            files = [tmp_path / name for name in ("checkpoint.h5", "previous.h5") if (tmp_path / name).exists()]
            seen.append([(state["epoch"], state["batch"]) for _, state in map(everything, files)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "save", look)
        make(tmp_path, epochs=2, save_every=2).run()
    start, first = (0, 0), (1, 0)
    assert seen == [
        [start],
        *([place, start] for place in ((0, 2), (0, 4), first)),
        *([place, first] for place in ((1, 2), (1, 4), (2, 0))),
    ]


def test_without_links_the_previous_generation_is_a_copy(tmp_path, monkeypatch, whole):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    train(tmp_path)
    assert content(tmp_path) == whole


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_bytes(path.read_bytes()[:1000]), lambda path: path.write_bytes(b""), os.remove]
)
def test_a_damaged_checkpoint_leads_to_the_whole_one_beside_it(tmp_path, damage):
    make(tmp_path).run()
    damage(tmp_path / "checkpoint.h5")
    with pytest.raises(
        (ValueError, FileNotFoundError), match=r"checkpoint.h5.*previous\.h5 beside it is whole, after epoch 2$"
    ) as caught:
        resume(tmp_path)
    assert "\n" not in str(caught.value)
    Trainer.resume(tmp_path / "previous.h5", squares(), squares(9, seed=1)).run()
    assert everything(tmp_path / "checkpoint.h5")[1]["epoch"] == 3
    damage(tmp_path / "previous.h5")
    with pytest.raises((ValueError, FileNotFoundError), match=r"checkpoint\.h5 beside it is whole, after epoch 3$"):
        Trainer.resume(tmp_path / "previous.h5", squares(), squares(9, seed=1))


def test_going_on_from_the_previous_generation_equals_uninterrupted(tmp_path, whole):
    train(tmp_path)
    Trainer.resume(tmp_path / "previous.h5", squares(), squares(9, seed=1)).run(keep)
    assert content(tmp_path) == whole


@pytest.mark.parametrize("lost", [("best.h5",), ("log.csv",), ("best.h5", "log.csv")])
@pytest.mark.parametrize("best", [2, 3])
def test_what_the_checkpoints_know_is_made_again(tmp_path, monkeypatch, lost, best):
    """The best epoch being the last, which the checkpoint is of, or the one before, which previous.h5 is of."""
    lowest(monkeypatch, best)
    make(tmp_path).run()
    before = everything(tmp_path / "best.h5"), (tmp_path / "log.csv").read_text()
    for name in lost:
        (tmp_path / name).unlink()
    resume(tmp_path).run()
    assert (everything(tmp_path / "best.h5"), (tmp_path / "log.csv").read_text()) == before


def test_a_best_net_that_is_lost_is_said_to_be(tmp_path, monkeypatch, caplog):
    lowest(monkeypatch, 1)
    make(tmp_path).run()
    (tmp_path / "best.h5").unlink()
    resume(tmp_path).run()
    assert "best.h5, the net of epoch 1, is missing: the next epoch of a lower error writes it again" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == [MARKER, "checkpoint.h5", "log.csv", "previous.h5"]


def lowest(monkeypatch, epoch):
    """The validation error of this epoch is the lowest."""
    original = Trainer._evaluate

    def evaluate(self, signals):
        score = original(self, signals)
        return type(score)(score.loss, 10.0 if self.epoch + 1 == epoch else 50.0, score.top5_error, score.images)

    monkeypatch.setattr(Trainer, "_evaluate", evaluate)
