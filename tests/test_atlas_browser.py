"""The atlas in a browser, opened from disk: every way to a map, nothing in the console, no page wider than the window."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_scripts import noise, refuses, works

import npzf
from npzf import layers

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
BROWSER = shutil.which("chromium")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
NAMES = ("ant", "<b>bee</b>")
LAYERS = ["conv1", "conv2", "conv3", "fc8"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An atlas of an untrained net, of which map 3 of conv1 is dead, and images whose names look like markup."""
    root = tmp_path_factory.mktemp("atlas")
    net = npzf.small_zfnet(2, 64)
    net.classes = NAMES
    net.parameters["conv1/weight"][3] = 0
    net.save(root / "net.h5")
    for label, name in enumerate(("ant", "bee")):
        (root / "images" / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(noise(5 * label + i, (70, 90))).save(root / "images" / name / f"<i>{i}&.png")
    printed = works("atlas", root / "net.h5", root / "images", "--layers", *LAYERS, "--out", root / "site", "--count", 4)
    assert str(root / "site" / "index.html") in printed
    return root / "site"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(site, browser):
    """open_page(address, ...) -> page; at the end the console must be empty and no network asked.

    A request that the browser gives up because the test leaves the page has not failed.
    """
    said, asked, contexts = [], [], []

    def open_page(address="", folder=site, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("requestfailed", lambda request: request.failure != "net::ERR_ABORTED" and said.append(request.url))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / "index.html").as_uri() + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not said
    assert all(url.startswith(("file:", "data:")) for url in asked)


def heading(page):
    return page.locator("main h2").inner_text()


def at(page, address):
    """The page, once it shows what the address says: the address changes first, the view a little later."""
    layer, _, number = address.removeprefix("#").partition("/")
    name = layer and (f"{layer} map {number} · " if number else f"{layer} · ")
    shown = "([address, title]) => location.hash === address && document.title === title"
    page.wait_for_function(shown, arg=[address, f"{name}Atlas of net.h5"])
    return page


def test_the_net_its_layers_and_a_wall(open_page):
    page = open_page()
    assert page.title() == "Atlas of net.h5"
    assert page.locator("nav a").all_inner_texts() == LAYERS == page.locator("main h3").all_inner_texts()
    assert page.locator("tbody tr").count() == len(npzf.small_zfnet(2, 64).layers)
    page.click("nav a:text('conv2')")
    assert heading(at(page, "#conv2")) == "conv2"
    assert page.locator(".wall a").count() == 64 and page.locator("nav a[aria-current]").inner_text() == "conv2"
    assert page.title() == "conv2 · Atlas of net.h5"


def test_a_map_opens_by_click_and_shows_everything(open_page):
    page = open_page("#conv2")
    page.click(".wall a:text-is('17')")
    assert heading(at(page, "#conv2/17")) == "conv2 map 17"
    assert page.locator(".block").count() == 2 and page.locator("[role=img][data-k]").count() == 8
    assert all(re.match(r"(projection|patch) [1-4]: activation [\d.]+, image <i>\d&\.png", text) for text in labels(page))
    assert page.locator(".panels h3").all_inner_texts() == ["How strongly", "For which classes", "Where in the image"]
    rows = page.locator("tbody tr").all_inner_texts()
    assert len(rows) == 4 and all("<i>" in row and "%" in row for row in rows)
    assert not page.locator("main b, main td i").count()
    page.hover(".block .sprite >> nth=2")
    assert page.locator(".at").count() == 3


def labels(page):
    return [tile.get_attribute("aria-label") for tile in page.locator("[role=img][data-k]").all()]


def test_a_map_opens_by_keyboard_and_escape_returns(open_page):
    page = open_page("#conv1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert heading(at(page, "#conv1/1")) == "conv1 map 1"
    page.keyboard.press("ArrowRight")
    at(page, "#conv1/2")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # there is none before map 0
    assert heading(at(page, "#conv1/0")) == "conv1 map 0"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    assert heading(at(page, "#conv1")) == "conv1"
    assert page.evaluate("document.activeElement.textContent") == "1"
    page.keyboard.press("Escape")
    at(page, "")
    assert page.locator("main h3").count() == len(LAYERS)


def test_up_and_down_walk_the_wall(open_page):
    page = open_page("#conv3", viewport={"width": 1000, "height": 800})
    columns = page.evaluate("getComputedStyle(document.querySelector('.wall')).gridTemplateColumns.split(' ').length")
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent") == "1"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == str(columns + 1)


def test_back_returns_to_the_wall(open_page):
    page = open_page("#conv2")
    page.click(".wall a:text-is('40')")
    at(page, "#conv2/40")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    at(page, "#conv2/43")
    page.go_back()
    assert heading(at(page, "#conv2")) == "conv2"


def test_a_map_opens_by_deep_link(open_page):
    page = open_page("#conv3/95")
    assert heading(page) == "conv3 map 95"
    assert page.locator(".heading a").all_inner_texts() == ["conv3", "← 94"]
    page.click("text=← 94")
    assert heading(at(page, "#conv3/94")) == "conv3 map 94"
    assert heading(open_page("#fc8/1")) == "fc8 map 1"


@pytest.mark.parametrize("address", ["#conv3/96", "#conv9", "#conv3/x", "#%", "#conv3/17/"])
def test_an_address_that_does_not_exist_shows_the_net_and_says_so(open_page, address):
    page = open_page(address)
    assert "There is no" in page.locator("output").inner_text() and page.locator("main h3").count() == len(LAYERS)


def test_search(open_page):
    page = open_page()
    for query, address in [("conv3 17", "#conv3/17"), ("CONV2/5", "#conv2/5"), ("6", "#conv2/6"), ("fc", "#fc8")]:
        page.keyboard.press("/")
        page.keyboard.type(query)
        page.keyboard.press("Enter")
        at(page, address)
        assert page.input_value("#search") == "" and page.locator("output").inner_text() == ""
    page.keyboard.press("/")
    page.keyboard.type("conv3 96/")
    page.keyboard.press("Enter")
    assert "There is no such map" in page.locator("output").inner_text()
    page.keyboard.press("Escape")
    assert page.url.endswith("#fc8") and page.evaluate("document.activeElement.id") != "search"


def test_dead_maps_say_so(open_page):
    page = open_page("#conv1")
    assert re.search(r"Never active here: \d+\.", page.locator("main").inner_text())
    assert page.locator(".wall a >> nth=3").get_attribute("aria-label") == "conv1, map 3, never active"
    page.click(".wall a >> nth=3")
    at(page, "#conv1/3")
    assert "in none of the 10 images is it above zero" in page.locator("main").inner_text()


def test_sheets_are_loaded_when_they_are_seen(open_page, site):
    page = open_page("#conv3", viewport={"width": 390, "height": 300})
    loaded = "[...document.querySelectorAll('.wall .sprite')].filter(s => s.style.backgroundImage).length"
    page.wait_for_function(f"{loaded} > 0")
    assert page.evaluate(loaded) < 96
    page.keyboard.press("End")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function("document.querySelector('.wall a:last-child .sprite').style.backgroundImage")
    assert len(list((site / "sheets").iterdir())) == 3 * (2 + 4 + 6 + 1)


def test_a_tile_on_the_screen_is_the_tile_on_the_sheet(open_page, site):
    page = open_page("#conv1/18", viewport={"width": 1280, "height": 900})
    tile = page.locator(".block >> nth=1").locator(".sprite >> nth=2")
    page.wait_for_function("document.querySelectorAll('.block')[1].children[2].style.backgroundImage")
    page.evaluate("""() => {
        const image = new Image();
        image.src = document.querySelectorAll('.block')[1].children[2].dataset.sheet;
        return image.decode();
    }""")
    tile.screenshot(path=site.parent / "tile.png")
    seen = Image.open(site.parent / "tile.png").convert("RGB").resize((7, 7), Image.Resampling.BOX)
    sheet = Image.open(site / "sheets" / "01-conv1-0016-patches.webp")
    side = sheet.width / 4
    expected = sheet.crop((round(2 * side) + 2, round(2 * side) + 2, round(3 * side) - 2, round(3 * side) - 2)).resize((7, 7), 4)
    assert np.abs(np.asarray(seen, float) - np.asarray(expected, float)).mean() < 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_view_is_wider_than_the_window(open_page, scheme, width):
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for address in ("", "#conv3", "#conv3/17", "#conv1/3", "#fc8/0"):
        page.evaluate("address => { location.hash = address; }", address)
        at(page, address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 24, 26)"
    assert dark == (scheme == "dark")


def test_a_folder_without_classes_is_sorted_by_what_the_net_says(site, tmp_path, open_page):
    flat = Path(shutil.copytree(site.parent / "images" / "ant", tmp_path / "flat"))
    works("atlas", site.parent / "net.h5", flat, "--layers", "conv5", "--out", tmp_path / "site")
    assert heading(open_page("#conv5/0", tmp_path / "site")) == "conv5 map 0"


def test_what_cannot_be_shown_is_refused(site, tmp_path):
    net, images = site.parent / "net.h5", site.parent / "images"
    refuses("layer is 'conv9'", "atlas", net, images, "--layers", "conv9", "--out", tmp_path)
    refuses("no images", "atlas", net, tmp_path, "--out", tmp_path)
    refuses("--resize is 50, expected at least the crop of 64", "atlas", net, images, "--resize", 50, "--out", tmp_path)
    refuses("expected a folder to write to", "atlas", net, images, "--layers", "fc8", "--out", net)


@pytest.fixture(scope="module")
def foreign_site(tmp_path_factory):
    """An atlas of a net whose layers are called as PyTorch and ONNX call them."""
    root = tmp_path_factory.mktemp("foreign")
    names = ["0", "blocks/0", "max pool:0", "blocks/0/Conv 100%"]
    rows = [(name, layers.Conv(4, 3)) for name in names]
    npzf.Network((16, 16, 3), rows).save(root / "net.h5")
    (root / "images").mkdir()
    for i in range(3):
        Image.fromarray(noise(i, (20, 30))).save(root / "images" / f"{i}.png")
    works("atlas", root / "net.h5", root / "images", "--layers", *names, "--out", root / "site")
    return root / "site"


def test_names_from_elsewhere_are_found_and_have_addresses(foreign_site, open_page):
    page = open_page(folder=foreign_site)
    searched = {
        "0": "0",
        "0 3": "0 map 3",
        "2": "0 map 2",
        "blocks/0": "blocks/0",
        "blocks 0 1": "blocks/0 map 1",
        "max pool:0 3": "max pool:0 map 3",
        "conv 100%": "blocks/0/Conv 100%",
        "blocks/0/conv 100%/2": "blocks/0/Conv 100% map 2",
    }
    for query, title in searched.items():
        page.keyboard.press("/")
        page.keyboard.type(query)
        page.keyboard.press("Enter")
        page.wait_for_function("(title) => document.title === title", arg=f"{title} · Atlas of net.h5", timeout=5000)
        assert page.locator("output").inner_text() == ""
        page.reload()  # the address leads to the same place
        assert page.title() == f"{title} · Atlas of net.h5"
