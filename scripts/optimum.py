"""Section 1.1's forerunners: the input that excites a unit most (Erhan et al.), and the changes it minds least (Le et al.)."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cli
import numpy as np
from figures import conv_layers

import npzf
from npzf.render import Exhibit, optimum_film, optimum_sheet, save_png, to_grey
from npzf.render.pictures import robust_scale
from npzf.studies import flat_directions, great_circle, hessian_directions, optimal_input
from npzf.studies.unit_function import UnitFunction

MAPS = 4  # drawn unless some are named
DEGREES, FRAMES = 60, 25  # of an animation, from one end to the other
STILLS = slice(None, None, 6)  # of these the sheet shows those at -60, -30, 0, 30 and 60 degrees


def main(args: argparse.Namespace) -> None:
    net = npzf.load(args.checkpoint).to(args.device, args.precision)
    layer = args.layer or highest_convolution(net)
    maps = chosen(net, layer, args.maps)
    check(args)
    function = UnitFunction(net, layer, maps[0], args.spectrum_exponent)
    norm = args.contrast * float(np.sqrt(np.prod(function.shape) * np.mean(1 / np.square(net.preprocessing.std))))
    print(f"{layer}: the unit in the middle of a map sees {function.shape[1]} x {function.shape[0]} pixels")
    print(
        f"norm {norm:.5g} in units of the net's input: {args.contrast:g} grey levels (RMS); spectrum 1/f^{args.spectrum_exponent:g}"
    )
    print(f"a linear unit keeps cos {DEGREES}° = {np.cos(np.deg2rad(DEGREES)):.0%} of its value in any direction", flush=True)
    out, name, exhibits = Path(args.out), f"optimum_{layer.replace('/', '_')}", []
    for index in maps:
        exhibits.append(exhibit(net, layer, index, norm, args))
        print(optimum_film(exhibits[-1], out / f"{name}_map{index}.{args.film}"), flush=True)
    stills = [Exhibit(one.title, one.pictures[:, STILLS], one.kept[:, STILLS], one.angles[STILLS]) for one in exhibits]
    print(save_png(optimum_sheet(stills), out / f"{name}.png", layer=layer, norm=norm, spectrum_exponent=args.spectrum_exponent))


def highest_convolution(net: npzf.Network) -> str:
    """The last convolution that has other maps than one for each class."""
    below = [name for name in conv_layers(net) if net.shapes[name][2:] != net.shapes[net.output_name]]
    if not below:
        raise ValueError("--layer is not given, and the net has no convolution below its scores: expected a layer")
    return below[-1]


def chosen(net: npzf.Network, layer: str, maps: list[int] | None) -> list[int]:
    """These maps of the layer, or some evenly chosen."""
    if layer not in net.layers:
        raise ValueError(f"--layer is {layer!r}, expected one of {', '.join(net.layers)}")
    count = net.shapes[layer][-1]
    for index in maps or ():
        if not 0 <= index < count:
            raise ValueError(f"--maps has {index}, expected 0 to {count - 1}, the maps of {layer}")
    return maps or np.unique(np.linspace(0, count - 1, MAPS).round().astype(int)).tolist()


def check(args: argparse.Namespace) -> None:
    """ValueError, naming the option, for numbers that the studies would refuse under another name."""
    if not 0 < args.contrast < np.inf:
        raise ValueError(f"--contrast is {args.contrast:g}, expected a positive number of grey levels")
    if not 0 <= args.spectrum_exponent < np.inf:
        raise ValueError(f"--spectrum-exponent is {args.spectrum_exponent:g}, expected a number of at least 0")
    for name, least in (("directions", 1), ("steps", 0), ("seed", 0)):
        if getattr(args, name) < least:
            raise ValueError(f"--{name} is {getattr(args, name)}, expected at least {least}")


def exhibit(net: npzf.Network, layer: str, index: int, norm: float, args: argparse.Namespace) -> Exhibit:
    """One map's optimum and its directions, told and as pictures, all on one scale."""
    start = time.perf_counter()
    options = {"steps": args.steps, "seed": args.seed, "spectrum_exponent": args.spectrum_exponent}
    best = optimal_input(net, layer, index, norm, **options)
    if best.value <= 0:
        raise ValueError(f"map {index} of {layer} comes to {best.value:.3g}, expected above 0: try other --maps or more --steps")
    find = hessian_directions if args.hessian else flat_directions
    found = find(net, best, count=args.directions, seed=args.seed)
    circles = [great_circle(best, direction, degrees=DEGREES, frames=FRAMES) for direction in found.directions]
    function = UnitFunction(net, layer, best.unit, args.spectrum_exponent)
    kept = np.stack([function.values(frames) for frames in circles]) / best.value
    angles = np.linspace(-DEGREES, DEGREES, FRAMES)
    seconds = time.perf_counter() - start
    print(f"map {index}: {best.value:.4g}, {best.angle:.1f}° between the optimum and its gradient ({seconds:.1f} s)")
    for k, (curvature, shares) in enumerate(zip(found.curvatures, kept, strict=True), 1):
        told = ", ".join(f"{share:.0%} at {angle:.0f}°" for share, angle in zip(shares[STILLS], angles[STILLS], strict=True))
        print(f"  direction {k}: curvature {curvature:.3g}, keeps {told}")
    pictures = np.stack([frames[:, *best.patch] for frames in circles])
    title = f"{layer}, map {index}: {best.value:.4g}"
    return Exhibit(title, to_grey(pictures, robust_scale(best.x[best.patch]))[0], kept, angles)


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf optimum runs/photos/best.h5 --layer conv3 --maps 3 17")
    parser.add_argument("checkpoint", help="a network saved by npzf")
    parser.add_argument("--layer", help="layer of the units (default: the last convolution below the scores)")
    parser.add_argument("--maps", type=int, nargs="+", help=f"maps of it, each its middle unit (default: {MAPS} evenly chosen)")
    parser.add_argument("--directions", type=int, default=2, help="directions of least change (default 2)")
    parser.add_argument("--hessian", action="store_true", help="take the Hessian's eigenvectors, as Le et al., for directions")
    parser.add_argument("--contrast", type=float, default=40.0, help="norm of the input, as RMS in grey levels (default 40)")
    parser.add_argument(
        "--spectrum-exponent", type=float, default=0.5, help="spectrum 1/f^this; 0: Erhan's, 1: photographs' (default 0.5)"
    )
    parser.add_argument("--steps", type=int, default=200, help="gradient steps to the optimum (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise that the ascents begin with (default 0)")
    parser.add_argument("--film", choices=["webp", "gif"], default="webp", help="kind of animation (default webp)")
    parser.add_argument("--out", default="runs/optimum", help="folder to write to (default runs/optimum)")
    cli.run(main, parser.parse_args())
