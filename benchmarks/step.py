"""ZFNet beside PyTorch on the CPU: one forward pass and one training step (section 3), interleaved in one process.

python benchmarks/step.py --help
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import npzf
from npzf.backend import threads
from npzf.backend.environment import processor


def torch_zfnet(classes):
    """ZFNet in PyTorch as its users write it: modules, NCHW, default layout."""
    from torch import nn

    def conv(i, o, k, **options):
        return [nn.Conv2d(i, o, k, **options), nn.ReLU(inplace=True)]

    def pool_norm():
        return [nn.MaxPool2d(3, 2, ceil_mode=True), nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)]

    return nn.Sequential(
        nn.ZeroPad2d((0, 1, 0, 1)),
        *conv(3, 96, 7, stride=2),
        *pool_norm(),
        *conv(96, 256, 5, stride=2),
        *pool_norm(),
        *conv(256, 384, 3, padding=1),
        *conv(384, 384, 3, padding=1),
        *conv(384, 256, 3, padding=1),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        *(nn.Linear(9216, 4096), nn.ReLU(inplace=True), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout()),
        nn.Linear(4096, classes),
    )


class Ours:
    """npzf: forward, and a step with the filter clip that PyTorch's does not have."""

    def __init__(self, batch, count):
        npzf.set_threads(count)
        rng = np.random.default_rng(0)
        self.net = npzf.zfnet()
        self.sgd = npzf.SGD(self.net, 0.01)
        self.x = rng.normal(0, 50, (batch, 224, 224, 3)).astype("float32")
        self.labels = rng.integers(0, 1000, batch)

    def forward(self):
        self.net.forward(self.x)

    def step(self):
        scores = self.net.forward(self.x, train=True)
        self.net.backward(npzf.softmax_cross_entropy(scores, self.labels)[1], input_gradient=False)
        self.sgd.step()


class Torch:
    """PyTorch: forward without gradients, and a step of torch.optim.SGD."""

    def __init__(self, batch, count):
        import torch

        torch.set_num_threads(count)
        torch.manual_seed(0)
        self.torch, self.net = torch, torch_zfnet(1000)
        self.sgd = torch.optim.SGD(self.net.parameters(), 0.01, momentum=0.9)
        self.x = torch.randn(batch, 3, 224, 224) * 50
        self.labels = torch.randint(1000, (batch,))

    def forward(self):
        self.net.eval()
        with self.torch.no_grad():
            self.net(self.x)

    def step(self):
        self.net.train()
        self.sgd.zero_grad()
        self.torch.nn.functional.cross_entropy(self.net(self.x), self.labels).backward()
        self.sgd.step()


def timed(function):
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3


def peak(which, batch, count):
    """Peak memory in MB of a fresh process that takes three steps, imports included."""
    code = f"import step; step.three({which!r}, {batch}, {count})"
    here = Path(__file__).parent
    run = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True)
    return float(run.stdout)


def three(which, batch, count):
    side = Ours(batch, count) if which == "npzf" else Torch(batch, count)
    for _ in range(3):
        side.step()
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory before exec
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="example: python benchmarks/step.py --rounds 9")
    parser.add_argument("--batch", type=int, default=16, help="images of 224x224 (default 16)")
    parser.add_argument("--threads", type=int, default=threads.count(), help="CPU threads of both (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each, in turn (default 7)")
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    args = parser.parse_args()
    sides = {"npzf": Ours(args.batch, args.threads), "PyTorch": Torch(args.batch, args.threads)}
    import torch

    result = {"machine": f"{processor()}, {args.threads} threads", "batch": args.batch}
    result["versions"] = f"numpy {np.__version__}, torch {torch.__version__}"
    for what in ("forward", "step"):
        times: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(args.rounds + 1):
            for name, side in sides.items():
                milliseconds = timed(getattr(side, what))
                if turn:  # the first warms up
                    times[name].append(milliseconds)
        ratios = [a / b for a, b in zip(times["npzf"], times["PyTorch"], strict=True)]
        result[what] = {name: round(statistics.median(t), 1) for name, t in times.items()}
        result[what] |= {
            "ratio": round(statistics.median(ratios), 3),
            "ratios": [round(min(ratios), 3), round(max(ratios), 3)],
        }
        print(f"{what:8} npzf {result[what]['npzf']} ms, PyTorch {result[what]['PyTorch']} ms, ratio {result[what]['ratio']}")
    result["peak MB of a step"] = {name: round(peak(name, args.batch, args.threads)) for name in sides}
    print(f"peak memory of a process that trains: {result['peak MB of a step']}")
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
