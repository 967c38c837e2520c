"""The paper's figures and Table 1, one file each."""

from npzf.studies.evolution import Evolution
from npzf.studies.occlusion import Occlusion, occlusion
from npzf.studies.top import Top, pictures, top_activations

__all__ = ["Evolution", "Occlusion", "Top", "occlusion", "pictures", "top_activations"]
