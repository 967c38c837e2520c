"""Some images of a set, in an order of their own."""

import numpy as np
import pytest
from PIL import Image

from npzf.data import ClassFolders, MirroredBatches, SquareImages, Subset, file_stamps, squashed


@pytest.fixture
def photos(tmp_path):
    for i in range(5):
        folder = tmp_path / "photos" / ("ant" if i < 2 else "bee")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (20, 30, 3), np.uint8)).save(folder / f"{i}.png")
    return ClassFolders(tmp_path / "photos")


def test_a_subset_is_an_image_set_in_its_own_order(photos):
    some = Subset(photos, [4, 0])
    assert len(some) == 2 and some.classes == photos.classes and some.targets.tolist() == [1, 0]
    assert some.name(0) == photos.name(4)
    np.testing.assert_array_equal(some.image(1), photos.image(0))
    assert file_stamps(some) == (file_stamps(photos)[4], file_stamps(photos)[0])
    pixels, indices = SquareImages(some, 8).take([0, 1])
    assert indices.tolist() == [0, 1]
    np.testing.assert_array_equal(pixels[1], SquareImages(photos, 8).take([0])[0][0])


@pytest.mark.parametrize("indices", [[5], [-1], [[0, 1]]])
def test_images_that_there_are_not_are_refused(photos, indices):
    with pytest.raises(ValueError, match="indices are"):
        Subset(photos, indices)


def test_file_stamps_change_with_the_file(photos):
    before = file_stamps(photos)
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(photos.name(3))
    after = file_stamps(photos)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, True, False, True]
    assert file_stamps(object()) == ()


def test_squashed_images_are_whole(photos):
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, :3] = 255  # outside the centre square
    small = squashed(image, 10)
    assert small.shape == (10, 10, 3) and small[:, 0].min() > 200 and small[:, 3:].max() == 0
    pixels, _ = SquareImages(photos, 8, squash=True).take([2])
    np.testing.assert_array_equal(pixels[0], squashed(photos.image(2), 8))
    for bad in (image[:, :, 0], image.astype(float)):
        with pytest.raises(ValueError, match="expected uint8"):
            squashed(bad, 5)
    with pytest.raises(ValueError, match="side is 0"):
        squashed(image, 0)


def test_mirrored_batches_have_each_image_and_its_mirror_image(photos):
    images = SquareImages(photos, 9)
    for x, _, indices in MirroredBatches(images, 6, 2):
        assert x.shape == (2 * len(indices), 6, 6, 3)
        np.testing.assert_array_equal(x[0::2, :, ::-1], x[1::2])
        np.testing.assert_array_equal(x[0], images.take(indices)[0][0, 1:7, 1:7])
