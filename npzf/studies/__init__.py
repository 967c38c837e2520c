"""The paper's figures and Table 1, one file each."""

from npzf.studies.architecture import LayerDiagnosis, diagnose_layer
from npzf.studies.atlas import MapStatistics, map_statistics
from npzf.studies.correspondence import Correspondence, correspondence
from npzf.studies.evolution import Evolution
from npzf.studies.hessian import hessian_invariances
from npzf.studies.invariance import Invariance, invariance
from npzf.studies.occlusion import Occlusion, occlusion
from npzf.studies.optimum import Invariances, OptimalInput, great_circle, invariances, optimal_input
from npzf.studies.saliency import class_model, grad_cam, gradient, saliency
from npzf.studies.top import TopActivations, projections_and_patches, top_activations
from npzf.studies.top_maps import ImageTopMaps, top_maps_of_image

__all__ = [
    "Correspondence",
    "Evolution",
    "ImageTopMaps",
    "Invariance",
    "Invariances",
    "LayerDiagnosis",
    "MapStatistics",
    "Occlusion",
    "OptimalInput",
    "TopActivations",
    "class_model",
    "correspondence",
    "diagnose_layer",
    "grad_cam",
    "gradient",
    "great_circle",
    "hessian_invariances",
    "invariance",
    "invariances",
    "map_statistics",
    "occlusion",
    "optimal_input",
    "projections_and_patches",
    "saliency",
    "top_activations",
    "top_maps_of_image",
]
