"""The paper's figures and Table 1, one file each."""

from npzf.studies.architecture import LayerDiagnosis, diagnose_layer
from npzf.studies.atlas import MapStatistics, map_statistics
from npzf.studies.correspondence import SignChanges, sign_changes
from npzf.studies.evolution import Evolution
from npzf.studies.hessian import hessian_directions
from npzf.studies.invariance import TransformationCurves, transformation_curves
from npzf.studies.occlusion import OcclusionMap, occlusion_map
from npzf.studies.optimum import FlatDirections, OptimalInput, flat_directions, great_circle, optimal_input
from npzf.studies.saliency import class_model, grad_cam, saliency_map
from npzf.studies.top import TopActivations, projections_and_patches, top_activations
from npzf.studies.top_maps import ImageTopMaps, top_maps_of_image

__all__ = [
    "Evolution",
    "FlatDirections",
    "ImageTopMaps",
    "LayerDiagnosis",
    "MapStatistics",
    "OcclusionMap",
    "OptimalInput",
    "SignChanges",
    "TopActivations",
    "TransformationCurves",
    "class_model",
    "diagnose_layer",
    "flat_directions",
    "grad_cam",
    "great_circle",
    "hessian_directions",
    "map_statistics",
    "occlusion_map",
    "optimal_input",
    "projections_and_patches",
    "saliency_map",
    "sign_changes",
    "top_activations",
    "top_maps_of_image",
    "transformation_curves",
]
