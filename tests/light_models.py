"""The onnx package's light_* models, ImageNet nets without their numbers, filled with random ones that keep layers lively."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional as F

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def light(name):
    return onnx.load(FOLDER / f"light_{name}.onnx")


def filled(name, seed=0, fc_units=None):
    """The model with random initialisers in the place of its constants, and the image (1, 3, 224, 224) that they were scaled by.

    fc_units: instead of 4096, for the first fully connected layer of VGG alone takes 411 MB; all else has its full size.

    Layer by layer, PyTorch computing: each convolution's and each fully connected layer's output has a deviation of 1, each batch
    normalisation has about the statistics of what it is given.
    """
    model, random = light(name), np.random.default_rng(seed)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    if fc_units is not None:
        shapes = {name: np.where(array == 4096, fc_units, array) for name, array in shapes.items()}
    fills = [node for node in model.graph.node if node.op_type == "ConstantOfShape"]
    numbers = {node.output[0]: random.standard_normal(tuple(shapes[node.input[0]]), dtype="float32") for node in fills}
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            numbers[tensor.name] = random.standard_normal(tuple(tensor.dims), dtype="float32")
    whole = [tensor for tensor in model.graph.initializer if tensor.data_type != onnx.TensorProto.FLOAT]
    nodes = [node for node in model.graph.node if node.op_type != "ConstantOfShape"]
    image = random.standard_normal((1, 3, 224, 224), dtype="float32")
    (images,) = [value.name for value in model.graph.input if value.name not in shapes]
    values = {name: torch.from_numpy(array) for name, array in [*numbers.items(), (images, image)]}
    values |= {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in whole}
    with torch.inference_mode():
        for node in nodes:
            values[node.output[0]] = _run(node, values, random)
    kept = {tensor.name for tensor in whole}
    used = {name for node in nodes for name in node.input}
    del model.graph.node[:], model.graph.initializer[:]
    inputs = [value for value in model.graph.input if value.name == images]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(values[name].numpy(), name) for name in [*numbers, *kept] if name in used
    )
    return model, image


def _run(node, values, random):
    """What the node gives; its weights are scaled first."""
    at = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    x, *rest = (values[name] for name in node.input)
    kind = node.op_type
    if kind in ("Conv", "Gemm"):
        weight, bias = rest if len(rest) == 2 else (rest[0], torch.zeros(len(rest[0])))
        bias *= 0.1
        y = (
            _padded(F.conv2d, x, at, weight, groups=at.get("group", 1))
            if kind == "Conv"
            else F.linear(x, weight.view(len(bias), -1))
        )
        scale = 1 / y.std()
        weight *= scale
        return y * scale + (bias.view(-1, 1, 1) if kind == "Conv" else bias)
    if kind == "BatchNormalization":
        scale, shift, mean, variance = rest
        scale.copy_(torch.from_numpy(random.uniform(0.3, 0.8, len(scale)).astype("float32")))
        shift *= 0.3
        mean.mul_(0.1).add_(x.mean((0, 2, 3)))
        variance.abs_().mul_(0.2).add_(x.var((0, 2, 3), unbiased=False) + 0.01)
        return F.batch_norm(x, mean, variance, scale, shift, eps=at.get("epsilon", 1e-5))
    if kind in ("Mul", "Add") and node.input[1] in values and rest[0].dim() == 3:
        return x * rest[0] if kind == "Mul" else x + rest[0]
    if kind == "Unsqueeze":
        return x.view(-1, 1, 1)  # the same memory: the number of each map
    plain = {
        "Relu": lambda: F.relu(x),
        "LRN": lambda: F.local_response_norm(x, at["size"], at["alpha"], at["beta"], at["bias"]),
        "MaxPool": lambda: _padded(F.max_pool2d, x, at, at["kernel_shape"], fill=-np.inf),
        "AveragePool": lambda: _average(x, at),
        "GlobalAveragePool": lambda: x.mean((2, 3), keepdim=True),
        "Reshape": lambda: x.reshape(rest[0].tolist()),
        "Dropout": lambda: x,
        "Softmax": lambda: F.softmax(x.flatten(1), 1).view_as(x),
        "Concat": lambda: torch.cat([x, *rest], 1),
        "Sum": lambda: x + sum(rest),
    }
    return plain[kind]()


def _padded(operation, x, at, *arguments, fill=0.0, **options):
    top, left, bottom, right = at.get("pads", [0, 0, 0, 0])
    return operation(F.pad(x, (left, right, top, bottom), value=fill), *arguments, stride=at["strides"], **options)


def _average(x, at):
    """The mean of the pixels that exist."""
    sums, counts = (_padded(F.avg_pool2d, part, at, at["kernel_shape"]) for part in (x, torch.ones_like(x)))
    return sums / counts
