"""The options of all scripts: values that cannot be are refused in one line, which names the option."""

import argparse
import importlib.util
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
COMMANDS = sorted(path.stem for path in SCRIPTS.glob("*.py") if not path.stem.startswith("cli"))
NO_NUMBERS = ["", " ", "x", "nan", "inf", "-inf", "NaN", "Infinity", "1_000", "0x10", "1e999", "-1e999", "1e99999", "9" * 5000]
NO_NUMBERS += ["٣", "１", "1\n", " 1", "1,5", "\x1b[2J", "\udcff", "1" * 20, "-" + "1" * 20]
NO_WHOLE_NUMBERS = [*NO_NUMBERS, "1.5", "1e3", ".5", "1.0"]


@pytest.fixture(params=COMMANDS)
def options(request, monkeypatch):
    """The parser of each script."""
    monkeypatch.syspath_prepend(SCRIPTS)
    spec = importlib.util.spec_from_file_location(f"script_{request.param}", SCRIPTS / f"{request.param}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.parser()


def refused(options, words, capsys):
    """The one line that is printed for these words."""
    with pytest.raises(SystemExit) as stop:
        options.parse_args(words)
    printed = capsys.readouterr()
    assert stop.value.code == 2 and printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 1 and printed.err.endswith("\n") and lines[0].startswith("error: "), printed.err
    assert lines[0].isprintable() and len(lines[0]) < 400
    return lines[0]


def needed(options):
    """Words for all that must be given."""
    words = []
    for action in options._actions:
        if action.option_strings and action.required:
            words += [action.option_strings[0], "layer"]
        elif not action.option_strings and action.nargs != "?":
            words.append(next(iter(action.choices)) if action.choices else "name")
    return words


def numeric(options):
    """The options that take numbers, with what kind they take: it is told by what they make of 1, or of 0.5."""
    found = {}
    for action in options._actions:
        for word, kind in (("1", int), ("0.5", float), ("0.9", float)):
            try:
                value = action.type(word) if action.type else None
            except argparse.ArgumentTypeError:
                continue
            if type(value) in (int, float):
                found[action.option_strings[0]] = kind
    return found


def given(options, name, word):
    """The option with that value, as often as it takes one."""
    count = next(action.nargs for action in options._actions if name in action.option_strings)
    return [f"{name}={word}"] if count is None else [name, *[word] * (count if isinstance(count, int) else 1)]


def test_every_numeric_option_refuses_what_is_no_number(options, capsys):
    names = numeric(options)
    assert "--threads" in names
    for name, kind in names.items():
        for word in NO_WHOLE_NUMBERS if kind is int else NO_NUMBERS:
            line = refused(options, [*needed(options), *given(options, name, word)], capsys)
            assert name in line, (word, line)


def test_every_numeric_option_has_a_least_and_a_largest_value(options, capsys):
    for name in numeric(options):
        for word in ("1" * 19, "-" + "1" * 19):
            if (name, word) == ("--seed", "1" * 19):
                continue
            line = refused(options, [*needed(options), *given(options, name, word)], capsys)
            assert line.startswith(f"error: {name} is {word}, expected "), line


def test_no_option_reads_numbers_otherwise(options):
    """int() and float() take 1_000, nan and digits of all scripts."""
    assert not [action.dest for action in options._actions if action.type in (int, float, complex)]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--nope"], "--nope"),
        (["--dev", "tpu"], "--device"),
        (["--device"], "--device"),
        (["--threads=--"], "--threads is --"),
        (["--threads", "--"], "--threads"),
        (["--device", "a\nb\x1b[2J"], r"a\nb\x1b[2J"),
        (["--\x1b[31mred\udcff"], r"--\x1b[31mred\xff"),
        (["--precision=fp16"], "--precision is fp16, expected one of fp32, tf32"),
    ],
)
def test_whatever_else_is_wrong_is_one_line_too(options, words, named, capsys):
    assert named.strip("\n") in refused(options, [*needed(options), *words], capsys).replace("'", "").replace("\\\\", "\\")


def test_what_is_missing_is_named(options, capsys):
    if needed(options):
        assert "required" in refused(options, [], capsys)


def test_a_name_of_no_letters_is_refused(options, capsys):
    if any("--out" in action.option_strings for action in options._actions):
        assert refused(options, [*needed(options), "--out", ""], capsys).startswith("error: --out is ''")


@pytest.mark.parametrize("words", [["--mean", "-1e-3", "-.5"], ["--grey", "-1e2"]])
def test_a_negative_number_may_have_an_exponent(words, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    occlusion = pytest.importorskip("occlusion")

    args = occlusion.parser().parse_args(["net.h5", "dog.jpg", *words])
    assert args.mean == [-1e-3, -0.5] or args.grey == -100
