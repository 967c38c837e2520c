"""The paper's figures as files: pictures (Pillow), plots (Matplotlib, imported late), a page of them all."""

from npzf.render.evolution import animation, strip
from npzf.render.features import top_sheet
from npzf.render.page import Section, write_page
from npzf.render.pictures import enlarge, filters, grid, mid_grey, mid_grey_each, save_png
from npzf.render.plots import heat_map, loss_plot, read_log

__all__ = [
    "Section",
    "animation",
    "enlarge",
    "filters",
    "grid",
    "heat_map",
    "loss_plot",
    "mid_grey",
    "mid_grey_each",
    "read_log",
    "save_png",
    "strip",
    "top_sheet",
    "write_page",
]
