"""Figure 2 for every map of a net, as a page to walk through."""

from npzf.render.atlas.numbers import image_entries, layer_entry, net_rows, patch_side, sheet_geometry
from npzf.render.atlas.sheets import GROUP, write_group
from npzf.render.atlas.site import write_site

__all__ = ["GROUP", "image_entries", "layer_entry", "net_rows", "patch_side", "sheet_geometry", "write_group", "write_site"]
