"""What npzf has written bears its mark, and nothing else at a path of its outputs is replaced; no part of the paper."""

from __future__ import annotations

import os
import re
from pathlib import Path

from npzf.storage.regular import open_regular
from npzf.storage.sealed import MAGIC

NAME = "npzf"
SOFTWARE = b"\0\x01\x01\x31\0\x02\0\0\0\x05\0\0\0\x1a\0\0\0\0npzf\0"  # one tag of EXIF, in Motorola's order
EXIF = b"Exif\0\0MM\0*\0\0\0\x08" + SOFTWARE + b"\0"  # of a WebP
GENERATOR = '<meta name="generator" content="npzf">'  # of a page
HEAD, TAIL = 2**16, 2**10  # bytes at both ends of a file in which its mark stands
BEGINNINGS = (  # of files that bear no other mark: tables, splits, results, an atlas's data
    MAGIC,
    b'{\n"sha256": ',
    b"const ATLAS = {",
    b"target,pretraining,similarity,mirrored\n",
    b"image,class,answer,margin\n",
)
LINES = (  # how the name of a file ends, and its first line
    (r"confusion\.csv", rb"class,[^\n]+\n"),
    (r"\.csv", rb"method,[^\n]+,mean,deviation,splits,seconds\n"),
    (r"\.txt", rb"(train|test)\t[^\n]+\n"),
    (r"comp[0-9]_cls_[^/]+\.txt", rb"[0-9A-Za-z_-]+ -?[0-9.e+-]+\n"),  # for VOC's server
    (r"\.onnx", rb"\x08[\x01-\x7f]\x12\x04npzf"),  # the producer
)


class NotOurs(FileExistsError):
    """A file at the path of an output that npzf has not written."""


def check_output(path: str | os.PathLike, name: str = "output") -> bool:
    """Whether writing to path replaces an output of npzf's; NotOurs, in one line that begins with name, if anything else.

    Nothing is lost where there is no file, or an empty one.
    """
    path = Path(path)
    if not os.path.lexists(path):
        return False
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(HEAD)
            file.seek(max(0, size - TAIL))
            tail = file.read(TAIL)
    except OSError as error:
        raise NotOurs(
            f"{name} is {path}, which cannot be replaced ({error.strerror or 'no regular file'}): expected a file to write"
        ) from None
    if size and not _ours(path, head, tail):
        raise NotOurs(f"{name} is {path}, which exists and was not written by npzf: expected another place to write to")
    return size > 0


def _ours(path: Path, head: bytes, tail: bytes) -> bool:
    if head.startswith(b"\x89PNG"):
        return b"tEXtSoftware\0npzf" in head.partition(b"IDAT")[0]
    if head.startswith(b"RIFF"):
        return SOFTWARE in tail
    if head.startswith(b"GIF8"):
        return b"\x21\xfe\x04npzf\0" in head
    if head.startswith(b"<!DOCTYPE html>"):
        return GENERATOR.encode() in head
    if head.startswith(b"PK"):  # weights as .npz and .pth
        return tail.endswith(b"\x04\0npzf")
    if head[8:9] == b"{":  # weights as .safetensors
        return b'"writer":"npzf"' in head
    if path.suffix == ".data":  # the weights of a large .onnx beside it
        return path.with_suffix("").is_file() and check_output(path.with_suffix(""))
    lines = (line for ending, line in LINES if re.search(f"{ending}$", path.name))
    return head.startswith(BEGINNINGS) or any(re.match(line, head) for line in lines)
