"""Section 3: trains a net on class folders, the embedded images, or PASCAL VOC's; section 5.2: goes on from a trained one.

Writes OUT/checkpoint.h5, the state after every epoch, previous.h5, the one before it, best.h5, the net of the lowest validation
error, and log.csv; with --keep also the nets of some epochs, OUT/epochs/NNNN.h5, of which npzf evolution draws figure 4. An
interrupted run saves its checkpoint and prints the command that resumes it, as does one that has diverged.

With --resume the run goes on as it began, with the same images; --epochs, --rate, --patience, --momentum, --decay, --filter-rms,
--save-every, --threads, --device, --precision, --ops and --keep may be given anew.

With --start the layers of a trained net are kept, with its preprocessing, and a new last layer is made for the classes of the
images. --freeze keeps the lower layers as they are, which is fast; --rates has each of the others learn at its own pace.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Sequence
from typing import Any

import cli
from cli_options import LARGEST, MOST, PIXELS, as_given, number, whole
from cli_resuming import (
    OF_SMALL_ZFNET,
    OF_THE_NET,
    given_options,
    image_sets,
    refuse_options,
    resumed_folder,
    resumed_trainer,
    resuming_command,
    typed,
)

import npzf
from npzf.data import mean_image
from npzf.interop.inputs import input_words
from npzf.interop.net_files import NetOptions, read_net
from npzf.interop.ready_nets import READY
from npzf.preprocessing import Preprocessing
from npzf.studies.evolution import EPOCHS
from npzf.sweep import Stopped
from npzf.training import Diverged, RunFolder, Trainer, TrainingConfig, check_classes, with_new_classes
from npzf.training.config import SCHEDULES
from npzf.training.objectives import LOSSES
from npzf.training.sgd import layer_rates

NETS: dict[str, Callable[..., npzf.Network]] = {
    "small_zfnet": npzf.small_zfnet,
    "zfnet": npzf.zfnet,
    "krizhevsky": npzf.krizhevsky,
    "alexnet": npzf.alexnet,
    "squeezenet": npzf.squeezenet,
    "vgg16": npzf.vgg16,
}
DEFAULT_NET = "small_zfnet"
WITH_INIT = ("small_zfnet", "zfnet", "krizhevsky")  # nets whose initial weights can be chosen
WITH_NORM = ("small_zfnet", "zfnet", "krizhevsky")  # nets with contrast normalisation


def main(args: argparse.Namespace) -> None:
    keep = epochs_to_keep(args.keep)
    if args.resume:
        given = given_options(parser())
        with RunFolder(resumed_folder(args, given)) as folder:
            folder.go_on()
            train(args, keep, resumed_trainer(args, given), folder)
    else:
        with RunFolder(args.out) as folder:
            folder.begin()  # refused, before any work, where another run lies
            train(args, keep, new_trainer(args), folder)


def train(args: argparse.Namespace, keep: list[int], trainer: Trainer, folder: RunFolder) -> None:
    """Trains, and prints what is left of it, or how to go on."""
    print(trainer.net.summary())
    say_rates(trainer)
    print(f"training on {len(trainer.batches.images)} images, testing on {len(trainer.validation)}; writing to {trainer.folder}/")
    announce(keep, trainer.config.epochs)
    try:
        if trainer.batch == 0:  # an earlier run may have ended between its checkpoint and the net to be kept
            keep_net(trainer, keep)
        trainer.run(lambda t: keep_net(t, keep), folder)
    except KeyboardInterrupt as stop:
        words, number = str(stop) or "interrupted", getattr(stop, "number", signal.SIGINT)
        if trainer.saved_at:
            words += f"; go on with: {typed(resuming_command(args, keep, trainer))}"
        raise Stopped(words, number) from None
    except Diverged as error:
        if (good := trainer.good_path) is None:
            raise
        command = [*resuming_command(args, keep, trainer, good), "--rate", f"{trainer.sgd.rate / 10:g}"]
        raise Diverged(f"{error}: {typed(command)}") from error
    cli.report_failures(trainer.batches.images, "training images")
    cli.report_failures(trainer.validation, "validation images")
    print(f"done: {trainer.folder}/ has {', '.join(results(folder, keep))}")


def results(folder: RunFolder, keep: list[int]) -> list[str]:
    """What the folder has, in words."""
    words = {"checkpoint.h5": "checkpoint.h5 (the last)", "previous.h5": "previous.h5 (the one before)"}
    files = [words.get(name, name) for name in folder.files() if name != "epochs"]
    return [*files, f"{len(cli.epoch_files(folder.path))} nets in epochs"] if keep else files


def new_trainer(args: argparse.Namespace) -> Trainer:
    config = new_config(args)
    if args.accept_changed_images:
        raise ValueError("--accept-changed-images is given, expected it with --resume alone")
    classes = cli.image_set(args.train, "train").classes
    net = started_net(args, classes) if args.start else new_net(args, len(classes))
    net.classes = classes
    layer_rates(net, config.rates, config.freeze)  # a wrong name is known before the images are read
    training, validation = image_sets(args, net, args.resize)
    for images in (training, validation):
        check_classes(net, images, loss=args.loss)
    if not args.start:
        std = net.preprocessing.std if args.std is None else args.std[0] if len(args.std) == 1 else args.std
        Preprocessing(std=std).check(net.input_shape)
        print("taking the mean of the training images")
        net.preprocessing = Preprocessing(mean_image(training, net.input_shape[:2]), std)
    net.to(args.device, args.precision).ops = args.ops
    trainer = Trainer(net, training, validation, args.out, config)
    trainer.notes = {name: getattr(args, name) for name in OF_THE_NET}
    if not args.start:
        trainer.notes |= {"net": args.net or DEFAULT_NET, "size": net.input_shape[0]}
    return trainer


def new_config(args: argparse.Namespace) -> TrainingConfig:
    if args.schedule != "plateau" and args.patience != TrainingConfig.patience:
        raise ValueError(f"--schedule is {args.schedule}, expected plateau with --patience {args.patience}")
    return TrainingConfig(
        epochs=TrainingConfig.epochs if args.epochs is None else args.epochs,
        batch=args.batch,
        rate=args.rate,
        momentum=args.momentum,
        decay=args.decay,
        filter_rms=largest_rms(args),
        patience=args.patience,
        seed=args.seed,
        save_every=args.save_every,
        schedule=args.schedule,
        loss=args.loss,
        rates=rates_of_layers(args.rates or []),
        freeze=args.freeze,
    )


def largest_rms(args: argparse.Namespace) -> float | None:
    """The filter clip: section 3's for a new net, none for one that may have been trained without it."""
    if args.filter_rms is None:
        return None if args.start else TrainingConfig.filter_rms
    return args.filter_rms or None


def layer_rate(given: str) -> str:
    """What one word of --rates is read with: LAYER=NUMBER."""
    layer, _, rate = given.rpartition("=")
    try:
        number(0, LARGEST)(rate)
    except argparse.ArgumentTypeError:
        layer = ""
    if not layer:
        words = f"is {as_given(given)}, expected LAYER=NUMBER, such as fc8=10, and a number of at least 0"
        raise argparse.ArgumentTypeError(words)
    return given


def rates_of_layers(given: Sequence[str]) -> dict[str, float]:
    """What --rates says: "fc8=10" -> {"fc8": 10.0}."""
    rates: dict[str, float] = {}
    for word in given:
        layer, _, rate = word.rpartition("=")
        if layer in rates:
            raise ValueError(f"--rates has {layer!r} twice, expected each layer once")
        rates[layer] = float(rate)
    return rates


def started_net(args: argparse.Namespace, classes: Sequence[str]) -> npzf.Network:
    """The trained net that --start names, with a new last layer; prints what is kept of it, and what is not."""
    refuse_options(
        args, ("net", *OF_SMALL_ZFNET, "norm", "init"), f"with --start {args.start}: npzf convert makes nets of weights"
    )
    options = NetOptions(mean=args.mean, std=args.std, pixel_range=args.range, channels=args.channels)
    trained = read_net(args.start, options)
    net = with_new_classes(trained, classes, upto=args.upto, seed=args.seed)
    *kept, new = [name for name, layer in net.layers.items() if layer.parameters]
    print(f"starting from {args.start}: {' '.join(kept)} as they are, {new} new for {len(classes)} classes")
    print(f"fed {input_words(net)}")
    if args.filter_rms is None:
        print("its filters are not clipped (--filter-rms)")
    return net


def new_net(args: argparse.Namespace, classes: int) -> npzf.Network:
    refuse_options(args, ("upto", "mean", "range", "channels"), "without --start")
    options: dict[str, Any] = {"seed": args.seed}
    net = args.net or DEFAULT_NET
    small = {name: value for name in OF_SMALL_ZFNET if (value := getattr(args, name)) is not None}
    if small and net != "small_zfnet":
        raise ValueError(f"--net is {net}, expected small_zfnet with --{next(iter(small)).replace('_', '-')}")
    options |= small
    if args.norm is not None:
        if net not in WITH_NORM:
            raise ValueError(f"--net is {net}, expected one of {', '.join(WITH_NORM)} with --norm {args.norm}")
        options["norm"] = None if args.norm == "none" else args.norm
    if args.init is not None:
        if net not in WITH_INIT:
            raise ValueError(f"--net is {net}, expected one of {', '.join(WITH_INIT)} with --init {args.init}")
        options["weight_init"] = args.init
    return NETS[net](classes, **options)


def initial_weights(given: str) -> str | float:
    """The weight_init that --init names: he, or a standard deviation."""
    return given if given == "he" else number(0, LARGEST, above=True, other="he, or ")(given)


def say_rates(trainer: Trainer) -> None:
    """Prints which layers are frozen, and which learn at a rate of their own."""
    rates = trainer.sgd.rates
    frozen = [name for name, rate in rates.items() if not rate]
    own = [f"{name} {rate:g}" for name, rate in rates.items() if rate not in (0, 1)]
    if frozen:
        print(f"frozen: {' '.join(frozen)}")
    if own:
        print(f"times the rate: {', '.join(own)}")


def epochs_to_keep(given: list[int] | None) -> list[int]:
    """The epochs that --keep names: none without it, the paper's for a bare one."""
    return list(EPOCHS) if given == [] else sorted(set(given or []))


def announce(epochs: list[int], last: int) -> None:
    """Prints which nets will be kept; an epoch beyond the last is no error, since training may be resumed with more."""
    beyond = [epoch for epoch in epochs if epoch > last]
    if epochs:
        reached = ", ".join(str(epoch) for epoch in epochs if epoch <= last) or "none"
        never = f"; {', '.join(map(str, beyond))}: not reached in {last} epochs" if beyond else ""
        print(f"keeping the nets after epochs {reached}{never}", flush=True)


def keep_net(trainer: Trainer, epochs: list[int]) -> None:
    """Saves the net if its epoch is one of these."""
    if trainer.epoch in epochs:
        trainer.net.save(cli.epoch_file(trainer.folder, trainer.epoch))


def parser() -> argparse.ArgumentParser:
    made = cli.parser("train", __doc__, "photos/train photos/val --net zfnet --out runs/photos")
    cli.add_image_set(made, "train", labels=True)
    cli.add_image_set(made, "validation", labels=True)
    made.add_argument("--net", choices=NETS, help=f"(default {DEFAULT_NET})")
    small = made.add_argument_group("small_zfnet")
    small.add_argument("--size", type=whole(1, PIXELS), help="side of its images in pixels (default 96)")
    small.add_argument(
        "--maps", type=whole(1, MOST), nargs=5, metavar="MAPS", help="of its layers 1 to 5 (default 32 64 96 96 64)"
    )
    small.add_argument(
        "--fc-units", type=whole(0, MOST), metavar="UNITS", help="of its layers 6 and 7 (default 256); 0: without them"
    )
    small.add_argument("--dropout", type=number(0, 1, below=True), metavar="RATE", help="of its highest layers (default 0.2)")
    cli.add_norm(made, None)  # as the net has it
    words = "initial weights of zfnet, krizhevsky (default 0.01) and small_zfnet: he, or their deviation"
    made.add_argument("--init", type=initial_weights, metavar="he|NUMBER", help=words)
    cli.add_resize(made)
    made.add_argument("--epochs", type=whole(1, MOST), help=f"passes over the training images (default {TrainingConfig.epochs})")
    cli.add_batch(made, TrainingConfig.batch, "images a step")
    made.add_argument(
        "--rate",
        type=number(0, LARGEST, above=True),
        default=TrainingConfig.rate,
        help=f"learning rate (default {TrainingConfig.rate})",
    )
    made.add_argument(
        "--loss",
        choices=LOSSES,
        default=TrainingConfig.loss,
        help="softmax: one class an image (default); binary: several labels, as in VOC's folders; hinge: either",
    )
    made.add_argument(
        "--momentum", type=number(0, 1, below=True), default=TrainingConfig.momentum, help=f"(default {TrainingConfig.momentum})"
    )
    made.add_argument(
        "--decay", type=number(0, LARGEST), default=TrainingConfig.decay, help="weight decay (default 0, as in the paper)"
    )
    made.add_argument(
        "--filter-rms", type=number(0, LARGEST), help="largest RMS of a filter (default 0.1; with --start any); 0: any"
    )
    made.add_argument(
        "--patience",
        type=whole(1, MOST),
        default=TrainingConfig.patience,
        help=f"epochs without a lower error before the rate falls on a plateau (default {TrainingConfig.patience})",
    )
    made.add_argument(
        "--schedule",
        choices=SCHEDULES,
        default=TrainingConfig.schedule,
        help="plateau: the rate falls when the error does not (default); cosine: to 0, along half a cosine over the epochs",
    )
    made.add_argument(
        "--keep",
        nargs="*",
        type=whole(1, MOST),
        metavar="EPOCH",
        help=f"keep the net after each of these epochs; alone: {' '.join(map(str, EPOCHS))} (default: none)",
    )
    made.add_argument(
        "--save-every", type=whole(0, MOST), default=0, help="batches between checkpoints within an epoch (default: none)"
    )
    cli.add_seed(made, "the initial weights, crops and dropout")
    cli.add_out(made, "runs/train")
    group = made.add_argument_group("a trained net (section 5.2)")
    group.add_argument(
        "--start", metavar="NET", help=f"network to start from instead of --net: .h5, .onnx, or {', '.join(READY)}"
    )
    group.add_argument("--upto", metavar="LAYER", help="the highest of its layers to keep (default: the one below its scores)")
    group.add_argument("--freeze", metavar="LAYER", help="stays as it is, with all that lead to it (default: all layers learn)")
    group.add_argument(
        "--rates", nargs="+", type=layer_rate, metavar="LAYER=X", help="layers whose rate is X times --rate; 0: stays as it is"
    )
    cli.add_fed(made, "; for small_zfnet 8, and what pixels less their mean are divided by in a net that begins")
    group = made.add_argument_group("a run that goes on")
    group.add_argument("--resume", metavar="CHECKPOINT", help="checkpoint.h5 or previous.h5 to go on with, in its own folder")
    group.add_argument(
        "--accept-changed-images", action="store_true", help="go on even if the images are not those that the run began with"
    )
    return made


if __name__ == "__main__":
    cli.run(main, parser())
