"""Section 1.1: the input that excites a unit most, and the directions that change it least.

These are the methods of Erhan et al. 2009 and Le et al. 2010. Prints the values and writes OUT/optimum_LAYER.png with the middle
units of some maps, and an animation of each beside it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cli
import numpy as np
from cli_options import LARGEST, MOST, number, whole
from cli_outputs import claim

import npzf
from npzf.render import GreatCircles, file_names, optimum_film, optimum_sheet, robust_scale, save_png, to_grey
from npzf.studies import flat_directions, great_circle, hessian_directions, optimal_input
from npzf.studies.optimum import STEEPEST
from npzf.studies.unit_function import UnitFunction

MAPS = 4  # drawn unless some are named
DEGREES, FRAMES = 60, 25  # of an animation, from one end to the other
STILLS = slice(None, None, 6)  # of these the sheet shows those at -60, -30, 0, 30 and 60 degrees


def main(args: argparse.Namespace) -> None:
    net = cli.load_net(args)
    layer = args.layer or net.last_convolution
    maps = some_maps(net, layer, args.maps)
    if net.input_shape[2] not in (1, 3):
        raise ValueError(f"input_shape of the net is {net.input_shape}, expected 1 or 3 channels, which can be drawn")
    function = UnitFunction(net, layer, maps[0], args.spectrum_exponent)
    if args.directions > (largest := int(np.prod(function.shape)) - 2):
        raise ValueError(f"--directions is {args.directions}, expected 1 to {largest}, as many as the unit's input has")
    norm = args.contrast * float(np.sqrt(np.prod(function.shape) * np.mean(1 / np.square(net.preprocessing.std))))
    spectrum = f"spectrum 1/f^{args.spectrum_exponent:g}"
    print(f"{layer}: the unit in the middle of a map sees {function.shape[1]} x {function.shape[0]} pixels")
    print(f"norm {norm:.5g} in units of the net's input: {args.contrast:g} grey levels (RMS); {spectrum}")
    print(f"a linear unit keeps cos {DEGREES}° = {np.cos(np.deg2rad(DEGREES)):.0%} of its value in any direction", flush=True)
    out, name, stills = Path(args.out), f"optimum_{file_names([layer])[layer]}", []
    claim(out, f"{name}.png", *(f"{name}_map{index}.{args.animation}" for index in maps))
    for index in maps:
        circles = great_circles(net, layer, index, norm, args)
        print(optimum_film(circles, out / f"{name}_map{index}.{args.animation}"), flush=True)
        parts = circles.pictures[:, STILLS], circles.shares[:, STILLS], circles.angles[STILLS]
        stills.append(GreatCircles(circles.title, *parts))
    print(save_png(optimum_sheet(stills), out / f"{name}.png", layer=layer, norm=norm, spectrum_exponent=args.spectrum_exponent))


def some_maps(net: npzf.Network, layer: str, maps: list[int] | None) -> list[int]:
    """These maps of the layer, or MAPS evenly chosen ones."""
    if layer not in net.layers:
        raise ValueError(f"--layer is {layer!r}, expected one of {', '.join(net.layers)}")
    count = net.shapes[layer][-1]
    for index in maps or ():
        if not 0 <= index < count:
            raise ValueError(f"--maps has {index}, expected 0 to {count - 1}, the maps of {layer}")
    return maps or np.unique(np.linspace(0, count - 1, MAPS).round().astype(int)).tolist()


def great_circles(net: npzf.Network, layer: str, index: int, norm: float, args: argparse.Namespace) -> GreatCircles:
    """One map's optimum and the great circles in its flattest directions; prints them. All pictures have one scale."""
    start = time.perf_counter()
    options = {"steps": args.steps, "seed": args.seed, "spectrum_exponent": args.spectrum_exponent}
    best = optimal_input(net, layer, index, norm, **options)
    if best.value <= 0:
        raise ValueError(f"value of map {index} of {layer} is {best.value:.3g}, expected above 0: try other --maps, more --steps")
    find = hessian_directions if args.hessian else flat_directions
    flat = find(net, best, count=args.directions, seed=args.seed)
    circles = [great_circle(best, direction, degrees=DEGREES, frames=FRAMES) for direction in flat.directions]
    function = UnitFunction(net, layer, best.unit, args.spectrum_exponent)
    shares = np.stack([function.values(frames) for frames in circles]) / best.value
    angles = np.linspace(-DEGREES, DEGREES, FRAMES)
    seconds = time.perf_counter() - start
    print(f"map {index}: {best.value:.4g}, {best.angle:.1f}° between the optimum and its gradient ({seconds:.1f} s)")
    for k, (curvature, row) in enumerate(zip(flat.curvatures, shares, strict=True), 1):
        words = ", ".join(f"{share:.0%} at {angle:.0f}°" for share, angle in zip(row[STILLS], angles[STILLS], strict=True))
        print(f"  direction {k}: curvature {curvature:.3g}, keeps {words}")
    pictures = np.stack([frames[:, *best.patch] for frames in circles])
    title = f"{layer}, map {index}: {best.value:.4g}"
    return GreatCircles(title, to_grey(pictures, robust_scale(best.x[best.patch]))[0], shares, angles)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("optimum", __doc__, "runs/photos/best.h5 --layer conv3 --maps 3 17")
    cli.add_net(made)
    cli.add_layer(made, "layer of the units (default: the last convolution below the scores)")
    made.add_argument(
        "--maps", type=whole(0, MOST), nargs="+", metavar="MAP", help=f"numbers of its maps (default: {MAPS} evenly chosen)"
    )
    made.add_argument("--directions", type=whole(1, MOST), default=2, help="directions of least change (default 2)")
    made.add_argument("--hessian", action="store_true", help="take the Hessian's eigenvectors, as Le et al., for directions")
    made.add_argument(
        "--contrast",
        type=number(0, LARGEST, above=True),
        default=40.0,
        help="norm of the input, as RMS in grey levels (default 40)",
    )
    made.add_argument(
        "--spectrum-exponent",
        type=number(0, STEEPEST),
        default=0.5,
        help="spectrum 1/f^this; 0: Erhan's, 1: photographs' (default 0.5)",
    )
    cli.add_steps(made, 200, "the optimum")
    cli.add_seed(made, "the noise that the ascents begin with")
    cli.add_animation(made)
    cli.add_out(made, "runs/optimum")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
