"""All figures on one page: a single file that needs neither network nor scripts."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from PIL import Image

from npzf.storage.atomic import atomic_write_bytes
from npzf.storage.regular import read_regular
from npzf.text import printable

KINDS = {"PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
MOST = 2**28  # bytes of a picture
SMALL = 320  # pixels: narrower pictures are shown enlarged, with sharp pixels


@dataclass(frozen=True)
class Section:
    """One figure of the page.

    heading, caption: plain text.
    picture: a PNG, WebP or GIF.
    alt: a text for those who cannot see the picture.
    wide: whether it may grow beyond the column of text; on a phone it is then scrolled sideways.
    """

    heading: str
    caption: str
    picture: str | Path
    alt: str
    wide: bool = False


def write_page(path: str | Path, title: str, introduction: str, sections: Sequence[Section]) -> Path:
    """Writes one self-contained HTML page, the pictures within it, in one step; returns the path.

    Title and texts are plain text and are escaped; an empty line in the introduction starts a paragraph. Two or more sections
    get a list of contents. ValueError for a picture that is not PNG, WebP or GIF, OSError if a file cannot be read or written.
    """
    template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=escaped(title),
        introduction="\n".join(f"<p>{escaped(part)}</p>" for part in introduction.split("\n\n") if part.strip()),
        contents=_contents(sections) if len(sections) > 1 else "",
        sections="\n".join(_section(number, section) for number, section in enumerate(sections, 1)),
    )
    return atomic_write_bytes(path, page.encode("utf-8"))


def escaped(text: str) -> str:
    """Plain text as HTML, what is not printable escaped as on a terminal."""
    return html.escape(printable(text, keep="\n\t"))


def _contents(sections: Sequence[Section]) -> str:
    links = (f'<li><a href="#s{n}">{escaped(s.heading)}</a></li>' for n, s in enumerate(sections, 1))
    return '<nav aria-label="Contents">\n<ul>\n' + "\n".join(links) + "\n</ul>\n</nav>"


def _section(number: int, section: Section) -> str:
    # A wide picture can be scrolled sideways, so the keyboard has to reach it, and then it needs a name.
    name = escaped(section.heading)
    reach = f' tabindex="0" role="region" aria-label="{name}"' if section.wide else ""
    return f"""<section id="s{number}">
<h2>{name}</h2>
<figure{' class="wide"' if section.wide else ""}>
<figcaption>{escaped(section.caption)}</figcaption>
<div class="plate"{reach}>{_image(section)}</div>
</figure>
</section>"""


def _image(section: Section) -> str:
    """The <img> with its bytes inside, its size given so that the page does not jump."""
    data = read_regular(section.picture, MOST, "a PNG, WebP or GIF file")
    try:
        with Image.open(io.BytesIO(data), formats=tuple(KINDS)) as image:
            kind, (width, height) = KINDS[str(image.format)], image.size
    except Exception as error:  # damaged files make Pillow raise almost anything
        raise ValueError(f"picture is {section.picture}, expected a PNG, WebP or GIF file") from error
    zoom = math.ceil(SMALL / width)
    sharp = ' class="pixels"' if zoom > 1 else ""
    source = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    size = f'width="{zoom * width}" height="{zoom * height}"'
    return f'<img{sharp} {size} alt="{escaped(section.alt)}" src="{source}">'
