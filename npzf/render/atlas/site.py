"""The atlas page: figure 2 for every map of a net, to walk through; opens from disk, without a server or a network."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

from npzf.render.page import escaped
from npzf.storage.atomic import atomic_write_bytes
from npzf.text import printable

SCRIPTS = ("tiles.js", "views.js", "walk.js")


def write_site(folder: str | Path, data: dict) -> Path:
    """Writes folder/data.js and folder/index.html, each in one step, the page last; returns its path.

    data: title, introduction, net, layers, images and what else views.js reads; plain text, shown as text and never as HTML. The
    sheets of write_group are expected in folder/sheets. ValueError for numbers that JSON does not know; OSError if a file cannot
    be written.
    """
    folder, here = Path(folder), Path(__file__).parent
    # A script, because a page opened from disk may not fetch JSON.
    text = json.dumps(_printable(data), separators=(",", ":"), allow_nan=False)
    atomic_write_bytes(folder / "data.js", f"const ATLAS = {text};\n".encode("ascii"))
    page = Template((here / "page.html").read_text(encoding="utf-8")).substitute(
        title=escaped(data["title"]),
        introduction=escaped(data["introduction"]),
        style=(here / "style.css").read_text(encoding="utf-8"),
        script="\n".join((here / name).read_text(encoding="utf-8") for name in SCRIPTS),
    )
    return atomic_write_bytes(folder / "index.html", page.encode("utf-8"))


def _printable(value: Any) -> Any:
    """The same lists and dictionaries, what is not printable in their texts escaped."""
    if isinstance(value, str):
        return printable(value, keep="\n\t")
    if isinstance(value, dict):
        return {key: _printable(one) for key, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list | tuple) else value
