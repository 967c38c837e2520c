"""Every layer of ZFNet and its training step on a GPU, beside PyTorch with cuDNN, in one process.

    python benchmarks/gpu.py --batch 128

Each pair is compared before it is timed. Times are medians over CUDA events, npzf and PyTorch in turn, PyTorch in
channels_last with cudnn.benchmark on. fp32 is without TF32 on both sides; tf32 with it on both. In fp32 the naive kernel, the
first rung of the ladder in kernels/README.md, is timed as well. Writes benchmarks/results/gpu_NAME.json and .md.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from blocks import LAYERS

import npzf
from npzf import backend
from npzf.backend import to_numpy
from npzf.ops import CUDA, CUDA_TF32, Ops
from npzf.ops.cuda.convolution import convolve_naive

RESULTS = Path(__file__).parent / "results"
TOLERANCE = {"fp32": 1e-4, "tf32": 5e-3}  # of the largest number; both sides round
FACES = {"fp32": CUDA, "tf32": CUDA_TF32}


@dataclass
class Case:
    """One operation: npzf's and PyTorch's, without arguments, giving one array each; work in FLOP, least traffic in bytes.

    compared: whether the two must agree; whole nets have different parameters.
    """

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], torch.Tensor]
    work: float = 0.0
    traffic: float = 0.0
    compared: bool = True


def there(array: np.ndarray, device: str) -> tuple[Any, torch.Tensor]:
    """(N, H, W, C) numbers for both: npzf's array, and PyTorch's (N, C, H, W) in channels_last."""
    tensor = torch.from_numpy(array).to(device)
    return backend.to_device(array), tensor.permute(0, 3, 1, 2)  # channels_last is this very order in memory


def convolutions(batch: int, device: str, ops: Ops, layers: dict = LAYERS) -> Iterator[Case]:
    """Forward with bias and relu (in fp32 by the naive kernel, too), data gradient, filter gradient."""
    rng = np.random.default_rng(0)
    for name, (side, maps, out, window, stride, pad) in layers.items():
        x, tx = there(rng.standard_normal((batch, side, side, maps), np.float32), device)
        weight, tweight = there(rng.standard_normal((out, window, window, maps), np.float32), device)
        bias = rng.standard_normal(out, np.float32)
        bias, tbias = backend.to_device(bias), torch.from_numpy(bias).to(device)
        more = -(side + 2 * pad - window) % stride  # the row and column that a window of layer 1 hangs over
        tx = F.pad(tx, (0, more, 0, more)).contiguous(memory_format=torch.channels_last) if more else tx
        geometry = {"stride": stride, "pad": pad}
        y = ops.convolve(x, weight, bias, ceil=True, relu=True, **geometry)
        gy, tgy = there(rng.standard_normal(y.shape, np.float32), device)
        flop = 2.0 * y.size * window * window * maps
        size = 4.0 * (x.size + weight.size + y.size)

        def forward(convolve=ops.convolve, x=x, weight=weight, bias=bias, geometry=geometry):
            return convolve(x, weight, bias, ceil=True, relu=True, **geometry)

        def tforward(tx=tx, tweight=tweight, tbias=tbias, stride=stride, pad=pad):
            return F.relu_(F.conv2d(tx, tweight, tbias, stride, pad))

        yield Case(f"{name} forward", forward, tforward, flop, size)
        if ops is CUDA:
            yield Case(f"{name} forward, naive", partial(forward, convolve_naive), tforward, flop, size)

        def tback(index, tgy=tgy, tx=tx, tweight=tweight, stride=stride, pad=pad):
            mask = [index == i for i in range(3)]  # of data, filters and bias
            return torch.ops.aten.convolution_backward(
                tgy, tx, tweight, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], 1, mask
            )[index]

        if name != "conv1":  # nobody needs the gradient of the images

            def data(gy=gy, weight=weight, side=side, geometry=geometry):
                return ops.convolve_transpose(gy, weight, (side, side), **geometry)

            yield Case(f"{name} data gradient", data, partial(tback, 0), flop, size)

        def filters(x=x, gy=gy, weight=weight, geometry=geometry):
            return ops.filter_gradient(x, gy, weight, **geometry)

        yield Case(f"{name} filter gradient", filters, partial(tback, 1), flop, size)


def elementwise(batch: int, device: str, side: int = 110, maps: int = 96) -> Iterator[Case]:
    """Pooling, unpooling and normalisation of layer 1, which are bound by memory."""
    rng = np.random.default_rng(0)
    x, tx = there(rng.standard_normal((batch, side, side, maps), np.float32), device)
    y, switches = CUDA.max_pool(x, 3, 2, ceil=True)
    ty, indices = F.max_pool2d(tx, 3, 2, ceil_mode=True, return_indices=True)
    gy, tgy = there(rng.standard_normal(y.shape, np.float32), device)
    constants = (5, 2.0, 1e-4 / 5, 0.75)

    def unpool_theirs():
        return torch.ops.aten.max_pool2d_with_indices_backward(tgy, tx, [3, 3], [2, 2], [0, 0], [1, 1], True, indices)

    def pool_theirs():
        return F.max_pool2d(tx, 3, 2, ceil_mode=True, return_indices=True)[0]

    yield Case("pool1 forward", lambda: CUDA.max_pool(x, 3, 2, ceil=True)[0], pool_theirs, 0, 4.0 * (x.size + 2 * y.size))
    yield Case("pool1 unpool", lambda: CUDA.unpool(gy, switches), unpool_theirs, 0, 4.0 * (x.size + 2 * y.size))
    norm = Case("norm1 forward", lambda: CUDA.local_response_norm(y, *constants), lambda: theirs_norm(ty), 0, 8.0 * y.size)
    yield norm
    leaf = ty.detach().requires_grad_()
    done = theirs_norm(leaf)

    def norm_back_theirs():
        return torch.autograd.grad(done, leaf, tgy, retain_graph=True)[0]

    yield Case("norm1 gradient", lambda: CUDA.local_response_norm_gradient(y, gy, *constants), norm_back_theirs, 0, 12.0 * y.size)


def theirs_norm(x: torch.Tensor) -> torch.Tensor:
    """PyTorch's normalisation across maps with figure 3's constants."""
    return F.local_response_norm(x, 5, 1e-4, 0.75, 2.0)


def whole(batch: int, precision: str) -> Iterator[Case]:
    """The whole ZFNet: a forward pass, and a training step with momentum (npzf's with the filter clip).

    Not compared, for the parameters differ; tests/test_whole_nets.py compares whole nets.
    """
    from step import torch_zfnet

    rng = np.random.default_rng(0)
    x = rng.normal(0, 50, (batch, 224, 224, 3)).astype("f")
    labels = rng.integers(0, 1000, batch)
    net = npzf.zfnet().to("cuda", precision)
    sgd = npzf.SGD(net, 0.01)
    peer = torch_zfnet(1000).cuda().to(memory_format=torch.channels_last)
    peer_sgd = torch.optim.SGD(peer.parameters(), 0.01, momentum=0.9)
    x, tx = there(x, "cuda")
    tlabels = torch.from_numpy(labels).cuda()

    def step():
        scores = net.forward(x, train=True)
        net.backward(npzf.softmax_cross_entropy(scores, labels)[1], input_gradient=False)
        sgd.step()

    def peer_forward():
        with torch.no_grad():
            return peer.eval()(tx)

    def peer_step():
        peer.train()
        peer_sgd.zero_grad()
        F.cross_entropy(peer(tx), tlabels).backward()
        peer_sgd.step()

    yield Case("ZFNet forward", lambda: net.forward(x), peer_forward, compared=False)
    yield Case("ZFNet step", step, peer_step, compared=False)


def agrees(case: Case, precision: str) -> None:
    """ValueError if the two sides differ by more than rounding, or npzf's two runs by a single bit."""
    ours, again = to_numpy(case.ours()), to_numpy(case.ours())
    theirs = case.theirs().detach().permute(0, 2, 3, 1).cpu().numpy()
    off = np.abs(ours - theirs).max() / np.abs(theirs).max()
    if not off < TOLERANCE[precision]:
        raise ValueError(
            f"{case.name}: npzf and PyTorch differ by {off:.1e} of the largest number, expected {TOLERANCE[precision]}"
        )
    if not np.array_equal(ours, again):
        raise ValueError(f"{case.name}: two runs of npzf differ, expected the same bits")


def milliseconds(function: Callable[[], Any]) -> float:
    """By CUDA events around it; both sides work on the default stream."""
    import cupy

    start, stop = cupy.cuda.Event(), cupy.cuda.Event()
    start.record()
    function()
    stop.record()
    stop.synchronize()
    return cupy.cuda.get_elapsed_time(start, stop)


def timed(case: Case, rounds: int, clock: Callable = milliseconds) -> dict[str, float]:
    """Medians of both sides, measured in turn, after two that do not count."""
    times = [(clock(case.ours), clock(case.theirs)) for _ in range(rounds + 2)][2:]
    ours, theirs = (statistics.median(side) for side in zip(*times, strict=True))
    row = {"npzf ms": ours, "PyTorch ms": theirs, "ratio": statistics.median(a / b for a, b in times)}
    if case.work:
        row["TFLOP/s"] = case.work / ours / 1e9
    if case.traffic:
        row["GB/s"] = case.traffic / ours / 1e6
    return row


def copy_bandwidth(rounds: int) -> float:
    """GB/s of a copy of 1 GB from one place on the GPU to another: what a kernel bound by memory can reach."""
    import cupy

    a = cupy.zeros(1 << 28, np.float32)
    b = cupy.empty_like(a)
    times = [milliseconds(lambda: cupy.copyto(b, a)) for _ in range(rounds + 2)][2:]
    return 2 * a.nbytes / statistics.median(times) / 1e6


def table(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [f"{report['device']}; PyTorch {report['torch']}, cuDNN {report['cudnn']}; batch {report['batch']}", ""]
    lines += [f"Copy bandwidth: {report['copy GB/s']:.0f} GB/s", ""]
    lines += ["| precision | what | npzf ms | PyTorch ms | ratio | TFLOP/s | GB/s | of the copy bandwidth |", "|" + "---|" * 8]
    for precision, rows in report["results"].items():
        for name, row in rows.items():
            cells = [f"{row[key]:.3f}" if key in row else "" for key in ("npzf ms", "PyTorch ms", "ratio")]
            cells += [f"{row[key]:.1f}" if key in row else "" for key in ("TFLOP/s", "GB/s")]
            cells.append(f"{100 * row['GB/s'] / report['copy GB/s']:.0f} %" if "GB/s" in row else "")
            lines.append(f"| {precision} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="example: python benchmarks/gpu.py --rounds 30")
    parser.add_argument("--batch", type=int, default=128, help="images (default 128)")
    parser.add_argument("--rounds", type=int, default=20, help="measurements of each (default 20)")
    args = parser.parse_args()
    device = backend.versions()
    print(device)
    backend.device()
    torch.backends.cudnn.benchmark = True
    results: dict[str, dict[str, dict[str, float]]] = {}
    for precision in backend.PRECISIONS:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        rows: dict[str, dict[str, float]] = {}
        results[precision] = rows
        layers = convolutions(args.batch, "cuda", FACES[precision])
        for case in chain(layers, elementwise(args.batch, "cuda") if precision == "fp32" else (), whole(args.batch, precision)):
            if case.compared:
                agrees(case, precision)
            rows[case.name] = timed(case, args.rounds)
            print(precision, case.name, {key: round(value, 3) for key, value in rows[case.name].items()}, flush=True)
    report = {"device": device, "torch": torch.__version__, "cudnn": torch.backends.cudnn.version(), "batch": args.batch}
    report |= {"copy GB/s": copy_bandwidth(args.rounds), "results": results}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"gpu_{re.sub(r'[^a-z0-9]+', '_', device.split(',')[0].lower())}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    path.with_suffix(".md").write_text(table(report))
    print(f"written: {path} and .md")


if __name__ == "__main__":
    main()
