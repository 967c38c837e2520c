"""From an image set to a net's batches: the resizing, the crop, what is passed on and what is refused."""

import numpy as np
import pytest
from PIL import Image
from tiny_training import Pictures, squares, tiny

from npzf import layers, small_zfnet
from npzf.data import (
    Batches,
    ClassFolders,
    EvaluationBatches,
    ImageFiles,
    ImageFolder,
    ImageSet,
    SquareImages,
    embedded_images,
    evaluation_batches,
    fit_to_net,
    resized_side,
    square,
)
from npzf.network import Network
from npzf.preprocessing import Preprocessing


def net_of(*shape):
    net = Network(shape, [("relu", layers.ReLU())])
    net.preprocessing = Preprocessing(np.arange(shape[2]), 2.0)
    return net


def test_images_are_resized_to_eight_sevenths_of_the_longer_side():
    sides = {(224, 224): 256, (96, 96): 110, (7, 7): 8, (14, 21): 24, (21, 14): 24}
    assert {shape: resized_side(net_of(*shape, 3)) for shape in sides} == sides


def test_a_set_becomes_centre_crops_of_resized_squares():
    net, images = net_of(7, 7, 3), Pictures(10)
    batches = evaluation_batches(net, images, batch=4)
    assert isinstance(batches, Batches) and batches.image_count == 10
    assert [len(x) for x, _, _ in batches] == [4, 4, 2]
    x, targets, indices = (np.concatenate(part) for part in zip(*batches, strict=True))
    pixels = np.stack([square(images.image(i), 8) for i in range(10)])[:, :7, :7]
    np.testing.assert_array_equal(x, (pixels - np.arange(3)) / np.float32(2))
    assert targets.tolist() == images.targets.tolist() and indices.tolist() == list(range(10))


def test_square_images_keep_their_side():
    net, images = net_of(7, 7, 3), SquareImages(Pictures(4), 20)
    assert fit_to_net(net, images) is images
    ((x, _, _),) = evaluation_batches(net, images)
    np.testing.assert_array_equal(x, net.preprocessing.apply(images.take(range(4))[0][:, 6:13, 6:13]))
    assert fit_to_net(net, Pictures(4), 30).side == 30


@pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
def test_an_input_that_is_no_square_gets_a_crop_of_its_shape(shape):
    net, images = net_of(*shape, 3), Pictures(3)
    ((x, _, _),) = evaluation_batches(net, images)
    top, left = (8 - shape[0]) // 2, (8 - shape[1]) // 2
    expected = images.pixels[:, top : top + shape[0], left : left + shape[1]]
    np.testing.assert_array_equal(x, net.preprocessing.apply(expected))


def test_batches_are_passed_on():
    net = tiny()
    batches = EvaluationBatches(squares(), 7, 4)
    assert evaluation_batches(net, batches) is batches
    plain = list(batches)
    assert evaluation_batches(net, plain) is plain


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (np.zeros((2, 7, 7, 3)), r"images are an array \(2, 7, 7, 3\), expected an image set, SquareImages or batches"),
        (7, "images are 'int', expected an image set, SquareImages or batches"),
        ("folder", "images are 'str', expected"),
        (SquareImages(Pictures(3), 6), "side of the images is 6, expected at least 7 pixels, the net's crop"),
    ],
    ids=["array", "number", "path", "too small"],
)
def test_other_images_are_refused(images, named):
    with pytest.raises(ValueError, match=named) as caught:
        evaluation_batches(tiny(), images)
    assert "\n" not in str(caught.value)


def test_a_net_of_four_channels_is_refused():
    with pytest.raises(ValueError, match=r"input_shape of the net is \(7, 7, 4\), expected 3 channels"):
        evaluation_batches(net_of(7, 7, 4), Pictures(3))


def test_all_sets_are_image_sets(tmp_path):
    for name in ("ant/1.png", "bee/1.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (3, 2)).save(tmp_path / name)
    files = [tmp_path / "ant/1.png", tmp_path / "bee/1.png"]
    labels = np.array([[True, False, True], [False, False, False]])  # several labels an image, and none
    several = ImageFiles(files, labels, ("ant", "bee", "cat"))
    for images in (ClassFolders(tmp_path), ImageFolder(tmp_path / "ant"), embedded_images(), several):
        assert isinstance(images, ImageSet) and not isinstance(images, Batches)
    assert not isinstance(SquareImages(several, 8), ImageSet)
    ((x, targets, _),) = evaluation_batches(net_of(7, 7, 3), several)
    assert len(x) == 2 and targets.dtype == bool and targets.tolist() == labels.tolist()
    assert several.name(1) == str(files[1])


def test_the_embedded_images_go_into_a_small_zfnet():
    net = small_zfnet(12, 64)
    x, targets, _ = next(iter(evaluation_batches(net, embedded_images("validation"), 5)))
    assert net.forward(x).shape == (5, 12) and targets.shape == (5,)


def test_a_net_of_one_channel_gets_grey():
    net, images = net_of(7, 7, 1), Pictures(3)
    ((x, _, _),) = evaluation_batches(net, images)
    pixels = np.stack([square(images.image(i), 8) for i in range(3)])[:, :7, :7]
    grey = np.stack([np.asarray(Image.fromarray(p).convert("L")) for p in pixels])[..., None]
    np.testing.assert_array_equal(x, net.preprocessing.apply(grey))
    with pytest.raises(ValueError, match="channels of the images is 3, expected 1, as the net"):
        evaluation_batches(net, SquareImages(Pictures(3), 8))
    with pytest.raises(ValueError, match="channels is 2, expected 3 for images, red, green and blue, or 1, grey"):
        SquareImages(Pictures(3), 8, channels=2)
