"""The numbers of Tables 4 to 7 (section 5.2), to stand beside ours: accuracies and average precisions in percent."""

from __future__ import annotations

Number = tuple[float, float | None]  # mean, deviation over the folds if the paper gives one

# Accuracy by training images a class; mean over classes, at most 50 test images a class.
TABLE_4: dict[str, dict[int, Number]] = {  # Caltech-101
    "paper: from scratch": {15: (22.8, 1.5), 30: (46.5, 1.7)},
    "paper: pretrained on ImageNet": {15: (83.8, 0.5), 30: (86.5, 0.5)},
}
TABLE_5: dict[str, dict[int, Number]] = {  # Caltech-256
    "paper: from scratch": {15: (9.0, 1.4), 30: (22.5, 0.7), 45: (31.2, 0.5), 60: (38.8, 1.4)},
    "paper: pretrained on ImageNet": {15: (65.7, 0.2), 30: (70.6, 0.2), 45: (72.7, 0.4), 60: (74.2, 0.3)},
}

TABLE_6: dict[str, float] = {  # PASCAL VOC 2012, average precision by class
    "aeroplane": 96.0,
    "bicycle": 77.1,
    "bird": 88.4,
    "boat": 85.5,
    "bottle": 55.8,
    "bus": 85.8,
    "car": 78.6,
    "cat": 91.2,
    "chair": 65.0,
    "cow": 74.4,
    "diningtable": 67.7,
    "dog": 87.8,
    "horse": 86.0,
    "motorbike": 85.1,
    "person": 90.9,
    "pottedplant": 52.2,
    "sheep": 83.6,
    "sofa": 61.1,
    "train": 91.8,
    "tvmonitor": 76.1,
    "mean": 79.0,
}

TABLE_7: dict[str, dict[int, tuple[float, float]]] = {  # by layer: Caltech-101 with 30 images a class, Caltech-256 with 60
    "svm": {1: (44.8, 24.6), 2: (66.2, 39.6), 3: (72.3, 46.0), 4: (76.6, 51.3), 5: (86.2, 65.6), 7: (85.5, 71.7)},
    "softmax": {5: (82.9, 65.7), 7: (85.4, 72.6)},
}
