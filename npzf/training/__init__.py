"""Training (section 3): SGD with the filter clip, the schedule, the loop, checkpoints, and errors on images not trained on."""

from npzf.training.evaluation import Score, evaluate
from npzf.training.schedule import Plateau
from npzf.training.sgd import SGD
from npzf.training.trainer import Diverged, Trainer, TrainingConfig, check_classes

__all__ = ["SGD", "Diverged", "Plateau", "Score", "Trainer", "TrainingConfig", "check_classes", "evaluate"]
