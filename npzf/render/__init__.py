"""The paper's figures as files: pictures (Pillow), plots (Matplotlib, imported late), a page of them all."""

from npzf.render.architecture import architecture_figure
from npzf.render.evolution import animation, strip
from npzf.render.explain import explain_figure
from npzf.render.features import top_sheet
from npzf.render.invariance import invariance_figure
from npzf.render.occlusion import occlusion_figure
from npzf.render.optimum import Exhibit, optimum_film, optimum_sheet
from npzf.render.page import Section, write_page
from npzf.render.pictures import downscale, enlarge, filters, grid, save_png, to_grey, to_grey_each, to_grey_robust
from npzf.render.plots import heat_map, loss_plot, read_log
from npzf.render.tiles import save_tiles

__all__ = [
    "Exhibit",
    "Section",
    "animation",
    "architecture_figure",
    "downscale",
    "enlarge",
    "explain_figure",
    "filters",
    "grid",
    "heat_map",
    "invariance_figure",
    "loss_plot",
    "occlusion_figure",
    "optimum_film",
    "optimum_sheet",
    "read_log",
    "save_png",
    "save_tiles",
    "strip",
    "to_grey",
    "to_grey_each",
    "to_grey_robust",
    "top_sheet",
    "write_page",
]
