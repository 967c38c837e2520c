"""Training (section 3): SGD with the filter clip, schedules, the loop, checkpoints, errors; and fine-tuning (section 5.2)."""

from npzf.training.checks import check_classes
from npzf.training.config import TrainingConfig
from npzf.training.divergence import Diverged
from npzf.training.evaluation import Score, evaluate
from npzf.training.fine_tuning import with_new_classes
from npzf.training.label_evaluation import LabelScore, evaluate_labels
from npzf.training.run_folder import RunFolder
from npzf.training.schedule import Cosine, Plateau
from npzf.training.sgd import SGD
from npzf.training.trainer import Trainer

__all__ = [
    "SGD",
    "Cosine",
    "Diverged",
    "LabelScore",
    "Plateau",
    "RunFolder",
    "Score",
    "Trainer",
    "TrainingConfig",
    "check_classes",
    "evaluate",
    "evaluate_labels",
    "with_new_classes",
]
