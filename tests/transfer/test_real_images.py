"""On real photographs: AlexNet's features tell classes apart from few examples, and npzf's own net has learned (section 5.2)."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import npzf
from npzf.data import ClassFolders, SquareImages, Subset, centre_crop, square
from npzf.interop import ready_nets
from npzf.transfer import Protocol, ResultFile, Setting, evaluate_protocol, extract_features

pytest.importorskip("sklearn", reason="scikit-learn is not installed: no classifier can be fitted")
DATA = Path(__file__).parents[3] / "shared" / "data"
CLASSES, COUNT = 12, 18  # a part of Caltech-101


def test_six_images_of_a_class_are_enough_for_alexnets_features(tmp_path):
    folder = DATA / "caltech101" / "101_ObjectCategories"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing: there are no photographs")
    source = ready_nets.SOURCES["alexnet"]
    cached = ready_nets.cache_folder() / f"alexnet-{source.sha256[:8]}.h5"
    if not cached.is_file():
        pytest.skip(f"{cached} is missing: npzf get-weights alexnet fetches it")
    images = ClassFolders(folder)
    chosen = np.concatenate([np.flatnonzero(images.targets == 8 * k)[:COUNT] for k in range(CLASSES)])
    part = Subset(images, chosen)
    part.targets, part.classes = part.targets // 8, images.classes[: 8 * CLASSES : 8]
    net = npzf.pretrained("alexnet")
    features = extract_features(net, SquareImages(part, 224, squash=True), ["pool1", "pool5"], tmp_path / "features.h5")
    protocol = Protocol((6,), (0, 1))
    accuracy = {
        layer: evaluate_protocol(features, Setting((layer,), grid=(1.0,)), protocol, ResultFile(None))[6].mean
        for layer in ("pool1", "pool5")
    }
    assert accuracy["pool5"] > 85 and accuracy["pool5"] > accuracy["pool1"] + 5  # guessing: 8.3 %


def test_the_net_that_npzf_has_trained_names_photographs_it_has_not_seen():
    net = npzf.pretrained("small_zfnet")
    assert net.input_shape == (64, 64, 3) and len(net.classes) == 100 and "goldfish" in net.classes
    path = DATA / "tinyimagenet100.zip"
    if not path.is_file():
        pytest.skip(f"{path} is missing: there are no photographs")
    with zipfile.ZipFile(path) as archive:
        folders = sorted({name.split("/")[1] for name in archive.namelist() if name.startswith("val/")})
        pictures, targets = [], []
        for label, folder in enumerate(folders):
            for k in range(5):
                with Image.open(io.BytesIO(archive.read(f"val/{folder}/{k:03d}.JPEG"))) as image:
                    pictures.append(square(np.array(image.convert("RGB")), 73))
                targets.append(label)
    x = net.preprocessing.apply(centre_crop(np.stack(pictures), 64))
    accuracy = (npzf.predict(net, x).argmax(1) == np.array(targets)).mean()
    assert accuracy > 0.3  # guessing: 0.01


def test_the_net_that_comes_with_npzf_is_small():
    file = Path(ready_nets.__file__).with_name("small_zfnet.h5")
    assert file.stat().st_size < 3_000_000
