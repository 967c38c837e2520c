"""Parts of the sheets of figures 2 and 4: small text, rows of pictures with labels, frames of animations, tiles as files."""

from npzf.render.sheets.frames import write_frames
from npzf.render.sheets.labelled_grid import labelled_grid, upscale_to
from npzf.render.sheets.lettering import INK, PALE_INK, PAPER, lettering, text_width
from npzf.render.sheets.tiles import file_names, save_tiles

__all__ = [
    "INK",
    "PALE_INK",
    "PAPER",
    "file_names",
    "labelled_grid",
    "lettering",
    "save_tiles",
    "text_width",
    "upscale_to",
    "write_frames",
]
