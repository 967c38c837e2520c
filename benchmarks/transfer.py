"""Features of a folder of images through AlexNet's convolutions (section 5.2), images decoded included, beside PyTorch.

python benchmarks/transfer.py --help
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

import npzf
from npzf.backend import threads
from npzf.data import ClassFolders, SquareImages, Subset
from npzf.transfer import extract_features

BATCH = 32


class TorchImages:
    """The same images for PyTorch's DataLoader: decoded by Pillow, squashed, (C, H, W) in [0, 1], less the mean."""

    def __init__(self, files, side, mean, std):
        self.files, self.side = files, side
        self.mean, self.std = (np.asarray(part, np.float32) for part in (mean, std))

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        with Image.open(self.files[i]) as image:
            pixels = np.asarray(image.convert("RGB").resize((self.side, self.side), Image.Resampling.BILINEAR), np.float32)
        return np.ascontiguousarray(((pixels - self.mean) / self.std).transpose(2, 0, 1))


def torch_features(module, files, net, workers, path, memory_format):
    """Seconds of the same in PyTorch, with its DataLoader."""
    import torch
    from torch.utils.data import DataLoader

    start = time.perf_counter()
    images = TorchImages(files, net.input_shape[0], net.preprocessing.mean, net.preprocessing.std)
    loader: DataLoader = DataLoader(
        images,  # type: ignore[arg-type]
        batch_size=BATCH,
        num_workers=workers,
    )
    found = []
    with torch.inference_mode():
        for x in loader:
            found.append(module(x.to(memory_format=memory_format)).permute(0, 2, 3, 1).contiguous().numpy())
    with h5py.File(path, "w") as file:
        file["pool5"] = np.concatenate(found)
    return time.perf_counter() - start


def npzf_features(net, images, path):
    """Seconds of npzf, which keeps what an interruption would lose on the way."""
    start = time.perf_counter()
    squares = SquareImages(images, net.input_shape[0], limit=0, squash=True)  # decoded anew each time
    extract_features(net, squares, ["pool5"], path, batch=BATCH)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="example: python benchmarks/transfer.py 101_ObjectCategories --rounds 3"
    )
    parser.add_argument("images", help="folder of class folders")
    parser.add_argument("--limit", type=int, help="only so many of the images, evenly spread (default all)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, in turn (default 3)")
    parser.add_argument("--workers", type=int, default=2, help="of PyTorch's DataLoader (default 2)")
    parser.add_argument("--threads", type=int, default=threads.count(), help="CPU threads of both (default: all)")
    args = parser.parse_args()
    import torch

    npzf.set_threads(args.threads)
    torch.set_num_threads(args.threads)
    net = npzf.pretrained("alexnet")
    every = ClassFolders(args.images)
    count = len(every) if args.limit is None else min(args.limit, len(every))
    images = Subset(every, np.linspace(0, len(every) - 1, count).astype(int))
    files = [images.name(i) for i in range(count)]
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, f"{name}.h5") for name in ("npzf", "PyTorch", "PyTorch, channels_last")}
        module = npzf.to_torch(net)
        last = npzf.to_torch(net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        ways = {
            "npzf": lambda path: npzf_features(net, images, path),
            "PyTorch": lambda path: torch_features(module, files, net, args.workers, path, torch.contiguous_format),
            "PyTorch, channels_last": lambda path: torch_features(last, files, net, args.workers, path, torch.channels_last),
        }
        for _ in range(args.rounds):
            for name, way in ways.items():
                paths[name].unlink(missing_ok=True)
                seconds.setdefault(name, []).append(way(paths[name]))
        with h5py.File(paths["npzf"]) as ours, h5py.File(paths["PyTorch"]) as theirs:
            a, b = ours["features/pool5"][:, 0], theirs["pool5"][()]
            difference = np.abs(a - b).max() / np.abs(b).max()
    print(f"{count} images, {args.threads} threads, {args.workers} workers, batches of {BATCH}, {args.rounds} rounds in turn")
    for name, times in seconds.items():
        print(f"{name:24} {statistics.median(times):7.1f} s ({min(times):.1f} to {max(times):.1f})")
    print(f"largest difference: {difference:.1e} of the largest feature")


if __name__ == "__main__":
    main()
