"""Small files of features with arrays of the test's choice."""

import json

import numpy as np

from npzf.storage import hdf5
from npzf.storage.writer import fixed_text, fixed_texts
from npzf.transfer.feature_file import KIND, FeatureFile


def feature_file(path, arrays, targets, decoded, classes):
    """The file, written as extract_features writes it: layer -> array (N, crops, ...)."""

    def write_contents(file):
        for key in ("net", "images", "choice"):
            file.attrs[key] = fixed_text(key[0])
        file["description"] = fixed_text(json.dumps({"layers": list(arrays)}))
        file["datasets"] = fixed_text(json.dumps({layer: layer for layer in arrays}))
        for layer, array in arrays.items():
            file[f"features/{layer}"] = array
        file["decoded"], file["targets"] = np.asarray(decoded, np.uint8), targets
        file["names"] = fixed_texts([f"{i}.png" for i in range(len(targets))])
        file["classes"] = fixed_text(json.dumps(list(classes)))

    hdf5.write(path, write_contents, KIND)
    return FeatureFile(path)
