"""Section 5.2: the features of a trained net on other data sets, Tables 4 to 7 and figure 9.

From a net and a folder of class folders to a net for these classes:

    images = SquareImages(ClassFolders("photos"), 256)
    features = extract_features(net, images, ["pool5"], "features.h5")
    split = random_split(features.targets, features.classes, per_class=30)
    setting = Setting(("pool5",), "svm")
    print(evaluate_split(features, setting, split).accuracy)
    classifier = fit_split(features, setting, split.train)
    with_classifier(net, ["pool5"], classifier, features.classes).save("mine.h5")

scikit-learn fits the classifiers: pip install 'npzf[transfer]'.
"""

from npzf.transfer.classifiers import KINDS, LinearClassifier, choose_c, fit_classifier
from npzf.transfer.descriptors import ImageDescriptors, describe_images
from npzf.transfer.evaluation import (
    Outcome,
    Setting,
    confusion_matrix,
    evaluate_split,
    fit_split,
    mean_class_accuracy,
    scores_of,
)
from npzf.transfer.feature_file import FeatureFile
from npzf.transfer.feature_net import default_layer, layers_of_table_7, with_classifier, with_pooled
from npzf.transfer.features import extract_features
from npzf.transfer.labels import fit_labels
from npzf.transfer.overlap import Pair, near_duplicates, overlapping
from npzf.transfer.overlap_file import read_overlap, write_overlap
from npzf.transfer.protocol import Protocol, Result, ResultFile, evaluate_protocol, result_key, split_identity, write_splits
from npzf.transfer.splits import Split, cross_validation, random_split, read_split, write_split
from npzf.transfer.tables import Cell, Table

__all__ = [
    "KINDS",
    "Cell",
    "FeatureFile",
    "ImageDescriptors",
    "LinearClassifier",
    "Outcome",
    "Pair",
    "Protocol",
    "Result",
    "ResultFile",
    "Setting",
    "Split",
    "Table",
    "choose_c",
    "confusion_matrix",
    "cross_validation",
    "default_layer",
    "describe_images",
    "evaluate_protocol",
    "evaluate_split",
    "extract_features",
    "fit_classifier",
    "fit_labels",
    "fit_split",
    "layers_of_table_7",
    "mean_class_accuracy",
    "near_duplicates",
    "overlapping",
    "random_split",
    "read_overlap",
    "read_split",
    "result_key",
    "scores_of",
    "split_identity",
    "with_classifier",
    "with_pooled",
    "write_overlap",
    "write_split",
    "write_splits",
]
