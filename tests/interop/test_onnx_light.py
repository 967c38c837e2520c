"""ImageNet nets of the ONNX zoo (section 4), with random numbers, give in npzf what they give in ONNX Runtime."""

import numpy as np
import pytest

import npzf
from npzf.layers import Softmax

onnx = pytest.importorskip("onnx", reason="the models come with onnx: pip install 'npzf[test]'")
runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is the reference: pip install 'npzf[test]'")
pytest.importorskip("torch", reason="PyTorch scales the weights: pip install 'npzf[test]'")
from light_models import FOLDER, filled  # noqa: E402

NETS = ["bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "squeezenet", "vgg19", "zfnet512"]
ONNX_RUNTIME = 1e-5  # what ONNX Runtime may differ by in float32, relative to the largest number


def outputs(model, image, names):
    """What ONNX Runtime gives for these values of the model."""
    graph, ends = model.graph, list(model.graph.output)
    del graph.output[:]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    try:
        session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return dict(zip(names, session.run(None, {graph.input[0].name: image}), strict=True))
    finally:
        del graph.output[:]
        graph.output.extend(ends)


def values_of_images(model, last):
    """The outputs of all nodes up to this value that depend on the images."""
    names = [model.graph.input[0].name]
    for node in model.graph.node:
        if last not in names and not set(names).isdisjoint(node.input):
            names.append(node.output[0])
    return names[1:]


@pytest.mark.parametrize("name", NETS)
def test_a_light_net_gives_what_onnx_runtime_gives(name):
    model, image = filled(name, fc_units=1024)
    last = model.graph.node[-1]
    scores = last.input[0] if last.op_type == "Softmax" else last.output[0]
    expected = outputs(model, image, values_of_images(model, scores))
    for value, array in expected.items():
        assert 0.1 <= array.std() <= 10, f"{value} has a deviation of {array.std()}: an error could hide there"
    net = npzf.from_onnx(model)
    assert isinstance(net.layers[net.output_name], Softmax) == (last.op_type == "Softmax")
    found = net.forward(np.ascontiguousarray(image.transpose(0, 2, 3, 1)), upto=net.scores_name)
    wanted = expected[scores].reshape(found.shape)
    assert np.abs(found - wanted).max() <= ONNX_RUNTIME * np.abs(wanted).max()


def test_shufflenet_is_refused_for_its_transpose():
    path = FOLDER / "light_shufflenet.onnx"
    with pytest.raises(ValueError) as caught:
        npzf.from_onnx(path)
    assert str(caught.value) == f"{path}: node 'n8' is Transpose, which npzf has no layer for"
