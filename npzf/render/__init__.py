"""The paper's figures as files: pictures (Pillow), plots (Matplotlib, imported late), a page of them all."""

from npzf.render.architecture import architecture_figure
from npzf.render.comparison import RULES, Panel, projection_panels, write_comparison
from npzf.render.evolution import animation, save_evolution, strip
from npzf.render.explain import explain_figure
from npzf.render.features import OVERVIEW_MAPS, most_active_maps, overview, projection_sheet, top_sheet
from npzf.render.filters import filter_sheet, save_filters
from npzf.render.invariance import invariance_figure
from npzf.render.loss import loss_plot, read_log
from npzf.render.occlusion import heat_map_figure, occlusion_figure
from npzf.render.optimum import GreatCircles, optimum_film, optimum_sheet
from npzf.render.overlay import frame_patch, overlay_heatmap
from npzf.render.page import Section, write_page
from npzf.render.pairs import draw_pairs
from npzf.render.pictures import downscale, enlarge, grid, robust_scale, save_png, to_grey, to_grey_each, to_grey_robust
from npzf.render.sheets import file_names, save_tiles
from npzf.render.transfer import confusion_figure, mistakes_figure, result_figure

__all__ = [
    "OVERVIEW_MAPS",
    "RULES",
    "GreatCircles",
    "Panel",
    "Section",
    "animation",
    "architecture_figure",
    "confusion_figure",
    "downscale",
    "draw_pairs",
    "enlarge",
    "explain_figure",
    "file_names",
    "filter_sheet",
    "frame_patch",
    "grid",
    "heat_map_figure",
    "invariance_figure",
    "loss_plot",
    "mistakes_figure",
    "most_active_maps",
    "occlusion_figure",
    "optimum_film",
    "optimum_sheet",
    "overlay_heatmap",
    "overview",
    "projection_panels",
    "projection_sheet",
    "read_log",
    "result_figure",
    "robust_scale",
    "save_evolution",
    "save_filters",
    "save_png",
    "save_tiles",
    "strip",
    "to_grey",
    "to_grey_each",
    "to_grey_robust",
    "top_sheet",
    "write_comparison",
    "write_page",
]
