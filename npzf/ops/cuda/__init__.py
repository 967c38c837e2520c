"""The operations as CUDA kernels (sections 2 and 3), for arrays on the GPU; what has no kernel is computed plainly."""

from dataclasses import replace
from functools import partial

from npzf.ops.cuda import convolution, elementwise, fully_connected, losses, normalization, pooling, sgd
from npzf.ops.plain import PLAIN

CUDA = replace(
    PLAIN,
    name="cuda",
    convolve=convolution.convolve,
    convolve_transpose=convolution.convolve_transpose,
    filter_gradient=convolution.filter_gradient,
    bias_gradient=convolution.bias_gradient,
    linear=fully_connected.linear,
    linear_transpose=fully_connected.linear_transpose,
    weight_gradient=fully_connected.weight_gradient,
    rectify=elementwise.rectify,
    rectify_gradient=elementwise.rectify_gradient,
    max_pool=pooling.max_pool,
    unpool=pooling.unpool,
    local_response_norm=normalization.across_maps,
    local_response_norm_gradient=normalization.across_maps_gradient,
    local_contrast_norm=normalization.local,
    local_contrast_norm_gradient=normalization.local_gradient,
    cross_entropy=losses._cross_entropy,
    sgd_step=sgd.move,
    clip_filters=sgd.clip_filters,
)
CUDA_TF32 = replace(
    CUDA,
    convolve=partial(convolution.convolve, precision="tf32"),
    convolve_transpose=partial(convolution.convolve_transpose, precision="tf32"),
    filter_gradient=partial(convolution.filter_gradient, precision="tf32"),
)
