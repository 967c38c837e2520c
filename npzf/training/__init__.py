"""Training (section 3): SGD with the filter clip, the schedule, the loop, checkpoints, and errors on images not trained on."""

from npzf.training.checks import Diverged, check_classes
from npzf.training.config import TrainingConfig
from npzf.training.evaluation import Score, evaluate
from npzf.training.schedule import Cosine, Plateau
from npzf.training.sgd import SGD
from npzf.training.trainer import Trainer

__all__ = ["SGD", "Cosine", "Diverged", "Plateau", "Score", "Trainer", "TrainingConfig", "check_classes", "evaluate"]
