"""A pass over images that was interrupted goes on with the next image, and ends with the bits of an uninterrupted one."""

import signal

import numpy as np
import pytest
from resealing import changed, replaced
from tiny_training import Pictures, squares, tiny

from npzf import layers
from npzf.data import EvaluationBatches
from npzf.network import Network
from npzf.studies import map_statistics, top_activations
from npzf.sweep import resumable

LAYERS = ["conv1", "norm1", "fc2"]
IMAGES, BATCH = 30, 4


class Stopping(EvaluationBatches):
    """Sends this process a signal together with the batch that holds image `at`; notes which images were asked for."""

    def __init__(self, at=None, number=signal.SIGINT, count=IMAGES, **options):
        super().__init__(squares(count, **options), 7, BATCH, tiny().preprocessing)
        self.at, self.number, self.seen = at, number, []

    def since(self, first):
        for x, labels, indices in super().since(first):
            if self.at in indices:
                signal.raise_signal(self.number)
            self.seen += indices.tolist()
            yield x, labels, indices


def tops(batches, state_file=None, net=None, layers=LAYERS, count=5):
    found = top_activations(net or tiny(), batches, layers, count=count, state_file=state_file)
    return [array for name in layers for array in vars(found[name]).values()]


def statistics(batches, state_file=None, net=None, layers=LAYERS, count=5):
    found = map_statistics(net or tiny(), batches, layers, count=count, state_file=state_file)
    arrays = [array for name in layers for _, array in sorted(found.layers[name].state().items())]
    return [*arrays, found.class_images, found.images, np.array(sorted(found.predictions.items()), dtype=object)]


STUDIES = [tops, statistics]


def equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("at", [0, 13, IMAGES - 1])
def test_interrupted_and_taken_up_again(study, number, at, tmp_path):
    file = tmp_path / "new" / "unfinished.h5"
    after = min((at // BATCH + 1) * BATCH, IMAGES)  # the batch in hand is finished
    with pytest.raises(KeyboardInterrupt, match=f"stopped after {after} images; the same command goes on"):
        study(Stopping(at, number), file)
    second = Stopping()
    found = study(second, file)
    assert second.seen == list(range(after, IMAGES))
    equal(found, study(Stopping()))


NAMES = ("images", "predictions", "values", "values/sums", "top")  # those of parts of the state


@pytest.mark.parametrize("study", STUDIES)
def test_layers_of_any_names_are_taken_up_again(study, tmp_path):
    net = Network((7, 7, 3), [(name, layers.Conv(3, 1 + k % 2)) for k, name in enumerate(NAMES)], dtype="float64")
    net.preprocessing = tiny().preprocessing
    with pytest.raises(KeyboardInterrupt):
        study(Stopping(13), tmp_path / "file.h5", net, NAMES)
    equal(study(Stopping(), tmp_path / "file.h5", net, NAMES), study(Stopping(), None, net, NAMES))


@pytest.mark.parametrize("study", STUDIES)
def test_a_pass_that_is_done_is_not_done_again(study, tmp_path):
    expected = study(Stopping(), tmp_path / "file.h5")
    again = Stopping()
    equal(study(again, tmp_path / "file.h5"), expected)
    assert again.seen == []


def test_the_state_is_kept_every_so_often(tmp_path, monkeypatch):
    """Killed without warning, a pass loses no more than what came since."""
    monkeypatch.setattr(resumable, "SAVE_INTERVAL", 0)

    class Killed(Exception):
        pass

    class Dying(Stopping):
        def since(self, first):
            for batch in super().since(first):
                if 16 in batch[2]:
                    raise Killed
                yield batch

    with pytest.raises(Killed):
        tops(Dying(), tmp_path / "file.h5")
    second = Stopping()
    equal(tops(second, tmp_path / "file.h5"), tops(Stopping()))
    assert second.seen == list(range(16, IMAGES))


def test_without_a_file_nothing_is_promised(tmp_path):
    with pytest.raises(KeyboardInterrupt, match=r"stopped after 16 images$"):
        tops(Stopping(13))
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_cannot_be_decoded_at_the_seam(tmp_path):
    bad = {"bad": (15,), "count": 120}
    with pytest.raises(KeyboardInterrupt, match="stopped after 16 images;"):
        tops(Stopping(13, **bad), tmp_path / "file.h5")
    equal(tops(Stopping(**bad), tmp_path / "file.h5"), tops(Stopping(**bad)))


def another_net():
    net = tiny()
    net.parameters["conv1/weight"][0, 0, 0, 0] += 1e-3
    return net


def without_classes():
    batches = Stopping()
    batches.images.source.classes = ("",) * 3
    return batches


OTHERS = {  # what began the file, what is to resume it, and with what else
    "net": (tops, tops, {"net": another_net()}),
    "layers": (tops, tops, {"layers": ["conv1"]}),
    "count": (tops, tops, {"count": 4}),
    "study": (tops, statistics, {}),
    "classes": (statistics, statistics, {"batches": without_classes()}),
    "images": (tops, tops, {"batches": Stopping(count=IMAGES + 1)}),
}


@pytest.mark.parametrize(("first", "study", "change"), OTHERS.values(), ids=OTHERS)
def test_the_file_of_another_pass_is_refused_and_left_alone(first, study, change, tmp_path):
    file = tmp_path / "file.h5"
    with pytest.raises(KeyboardInterrupt):
        first(Stopping(13), file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"file.h5 is of another net, image set or choice, expected these: .* remove the file"):
        study(**{"batches": Stopping(), "state_file": file, **change})
    assert file.read_bytes() == before


def test_an_image_set_is_swept_as_its_batches_are(tmp_path):
    equal(tops(Pictures(IMAGES)), tops(EvaluationBatches(squares(), 7, 128, tiny().preprocessing)))
    equal(tops(squares(), tmp_path / "file.h5"), tops(Pictures(IMAGES)))


def test_only_batches_that_can_be_entered_in_the_middle_have_a_state_file(tmp_path):
    equal(tops(list(Stopping())), tops(Stopping()))
    with pytest.raises(ValueError, match="images are 'list', expected an image set, SquareImages or Batches to resume a sweep"):
        tops(list(Stopping()), tmp_path / "file.h5")


def test_a_file_of_another_kind_is_refused(tmp_path):
    tiny().save(tmp_path / "net.h5")
    with pytest.raises(ValueError, match=r"format of .*net.h5 is 'npzf network', expected 'npzf sweep state'"):
        tops(Stopping(), tmp_path / "net.h5")
    (tmp_path / "cut.h5").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"cut.h5: .* expected a sweep state saved by npzf: remove it"):
        tops(Stopping(), tmp_path / "cut.h5")


STATES = {
    "done negative": (lambda f: f.attrs.create("done", -1), "done of .* is -1, expected at most 30 images"),
    "done beyond the end": (lambda f: f.attrs.create("done", 31), "done of .* is 31"),
    "another count": (
        replaced("state/0/images", np.zeros((4, 2), np.int64)),
        r"state/0/images of .* has shape \(4, 2\), expected",
    ),
    "another type": (replaced("state/0/values", np.zeros((4, 5), "f4")), "is float32, expected numbers of type float64"),
    "missing": (replaced("state/0/rows", None), "state/0/rows of .* is missing"),
    "beyond the map": (replaced("state/0/rows", np.full((4, 5), 10**6)), "lie at 1000000 to 1000000"),
    "beyond the images": (replaced("state/0/images", np.full((4, 5), 8)), "lie at 8 to 8, expected 0 to 7"),
    "no places": (replaced("state/0/rows", np.full((4, 5), -1)), "lie at -1 to -1"),
    "not in order": (replaced("state/0/values", np.arange(20.0).reshape(4, 5)), "not in order"),
    "no numbers": (replaced("state/0/values", np.full((4, 5), np.nan)), "top activations are NaN"),
    "of another pass": (lambda f: f.attrs.create("identity", np.bytes_("x")), "is of another net, image set or choice"),
}


@pytest.mark.parametrize(("change", "named"), STATES.values(), ids=STATES)
def test_a_state_that_cannot_be_is_named_although_its_digest_is_right(tmp_path, change, named):
    with pytest.raises(KeyboardInterrupt):
        tops(Stopping(5), tmp_path / "unfinished.h5")
    changed(tmp_path / "unfinished.h5", change)
    with pytest.raises(ValueError, match=named) as caught:
        tops(Stopping(), tmp_path / "unfinished.h5")
    assert str(tmp_path / "unfinished.h5") in str(caught.value) and "\n" not in str(caught.value)


class Counted:
    """A store that is full whenever so many images have come; notes what is saved."""

    def __init__(self, accumulator, most, first=0):
        self.accumulator, self.most, self.first, self.saved = accumulator, most, first, []

    @property
    def full(self):
        return self.accumulator.images - (self.saved or [0])[-1] >= self.most

    def save(self, done):
        self.saved.append(done)

    def resume(self):
        return self.first


class Count:
    """An accumulator of nothing but how many images there were."""

    def __init__(self):
        self.net, self.choice, self.images = tiny(), (), 0

    def add(self, x, targets, indices):
        self.images += len(indices)


@pytest.mark.parametrize(("most", "saved"), [(8, [8, 16, 24, 30]), (9, [12, 24, 30]), (30, [30]), (31, [30])])
def test_a_full_store_is_saved_at_once_and_nothing_twice(most, saved):
    """Also not when the last batch of all has filled it."""
    count = Count()
    store = Counted(count, most)
    resumable.sweep(Stopping(), count, store)
    assert store.saved == saved and count.images == IMAGES


def test_a_store_that_has_all_images_is_not_saved_again():
    count = Count()
    store = Counted(count, 1, first=IMAGES)
    resumable.sweep(Stopping(), count, store)
    assert store.saved == [] and count.images == 0
