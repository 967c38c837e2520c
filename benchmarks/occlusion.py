"""An occlusion map (figure 7) of SqueezeNet beside the same forward passes in PyTorch, in turn in one process.

python benchmarks/occlusion.py --help
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np

import npzf
from npzf.backend import threads
from npzf.losses import softmax
from npzf.studies import occlusion_map

SIZE, STEP, BATCH = 45, 9, 32  # pixels, pixels, places together


def occluded(x):
    """Batches of x (H, W, C) with the square at every place."""
    places = [(top, left) for top in range(0, len(x) - SIZE + 1, STEP) for left in range(0, len(x) - SIZE + 1, STEP)]
    for start in range(0, len(places), BATCH):
        images = np.repeat(x[None], len(places[start : start + BATCH]), axis=0)
        for image, (top, left) in zip(images, places[start : start + BATCH], strict=True):
            image[top : top + SIZE, left : left + SIZE] = 0
        yield images


def torch_squeezenet(net):
    """The same net in PyTorch, from npzf's parameters: images (N, H, W, C) -> probabilities (N, classes)."""
    import torch
    from torch.nn import functional as F

    p = {name: torch.from_numpy(np.ascontiguousarray(np.moveaxis(v, -1, 1))) for name, v in net.parameters.items() if v.ndim == 4}
    p |= {name: torch.from_numpy(v) for name, v in net.parameters.items() if v.ndim == 1}

    def conv(x, name, **options):
        return F.relu(F.conv2d(x, p[f"{name}/weight"], p[f"{name}/bias"], **options), inplace=True)

    def forward(x):
        x = F.max_pool2d(conv(x, "conv1", stride=2), 3, 2, ceil_mode=True)
        for k in range(2, 10):
            squeezed = conv(x, f"fire{k}/squeeze1x1")
            x = torch.cat([conv(squeezed, f"fire{k}/expand1x1"), conv(squeezed, f"fire{k}/expand3x3", padding=1)], 1)
            if k in (3, 5):
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        return F.conv2d(x, p["conv10/weight"], p["conv10/bias"]).mean((2, 3))

    def probabilities(images):
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
            return torch.softmax(forward(x), 1).numpy()

    return probabilities


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="example: python benchmarks/occlusion.py runs/squeezenet.h5 --rounds 5"
    )
    parser.add_argument("checkpoint", nargs="?", help="a SqueezeNet saved by npzf (default: untrained)")
    parser.add_argument("--threads", type=int, default=threads.count(), help="CPU threads of both (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, in turn (default 3)")
    args = parser.parse_args()
    import torch

    npzf.set_threads(args.threads)
    torch.set_num_threads(args.threads)
    net = npzf.load(args.checkpoint) if args.checkpoint else npzf.squeezenet()
    torch_p = torch_squeezenet(net)
    x = np.random.default_rng(0).normal(0, 50, net.input_shape).astype("float32")
    label = int(net.forward(x[None]).argmax())
    options: dict[str, Any] = {"size": SIZE, "step": STEP, "batch": BATCH}
    ways = {
        "npzf, changed regions": lambda: occlusion_map(net, x[None], label, **options).probability.reshape(-1),
        "npzf, whole images": lambda: np.concatenate([softmax(net.forward(images))[:, label] for images in occluded(x)]),
        "PyTorch, one by one": lambda: np.concatenate(
            [torch_p(image[None])[:, label] for images in occluded(x) for image in images]
        ),
        f"PyTorch, batches of {BATCH}": lambda: np.concatenate([torch_p(images)[:, label] for images in occluded(x)]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    probabilities: dict[str, np.ndarray] = {}
    for turn in range(args.rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            probabilities[name] = way()
            if turn:  # the first warms up
                seconds[name].append(time.perf_counter() - start)
    first = next(iter(probabilities.values()))
    print(f"{len(first)} places of a square of {SIZE} pixels, {args.threads} threads, medians of {args.rounds}")
    for name, times in seconds.items():
        difference = np.abs(probabilities[name] - first).max()
        print(f"{name:25} {statistics.median(times):6.2f} s, probabilities differ by {difference:.1e}")


if __name__ == "__main__":
    main()
