"""From photographs to pictures of features in three minutes: trains a small ZFNet on the embedded images and draws it."""

from __future__ import annotations

import time
from pathlib import Path

import cli
import figures
import numpy as np

import npzf
from npzf.backend import to_numpy
from npzf.data import EvaluationBatches, SquareImages, centre_crop, embedded_images, mean_image
from npzf.losses import softmax
from npzf.preprocessing import Preprocessing
from npzf.render import Section, heat_map, loss_plot, read_log, save_png, write_page
from npzf.studies import Evolution, occlusion_map, top_activations
from npzf.training import Trainer, TrainingConfig, evaluate

SIZE, RESIZE = 96, 112  # pixels
# the decay clears away the noise that filters begin as, so that the pictures show what was learned
CONFIG = TrainingConfig(epochs=16, batch=32, rate=0.005, factor=0.3, patience=2, decay=0.02)
KEPT = (1, 2, 4, 7, 11, 16)  # epochs of the evolution strip
MAPS = 16  # maps on each top-nine sheet
CANDIDATES = 6  # photographs tried for the occlusion map


def main(args) -> None:
    start, out = time.perf_counter(), Path(args.out)
    training, validation = (SquareImages(embedded_images(split), RESIZE) for split in ("train", "validation"))
    classes = training.source.classes
    print(f"{len(training)} training and {len(validation)} validation photographs of {', '.join(classes)}")
    net = npzf.small_zfnet(len(classes), SIZE)
    net.classes = classes
    net.preprocessing = Preprocessing(mean_image(training, SIZE), net.preprocessing.std)
    net.to(args.device, args.precision)
    print(net.summary())
    print(f"training for {CONFIG.epochs} epochs (guessing is wrong in {100 - 100 / len(classes):.1f} %)", flush=True)
    layers = figures.conv_layers(net)
    evolution = Evolution(net, training, layers[1:])
    trainer = Trainer(net, training, validation, out, CONFIG)
    trainer.run(lambda t: evolution.add(net, t.epoch) if t.epoch in KEPT else None)
    net = npzf.load(out / "best.h5").to(args.device, args.precision)
    score = evaluate(net, validation)
    print(f"validation accuracy {100 - score.error:.1f} % with the best epoch's net; drawing", flush=True)
    sections = [_loss(out, classes), _filters(net, out)]
    sections += _top_sheets(net, validation, layers, out)
    sections += _evolution(evolution, out)
    sections.append(_occlusion(net, validation, out))
    introduction = (
        f"A small ZFNet, trained from scratch on {len(training)} photographs of {len(classes)} classes, names "
        f"{100 - score.error:.1f} % of {len(validation)} others correctly. Its deconvnet projects single activations back to "
        "pixels; grey is zero."
    )
    page = write_page(out / "index.html", "What a small ZFNet has learned", introduction, sections)
    print(f"done in {time.perf_counter() - start:.0f} s. Open {page} to see what each layer has learned.")


def _loss(out: Path, classes) -> Section:
    path = loss_plot(read_log(out / "log.csv"), out / "loss.png", classes=len(classes))
    sentence = (
        "Loss and error on the training crops and on the validation images; marks show where the learning rate was lowered."
    )
    return Section("Training", sentence, path, "Loss and error against epochs, for training and validation images", wide=True)


def _filters(net, out: Path) -> Section:
    path = figures.save_filters(net, out / "filters.png")
    sentence = "The first layer's filters are small pictures: they look for edges, stripes and colours."
    return Section(
        "First-layer filters (figure 6)", sentence, path, "The first layer's filters as a grid of 7 by 7 pixel pictures"
    )


def _top_sheets(net, squares: SquareImages, layers: list[str], out: Path) -> list[Section]:
    tops = top_activations(net, EvaluationBatches(squares, SIZE, 64, net.preprocessing), layers)
    save_png(figures.draw_overview(net, squares, tops), out / "features.png")
    sections = []
    for layer in layers:
        maps = figures.most_active_maps(tops[layer], MAPS)
        sheet = figures.draw_top_sheet(net, squares, layer, tops[layer], maps)
        path = save_png(sheet, out / f"top_{layer}.png", layer=layer)
        sentence = (
            f"For {MAPS} maps of {layer}, the nine strongest activations among the validation images: on the left what the "
            "deconvnet finds in each, on the right the patch of the photograph that the unit sees."
        )
        alt = f"Projections and image patches of the nine strongest activations of {MAPS} maps of {layer}"
        sections.append(Section(f"{layer} (figure 2)", sentence, path, alt, wide=True))
    return sections


def _evolution(evolution: Evolution, out: Path) -> list[Section]:
    sections = []
    for layer in evolution.maps:
        still, moving = figures.save_evolution(evolution, layer, out)
        epochs = f"{', '.join(map(str, evolution.epochs[:-1]))} and {evolution.epochs[-1]} epochs"
        sentence = (
            f"Maps of {layer} chosen at random, and what their strongest activation among the training images looked like after "
            f"{epochs}."
        )
        sections.append(Section(f"Evolution of {layer} (figure 4)", sentence, still, f"Projections of maps of {layer} by epoch"))
    sentence = f"The same maps of {layer}, a frame for each of these epochs."
    sections.append(Section(f"Evolution of {layer}, animated", sentence, moving, f"Projections of maps of {layer}, animated"))
    return sections


def _occlusion(net, squares: SquareImages, out: Path) -> Section:
    photographs, indices = squares.take(range(len(squares)))
    photographs = centre_crop(photographs, SIZE)
    labels = squares.source.targets[indices]
    x = net.preprocessing.apply(photographs)
    p = np.concatenate([softmax(to_numpy(net.forward(x[i : i + 64]))) for i in range(0, len(x), 64)])
    own = np.where(p.argmax(1) == labels, p[np.arange(len(p)), labels], -1)
    # the right answers given with about 90 % can change; of these the picture with the largest change is the most telling
    maps = {
        i: occlusion_map(net, x[i : i + 1], int(labels[i]))[0] for i in np.argsort(abs(own - 0.9), kind="stable")[:CANDIDATES]
    }
    index = max(maps, key=lambda i: maps[i].original_probability - maps[i].probability.min())
    seen, name = maps[index], net.classes[labels[index]]
    path = heat_map(
        *(photographs[index], seen.probability, seen.centres_y, seen.centres_x, out / "occlusion.png"),
        label=f"probability of {name}",
        title=f"{name}, {100 * seen.original_probability:.0f} %",
        occluder=seen.size,
    )
    sentence = (
        f"A grey square slides over a photograph that the net calls {name} with "
        f"{100 * seen.original_probability:.0f} %; the map gives that probability with the square centred at each place, down to "
        f"{100 * seen.probability.min():.0f} %: dark places are what "
        "the net goes by."
    )
    return Section("Occlusion (figure 7)", sentence, path, f"A photograph of class {name} and its occlusion heat map", wide=True)


if __name__ == "__main__":
    parser = cli.parser(__doc__.splitlines()[0], "npzf demo --out runs/demo")
    parser.add_argument("--out", default="runs/demo", help="folder to write to, over an earlier demo (default runs/demo)")
    cli.run(main, parser.parse_args())
