"""The operations as CUDA kernels (sections 2 and 3), for arrays on the GPU: the faces CUDA and CUDA_TF32."""

from dataclasses import replace
from functools import partial

from npzf.ops.cuda import convolution, elementwise, fully_connected, losses, normalization, pooling, sgd
from npzf.ops.face import Ops

CUDA = Ops(
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
    dropout_mask=elementwise.dropout_mask,
    max_pool=pooling.max_pool,
    unpool=pooling.unpool,
    unpool_region=pooling.unpool_region,
    average_pool=pooling.average_pool,
    average_pool_transpose=pooling.average_pool_transpose,
    local_response_norm=normalization.local_response_norm,
    local_response_norm_gradient=normalization.local_response_norm_gradient,
    local_contrast_norm=normalization.local_contrast_norm,
    local_contrast_norm_gradient=normalization.local_contrast_norm_gradient,
    softmax=losses.softmax,
    softmax_gradient=losses.softmax_gradient,
    cross_entropy=losses.cross_entropy,
    sgd_step=sgd.sgd_step,
    clip_filters=sgd.clip_filters,
)
CUDA_TF32 = replace(
    CUDA,
    convolve=partial(convolution.convolve, precision="tf32"),
    convolve_transpose=partial(convolution.convolve_transpose, precision="tf32"),
    filter_gradient=partial(convolution.filter_gradient, precision="tf32"),
    linear=partial(fully_connected.linear, precision="tf32"),
    linear_transpose=partial(fully_connected.linear_transpose, precision="tf32"),
    weight_gradient=partial(fully_connected.weight_gradient, precision="tf32"),
)
