"""Trains a small ZFNet on the embedded images and draws what it has learned, in three minutes.

Writes OUT/index.html, a page that is complete in itself, its pictures beside it, and what training leaves: best.h5,
checkpoint.h5, previous.h5 and log.csv. A folder with another run's files is refused, an earlier demo's is replaced.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import cli
import numpy as np
from cli_outputs import claim

import npzf
from npzf.data import SquareImages, centre_crop, embedded_images, fit_to_net, mean_image
from npzf.preprocessing import Preprocessing
from npzf.render import (
    OVERVIEW_MAPS,
    Section,
    heat_map_figure,
    loss_plot,
    most_active_maps,
    overview,
    projection_sheet,
    read_log,
    save_evolution,
    save_filters,
    save_png,
    write_page,
)
from npzf.studies import Evolution, TopActivations, occlusion_map, projections_and_patches, top_activations
from npzf.training import RunFolder, Trainer, TrainingConfig, evaluate

SIZE, RESIZE = 96, 112  # pixels
# Decay clears away the noise that filters begin as, so that the pictures show what was learned.
CONFIG = TrainingConfig(epochs=16, batch=32, rate=0.005, factor=0.3, patience=2, decay=0.02)
EPOCHS = (1, 2, 4, 7, 11, 16)  # of the evolution strip
MAPS = 16  # on each top-nine sheet
PICTURES = ("features.png", "filters.png", "loss.png", "occlusion.png", "pretrained.png")  # and some for each layer
CANDIDATES = 6  # photographs tried for the occlusion map
SURE = 0.9  # probability of the candidates, about: high, but it can still change


def main(args: argparse.Namespace) -> None:
    with RunFolder(args.out, "demo") as folder:
        folder.begin(replaces="demo")
        show(args, folder)


def show(args: argparse.Namespace, folder: RunFolder) -> None:
    """Trains, draws and writes the page."""
    start, out = time.perf_counter(), Path(args.out)
    claim(out, *PICTURES, "index.html")
    training, validation = (SquareImages(embedded_images(split), RESIZE) for split in ("train", "validation"))
    classes = training.source.classes
    print(f"{len(training)} training and {len(validation)} validation photographs of {', '.join(classes)}")
    net = npzf.small_zfnet(len(classes), SIZE, norm=None if args.norm == "none" else args.norm)
    net.classes = classes
    net.preprocessing = Preprocessing(mean_image(training, SIZE), net.preprocessing.std)
    net.to(args.device, args.precision)
    net.ops = args.ops
    print(net.summary())
    print(f"training for {CONFIG.epochs} epochs (guessing is wrong in {100 - 100 / len(classes):.1f} %)", flush=True)
    evolution = Evolution(net, training, net.convolutions[1:])
    trainer = Trainer(net, training, validation, out, CONFIG)
    trainer.run(lambda t: evolution.add(net, t.epoch) if t.epoch in EPOCHS else None, folder)
    net = cli.placed(npzf.load(out / "best.h5"), args)
    accuracy = 100 - evaluate(net, validation).error
    print(f"validation accuracy {accuracy:.1f} % with the best epoch's net; drawing", flush=True)
    tops = top_activations(net, validation, net.convolutions)
    few = {layer: most_active_maps(top, OVERVIEW_MAPS) for layer, top in tops.items()}
    pictures = {layer: projections_and_patches(net, validation, layer, tops[layer], maps) for layer, maps in few.items()}
    save_png(overview(tops, pictures), out / "features.png")
    sections = [loss_section(out, classes), filter_section(net, out), *top_sections(net, validation, tops, out)]
    sections += [*evolution_sections(evolution, out), occlusion_section(net, validation, out), pretrained_section(args, out)]
    introduction = (
        f"A small ZFNet, trained from scratch on {len(training)} photographs of {len(classes)} classes, names {accuracy:.1f} % "
        f"of {len(validation)} others correctly. Its deconvnet projects single activations back to pixels; grey is zero."
    )
    page = write_page(out / "index.html", "What a small ZFNet has learned", introduction, sections)
    print(f"done in {time.perf_counter() - start:.0f} s. Open {page} to see what each layer has learned.")


def loss_section(out: Path, classes: tuple[str, ...]) -> Section:
    path = loss_plot(read_log(out / "log.csv"), out / "loss.png", classes=len(classes))
    caption = "Loss and error on the training crops and on the validation images; dashed lines mark a lower learning rate."
    return Section("Training", caption, path, "Loss and error against epochs, for training and validation images", wide=True)


def filter_section(net: npzf.Network, out: Path) -> Section:
    path = save_filters(net, out / "filters.png")
    caption = "The first layer's filters are small pictures: they look for edges, stripes and colours."
    return Section(
        "First-layer filters (figure 6)", caption, path, "The first layer's filters as a grid of 7 by 7 pixel pictures"
    )


def top_sections(net: npzf.Network, images: SquareImages, tops: Mapping[str, TopActivations], out: Path) -> list[Section]:
    sections = []
    for layer, top in tops.items():
        maps = most_active_maps(top, MAPS)
        sheet = projection_sheet(top, maps, *projections_and_patches(net, images, layer, top, maps))
        path = save_png(sheet, out / f"top_{layer}.png", layer=layer)
        caption = (
            f"For {MAPS} maps of {layer}, the nine strongest activations among the validation images: on the left what the "
            "deconvnet finds in each, on the right the patch of the photograph that the unit sees."
        )
        alt = f"Projections and image patches of the nine strongest activations of {MAPS} maps of {layer}"
        sections.append(Section(f"{layer} (figure 2)", caption, path, alt, wide=True))
    return sections


def evolution_sections(evolution: Evolution, out: Path) -> list[Section]:
    sections = []
    for layer in evolution.maps:
        still, moving = save_evolution(evolution, layer, out)
        epochs = f"{', '.join(map(str, evolution.epochs[:-1]))} and {evolution.epochs[-1]} epochs"
        caption = f"For maps of {layer} chosen at random, the strongest activation among the training images after {epochs}."
        sections.append(Section(f"Evolution of {layer} (figure 4)", caption, still, f"Projections of maps of {layer} by epoch"))
    caption = f"The same maps of {layer}, a frame for each of these epochs."
    return [*sections, Section(f"Evolution of {layer}, animated", caption, moving, f"Projections of maps of {layer}, animated")]


def occlusion_section(net: npzf.Network, images: SquareImages, out: Path) -> Section:
    """The photograph whose class depends most on one place, among those of which the net is fairly sure."""
    targets, p = images.source.targets, npzf.predict(net, images)
    own = np.where(p.argmax(1) == targets, p[np.arange(len(p)), targets], -1)
    candidates = np.argsort(abs(own - SURE), kind="stable")[:CANDIDATES]
    photographs = centre_crop(images.take(candidates)[0], SIZE)
    study = occlusion_map(net, net.preprocessing.apply(photographs), targets[candidates])
    n = int((study.original_probability - study.probability.min((1, 2))).argmax())
    one, name = study[n], cli.class_name(net, targets[candidates[n]])
    path = heat_map_figure(
        *(photographs[n], one.probability, one.centres_y, one.centres_x, out / "occlusion.png"),
        title=f"{name}, {100 * one.original_probability:.0f} %",
        label=f"probability of {name}",
        occluder=one.size,
    )
    caption = (
        f"A grey square slides over a photograph that the net calls {name} with {100 * one.original_probability:.0f} %. The map "
        f"gives that probability for each place of the square's centre, down to {100 * one.probability.min():.0f} %: the net "
        "relies on what is dark."
    )
    return Section("Occlusion (figure 7)", caption, path, f"A photograph of class {name} and its occlusion heat map", wide=True)


def pretrained_section(args: argparse.Namespace, out: Path) -> Section:
    """The same overview for the net of this family that comes with npzf, which has seen forty times as many photographs."""
    net = cli.placed(npzf.pretrained("small_zfnet"), args)
    images = fit_to_net(net, embedded_images("validation"))
    tops = top_activations(net, images, net.convolutions)
    few = {layer: most_active_maps(top, OVERVIEW_MAPS) for layer, top in tops.items()}
    pictures = {layer: projections_and_patches(net, images, layer, tops[layer], maps) for layer, maps in few.items()}
    path = save_png(overview(tops, pictures), out / "pretrained.png")
    caption = (
        "A net of the same family, npzf.pretrained('small_zfnet'), which npzf has trained on 25,000 small photographs of 100 "
        "classes, looks at the same validation images: the maps that are most active in each of its layers. With a new last "
        "layer it serves for other classes: npzf transfer."
    )
    alt = "For maps of layers 1 to 5 of the pretrained net the nine strongest activations, projected, beside the image patches"
    return Section("After more photographs (section 5.2)", caption, path, alt, wide=True)


def parser() -> argparse.ArgumentParser:
    made = cli.parser("demo", __doc__, "--out runs/demo")
    cli.add_norm(made, "across")
    cli.add_out(made, "runs/demo", "folder, over an earlier demo,")
    return made


if __name__ == "__main__":
    cli.run(main, parser())
