"""Results in the form that PASCAL VOC's server and development kit read (section 5.2, Table 6): one text file a class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npzf.storage.atomic import atomic_write_bytes
from npzf.storage.regular import read_regular

MOST = 2**24  # bytes of a file of scores

COMPETITIONS = {"comp1": "trained on VOC's images alone", "comp2": "trained on others too, as by Table 6"}


def submission_file(folder: str | Path, class_name: str, list_name: str = "test", competition: str = "comp2") -> Path:
    """Where VOC looks for the scores of a class: FOLDER/comp2_cls_test_CLASS.txt. ValueError for names that are no file's."""
    if competition not in COMPETITIONS:
        kinds = ", ".join(f"{name} ({meaning})" for name, meaning in COMPETITIONS.items())
        raise ValueError(f"competition is {competition!r}, expected one of {kinds}")
    for what, name in (("class_name", class_name), ("list_name", list_name)):
        if not re.fullmatch(r"[^\s/\\]+", name):
            raise ValueError(f"{what} is {name!r}, expected a name without spaces and slashes")
    return Path(folder) / f"{competition}_cls_{list_name}_{class_name}.txt"


def write_submission(
    folder: str | Path,
    ids: Sequence[str],
    classes: Sequence[str],
    scores: np.ndarray,
    list_name: str = "test",
    competition: str = "comp2",
) -> list[Path]:
    """Writes a line "IMAGE_ID SCORE" for each image, into a file for each class, and returns the files.

    ids (N,): of the images, as VOCFolder.ids, without folder and suffix; scores (N, C): higher for images that rather have the
    class, in any units. Each file takes the place of an earlier one at once. ValueError, before anything is written, for other
    shapes or competitions, ids that are no VOC ids or come twice, and scores that are NaN or infinite; OSError as atomic_write.
    """
    scores = np.asarray(scores)
    if scores.shape != (len(ids), len(classes)) or not scores.size or scores.dtype.kind not in "fiu":
        raise ValueError(f"scores are {scores.dtype} {scores.shape}, expected numbers {len(ids), len(classes)}: ids, classes")
    if not np.isfinite(scores).all():
        raise ValueError(f"scores are NaN or infinite in {np.sum(~np.isfinite(scores))} places, expected numbers")
    files = submission_files(folder, ids, classes, list_name, competition)
    for file, column in zip(files, scores.T.tolist(), strict=True):
        lines = [f"{i} {score!r}\n" for i, score in zip(ids, column, strict=True)]
        atomic_write_bytes(file, "".join(lines).encode())
    return files


def submission_files(
    folder: str | Path, ids: Sequence[str], classes: Sequence[str], list_name: str = "test", competition: str = "comp2"
) -> list[Path]:
    """The files that write_submission would write, one a class; its ValueError for ids and names, before there are scores."""
    for what, names in (("ids", ids), ("classes", classes)):
        if len(set(names)) < len(names):
            raise ValueError(f"{what} have {next(n for n in names if list(names).count(n) > 1)!r} twice, expected each once")
    if wrong := [i for i in ids if not re.fullmatch(r"\w[\w-]*", i)]:
        raise ValueError(f"id is {wrong[0]!r}, expected an image's name without folder and suffix, such as '2008_000001'")
    return [submission_file(folder, name, list_name, competition) for name in classes]


def read_submission(
    folder: str | Path, classes: Sequence[str], list_name: str = "test", competition: str = "comp2"
) -> tuple[tuple[str, ...], np.ndarray]:
    """The ids (N,) and scores, float64 (N, C), that the files of these classes hold, in the order of the first file.

    ValueError, naming the file, for lines that are not "IMAGE_ID SCORE", ids that come twice, and files that differ in their ids.
    """
    ids: tuple[str, ...] = ()
    columns = []
    for name in classes:
        file = submission_file(folder, name, list_name, competition)
        found = _read(file)
        ids = ids or tuple(found)
        if different := sorted(found.keys() ^ ids):
            raise ValueError(f"{file} differs in {len(different)} ids from that of {classes[0]}; one is {different[0]}")
        columns.append([found[i] for i in ids])
    if not columns:
        raise ValueError("classes are none, expected at least one")
    return ids, np.array(columns).T


def _read(file: Path) -> dict[str, float]:
    """Id -> score of one file."""
    found: dict[str, float] = {}
    for number, line in enumerate(_text(file).splitlines(), 1):
        try:
            image, score = line.split()
            value = float(score)
        except ValueError:
            raise ValueError(f"line {number} of {file} is {line[:60]!r}, expected 'IMAGE_ID SCORE'") from None
        if image in found or not np.isfinite(value):
            reason = "its id comes twice" if image in found else "its score is no number"
            raise ValueError(f"line {number} of {file} is {line[:60]!r}: {reason}, expected each id once with a number")
        found[image] = value
    if not found:
        raise ValueError(f"{file} is empty, expected a line 'IMAGE_ID SCORE' for each image")
    return found


def _text(file: Path) -> str:
    try:
        return read_regular(file, MOST, "a list of ids and scores").decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is no text in UTF-8, expected a line 'IMAGE_ID SCORE' for each image") from None
