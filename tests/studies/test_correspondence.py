"""Table 1: parts that agree have distance 0, parts that differ the share that the square covers; both readings of sign(0)."""

import json

import numpy as np
import pytest
from assertions import close, normal
from PIL import Image

from npzf import layers
from npzf.network import Network
from npzf.studies import sign_changes
from npzf.studies.correspondence import PAPER, RANDOM, RANDOM_SHARED, mask, read_landmarks

SIDE = 8


def mirror():
    """A net whose features are the pixels."""
    net = Network((SIDE, SIDE, 3), [("same", layers.Conv(3, 1))], dtype="float64", weight_init=0.0)
    net.parameters["same/weight"][:, 0, 0] = np.eye(3)
    return net


def three():
    """Three images: alike on the left half; on the right one is positive, one negative, one black."""
    x = np.ones((3, SIDE, SIDE, 3))
    x[:, :, 4:] *= np.array([1.0, -1.0, 0.0])[:, None, None, None]
    return x


PARTS = {"left": np.full((3, 2), [4, 2]), "right": np.full((3, 2), [4, 6])}


def test_parts_that_agree_and_parts_that_do_not():
    changes = sign_changes(mirror(), three(), PARTS, ["same"], size=3)["same"]
    covered = 9 / SIDE**2
    assert changes["left"].with_zeros.tolist() == changes["left"].without_zeros.tolist() == [0, 0, 0]
    close(changes["left"].zeros, 1 - covered, 1e-12)
    close(changes["right"].with_zeros, [covered] * 3, 1e-12)  # + and -, + and 0, - and 0
    np.testing.assert_array_equal(changes["right"].without_zeros, [1, np.nan, np.nan])
    close(changes["right"].zeros, 1 - covered * 2 / 3, 1e-12)


def test_every_pair_by_hand():
    x, places = normal(4, SIDE, SIDE, 3), np.array([[3, 3], [3, 5], [5, 4], [4, 3]])
    changes = sign_changes(mirror(), x, {"part": places}, ["same"], size=3)["same"]["part"]
    e = np.zeros_like(x)
    for image, pixels, (row, column) in zip(e, x, places, strict=True):
        image[row - 1 : row + 2, column - 1 : column + 2] = pixels[row - 1 : row + 2, column - 1 : column + 2]
    k = 0
    for i in range(4):
        for j in range(i + 1, 4):
            one, other = np.sign(e[i]), np.sign(e[j])
            differ = sum(a != b for a, b in zip(one.flat, other.flat, strict=True))
            close(changes.with_zeros[k], differ / e[0].size, 1e-12)
            both = [(a, b) for a, b in zip(one.flat, other.flat, strict=True) if a and b]
            assert changes.without_zeros[k] == pytest.approx(sum(a != b for a, b in both) / len(both), rel=1e-12)
            k += 1
    assert k == len(changes.with_zeros) == 6


def test_random_squares_by_seed():
    x = normal(3, SIDE, SIDE, 3)
    one, same, other = (sign_changes(mirror(), x, {}, ["same"], size=3, random_sets=5, seed=s)["same"] for s in (1, 1, 2))
    assert list(one) == [RANDOM, RANDOM_SHARED] and one[RANDOM].with_zeros.shape == (5 * 3,)
    np.testing.assert_array_equal(one[RANDOM].with_zeros, same[RANDOM].with_zeros)
    assert (one[RANDOM].with_zeros != other[RANDOM].with_zeros).any()
    close(one[RANDOM].zeros, 1 - 9 / SIDE**2, 1e-12)  # wholly inside: the same number of pixels each time


def test_one_place_in_all_images_is_one_place():
    """Images alike: squares at one place change the same; squares at places of their own do not."""
    changes = sign_changes(mirror(), np.ones((4, SIDE, SIDE, 3)), {}, ["same"], size=3)["same"]
    assert not changes[RANDOM_SHARED].with_zeros.any()
    assert changes[RANDOM].with_zeros.max() == pytest.approx(2 * 9 / SIDE**2)  # two squares that do not meet


def test_what_the_square_cannot_have_changed_has_sign_zero():
    """float32, biases, several filters at once: not one bit may move where the square is out of sight."""
    table = [("conv1", layers.Conv(16, 5)), ("relu1", layers.ReLU()), ("conv2", layers.Conv(8, 3, pad=1))]
    net = Network((40, 40, 3), table, seed=3)
    x = normal(5, 40, 40, 3, dtype="float32")
    parts = {"part": np.full((5, 2), 20)}
    changes = sign_changes(net, x, parts, ["conv2"], size=1)["conv2"]["part"]
    field = net.fields()["conv2"].size[0]
    assert changes.zeros >= 1 - field**2 / 36**2
    untouched = net.forward(x, upto="conv2")
    moved = net.forward(mask(x, np.full((5, 2), 20), 1), upto="conv2") != untouched
    assert moved.any(axis=(0, 3)).sum() == field**2  # it reaches all that can see it, and nothing else


def test_a_square_over_the_border_is_clipped():
    x = np.ones((1, SIDE, SIDE, 1))
    assert mask(x, np.array([[-1, 6]]), 3)[0, ..., 0].sum() == SIDE**2 - 4
    assert x.all()


def test_by_default_a_sixth_of_the_side():
    x = np.ones((2, 24, 24, 3))
    changes = sign_changes(mirror(), x, {"middle": np.full((2, 2), 12)}, ["same"], random_sets=1)["same"]
    close(changes["middle"].zeros, 1 - 16 / 24**2, 1e-12)


def test_the_papers_rows():
    assert list(PAPER) == ["right_eye", "left_eye", "nose", "random"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"x": np.ones((1, 8, 8, 3))}, "x has 1 images, expected at least 2"),
        ({"size": 9}, "size is 9, expected 1 to 8 pixels"),
        ({"random_sets": 0}, "random_sets is 0, expected at least 1"),
        ({"parts": {"nose": np.full((3, 2), 8)}}, "part 'nose' is .*, expected 3 places inside"),
        ({"parts": {"nose": np.full((2, 2), 1)}}, "part 'nose' is .*, expected 3 places inside"),
        ({"layers": ["conv9"]}, "layer is 'conv9'"),
    ],
)
def test_bad_arguments_are_named_in_one_line(options, named):
    usual = {"x": three(), "parts": PARTS, "layers": ["same"], "size": 3}
    with pytest.raises(ValueError, match=named) as caught:
        sign_changes(mirror(), **(usual | options))
    assert "\n" not in str(caught.value)


def test_landmarks_follow_their_images(tmp_path):
    """A bright pixel at each landmark of a wide and of a tall image lies there after cropping and resizing."""
    marks = {"wide.png": {"eye": [70, 20], "nose": [40, 40]}, "tall.png": {"eye": [10, 80], "nose": [50, 41]}}
    for name, size in (("wide.png", (60, 120)), ("tall.png", (120, 60))):
        image = np.zeros((*size, 3), np.uint8)
        for channel, (x, y) in enumerate(marks[name].values()):
            image[y, x, channel] = 255
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "landmarks.json").write_text(json.dumps(marks))
    for side in (60, 30, 90):
        photographs, parts = read_landmarks(tmp_path / "landmarks.json", side)
        assert photographs.shape == (2, side, side, 3) and list(parts) == ["eye", "nose"]
        for channel, places in enumerate(parts.values()):
            for photograph, place in zip(photographs, places, strict=True):
                brightest = np.argwhere(photograph[..., channel] == photograph[..., channel].max())
                assert np.abs(brightest.mean(0) - place).max() <= 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"a.png": {}}',
        '{"a.png": {"nose": [1, 1]}, "b.png": 3}',
        '{"a.png": {"nose": [1]}}',
        '{"a.png": {"nose": "x"}}',
    ],
)
def test_landmarks_of_another_kind_are_refused_in_one_line(tmp_path, text):
    (tmp_path / "landmarks.json").write_text(text)
    with pytest.raises(ValueError, match=r"landmarks\.json is unreadable .*, expected") as caught:
        read_landmarks(tmp_path / "landmarks.json", 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_images_that_are_not_square(shape):
    """A part in the last corner; the default square is a sixth of the shorter side, and wholly inside at random places."""
    net = Network((*shape, 3), [("same", layers.Conv(3, 1))], dtype="float64", weight_init=0.0)
    net.parameters["same/weight"][:, 0, 0] = np.eye(3)
    x, corner = np.ones((2, *shape, 3)), np.array(shape) - 1
    changes = sign_changes(net, x, {"corner": np.stack([corner, corner])}, ["same"], random_sets=20)["same"]
    close(changes["corner"].zeros, 1 - 4 / (12 * 30), 1e-12)
    close(changes[RANDOM].zeros, 1 - 4 / (12 * 30), 1e-12)
    with pytest.raises(ValueError, match=r"part 'corner' is .*, expected 2 places inside the image"):
        sign_changes(net, x, {"corner": np.stack([corner[::-1]] * 2)}, ["same"])
