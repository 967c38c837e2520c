"""JSON that says whether it is whole: a SHA-256 beside its content; no part of the paper."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from npzf.storage.atomic import atomic_write_bytes
from npzf.storage.regular import MOST_TEXT, read_regular


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Puts {"sha256": ..., "content": ...} in the place of path at once; OSError as atomic_write.

    The digest is that of the content as JSON without spaces, keys in order, in ASCII.
    """
    text = json.dumps({"sha256": _digest(content), "content": content}, indent=0)
    atomic_write_bytes(path, f"{text}\n".encode("ascii"))


def read_json(path: str | os.PathLike, expected: str) -> Any:
    """The content that write_json wrote to path.

    ValueError, in one line that names the path and what was expected, for a file that is damaged, changed, or another one;
    OSError if it is none, or cannot be read.
    """
    data = read_regular(path, MOST_TEXT, expected)
    try:
        found = json.loads(data.decode("ascii"))
        digest, content = found["sha256"], found["content"]
        whole = digest == _digest(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read ({reason}), expected {expected}: remove it") from None
    if not whole:
        raise ValueError(f"{path} is damaged or changed: its SHA-256 is another one, expected {expected}: remove it")
    return content


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()
