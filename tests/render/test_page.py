"""The atlas page: whole in one file, escaped, and readable by machines that read pages aloud."""

import base64
import os
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from npzf.render import Section, animation, save_png, write_page

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Reader(HTMLParser):
    """Collects tags and texts, and checks that what is opened is closed, in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def sections(tmp_path):
    rng = np.random.default_rng(0)
    small = save_png(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8), tmp_path / "small.png")
    large = save_png(rng.integers(0, 256, (50, 700, 3), dtype=np.uint8), tmp_path / "large.png")
    frames = rng.integers(0, 256, (4, 2, 200, 200, 3), dtype=np.uint8)
    animated = animation(frames, [1, 2], tmp_path / "animated.webp")
    return [
        Section("Filters <b>", "The <em>first</em> &amp; best.", small, 'said "seven"'),
        Section("Features", "Strongest.", large, "features", wide=True),
        Section("Evolution", "Moving.", animated, "animated"),
    ]


def read(path):
    return Reader(path.read_text(encoding="utf-8"))


def test_every_picture_is_inside_with_its_size_and_alt_text(tmp_path, sections):
    page = read(write_page(tmp_path / "new" / "page.html", "Atlas", "Hello.", sections))
    images = page.all("img")
    for section, image in zip(sections, images, strict=True):
        kind, data = image["src"].removeprefix("data:").split(";base64,")
        assert kind == f"image/{section.picture.suffix[1:]}"
        assert base64.b64decode(data) == section.picture.read_bytes()
        assert image["alt"] == section.alt
        with Image.open(section.picture) as picture:
            assert int(image["width"]) / int(image["height"]) == picture.width / picture.height
            assert int(image["width"]) >= 320
    assert [image.get("class") for image in images] == ["pixels", None, None]
    assert len(page.all("figure")) == len(page.all("figcaption")) == 3


def test_nothing_comes_from_outside(tmp_path, sections):
    path = write_page(tmp_path / "page.html", "Atlas", "Hello.", sections)
    page = read(path)
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
    text = path.read_text(encoding="utf-8")
    assert "url(" not in text and "@import" not in text and "://" not in text
    targets = {attributes["id"] for attributes in page.all("section")}
    assert {attributes["href"][1:] for attributes in page.all("a")} == targets


def test_the_head_is_what_a_browser_wants(tmp_path, sections):
    path = write_page(tmp_path / "page.html", "Atlas", "Hello.", sections)
    text, page = path.read_text(encoding="utf-8"), read(path)
    assert text.startswith("<!DOCTYPE html>\n") and "prefers-color-scheme: dark" in text
    assert page.all("html")[0]["lang"] == "en"
    metas = page.all("meta")
    assert {"charset": "utf-8"} in metas
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in metas


def test_texts_are_escaped_and_kept(tmp_path, sections):
    title = "<script>alert('ä $title & ${x}')</script>"
    page = read(write_page(tmp_path / "page.html", title, "One <i>.\n\nTwo $sections.", sections))
    assert not page.all("script") and not page.all("b") and not page.all("i") and not page.all("em")
    assert page.texts.count(title) == 2  # the name of the window, the heading
    for text in ("One <i>.", "Two $sections.", "Filters <b>", "The <em>first</em> &amp; best."):
        assert text in page.texts
    assert page.all("img")[0]["alt"] == 'said "seven"'


def test_one_section_needs_no_contents(tmp_path, sections):
    assert not read(write_page(tmp_path / "page.html", "Atlas", "", sections[:1])).all("nav")


def test_what_is_no_picture_is_refused(tmp_path):
    wrong = tmp_path / "wrong.png"
    wrong.write_text("no picture")
    with pytest.raises(ValueError, match=r"picture is .*wrong\.png, expected a PNG, WebP or GIF file"):
        write_page(tmp_path / "page.html", "Atlas", "", [Section("a", "b", wrong, "c")])
    Image.new("RGB", (4, 4)).save(tmp_path / "p.bmp")
    with pytest.raises(ValueError, match=r"picture is .*p\.bmp, expected a PNG"):
        write_page(tmp_path / "page.html", "Atlas", "", [Section("a", "b", tmp_path / "p.bmp", "c")])
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path / "page.html", "Atlas", "", [Section("a", "b", tmp_path / "none.png", "c")])
    assert not (tmp_path / "page.html").exists()


def test_a_failing_write_leaves_the_old_page(tmp_path, sections, monkeypatch):
    path = write_page(tmp_path / "page.html", "Old", "", sections)
    old = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "broken")))
    with pytest.raises(OSError, match="could not write the file"):
        write_page(path, "New", "", sections)
    assert path.read_bytes() == old
