"""The paper's figures and Table 1, one file each."""

from npzf.studies.architecture import Diagnosis, diagnose
from npzf.studies.atlas import Survey, survey
from npzf.studies.correspondence import Correspondence, correspondence
from npzf.studies.evolution import Evolution
from npzf.studies.hessian import hessian_invariances
from npzf.studies.invariance import Invariance, invariance
from npzf.studies.occlusion import Occlusion, occlusion
from npzf.studies.optimum import Invariances, Optimum, film, invariances, optimum
from npzf.studies.saliency import class_model, grad_cam, gradient, saliency
from npzf.studies.strongest import Strongest, strongest_maps
from npzf.studies.top import Top, pictures, top_activations

__all__ = [
    "Correspondence",
    "Diagnosis",
    "Evolution",
    "Invariance",
    "Invariances",
    "Occlusion",
    "Optimum",
    "Strongest",
    "Survey",
    "Top",
    "class_model",
    "correspondence",
    "diagnose",
    "film",
    "grad_cam",
    "gradient",
    "hessian_invariances",
    "invariance",
    "invariances",
    "occlusion",
    "optimum",
    "pictures",
    "saliency",
    "strongest_maps",
    "survey",
    "top_activations",
]
