"""Pictures from strangers: only the formats of the list, only regular files, only as much memory as the limit allows."""

import io
import os
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from npzf.data import ClassFolders, DecodeError, ImageFolder, SquareImages, decode, pixel_limit, set_pixel_limit
from npzf.data.picture_headers import EXIF

ROOT = Path(__file__).resolve().parents[2]
fifos = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")


def encoded(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.fixture
def limit():
    """Sets the pixel limit for one test."""
    before = pixel_limit()
    yield set_pixel_limit
    set_pixel_limit(before)


def refused(source, *words, **options):
    with pytest.raises(DecodeError) as caught:
        decode(source, "a.jpg", **options)
    message = str(caught.value)
    assert message.startswith("a.jpg: ") and len(message.splitlines()) == 1
    for word in words:
        assert word in message


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize("form", ["ICO", "TGA", "PCX", "IM", "SGI", "DIB", "DDS", "ICNS", "JPEG2000", "MSP", "SPIDER", "XBM"])
def test_no_format_beside_the_list_is_opened(form, tmp_path):
    image = Image.new({"MSP": "1", "XBM": "1", "SPIDER": "F"}.get(form, "RGB"), (32, 32))
    try:
        data = encoded(image, form)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow does not write {form}")
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DecodeError, match=r"a\.png: not an image in a known format, expected one of JPEG, PNG"):
        decode(tmp_path / "a.png")


def test_no_program_is_started_for_an_eps(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(EPS)
    gs = tmp_path / "gs"
    gs.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    gs.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(DecodeError, match="not an image in a known format"):
        decode(tmp_path / "a.png")
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("form", ["MPO", "AVIF"])
def test_mpo_and_avif_are_decoded(form):
    if form == "AVIF" and not (hasattr(features, "check") and "avif" in features.modules and features.check("avif")):
        pytest.skip("this Pillow has no AVIF")
    image = Image.new("RGB", (16, 8), (200, 100, 50))
    options = {"save_all": True, "append_images": [Image.new("RGB", (16, 8), "white")]} if form == "MPO" else {}
    pixels = decode(encoded(image, form, quality=95, **options))
    assert pixels.shape == (8, 16, 3)
    assert np.abs(pixels.astype(int) - [200, 100, 50]).max() <= 6


@fifos
def test_a_fifo_is_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(DecodeError, match=r"x\.jpg: is a FIFO, expected an image"):
        decode(tmp_path / "x.jpg")


def test_a_device_a_folder_and_a_dangling_link_are_named(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.symlink("/dev/zero", tmp_path / "zero.jpg")
    os.symlink("nowhere", tmp_path / "gone.jpg")
    os.symlink("loop.jpg", tmp_path / "loop.jpg")
    for name, words in [("folder", "a folder"), ("zero", "a device"), ("gone", "No such file"), ("loop", "")]:
        with pytest.raises(DecodeError, match=rf"{name}\.jpg: .*{words}"):
            decode(tmp_path / f"{name}.jpg")


@fifos
@pytest.mark.parametrize("of_classes", [False, True])
def test_in_folders_they_are_left_out_and_counted(tmp_path, of_classes):
    inside = tmp_path / "class" if of_classes else tmp_path
    inside.mkdir(exist_ok=True)
    (inside / "a.png").write_bytes(encoded(Image.new("RGB", (8, 8))))
    os.mkfifo(inside / "b.jpg")
    os.symlink("/dev/zero", inside / "c.jpg")
    os.symlink("nowhere", inside / "d.jpg")
    images = (ClassFolders if of_classes else ImageFolder)(tmp_path)
    assert [Path(images.name(i)).name for i in range(len(images))] == ["a.png", "b.jpg", "c.jpg", "d.jpg"]
    for i in range(1, 4):
        with pytest.raises(DecodeError, match=r"[bcd]\.jpg: "):
            images.image(i)
    squares = SquareImages(images, 8)
    with pytest.raises(ValueError, match=r"3 of 4 images cannot be decoded, .*b\.jpg: is a FIFO"):
        squares.take(range(4))
    assert len(squares.failures) == 3


def test_a_name_of_bytes_that_are_no_utf8_works(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        with open(path, "wb") as file:
            file.write(encoded(Image.new("RGB", (3, 2))))
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    images = ImageFolder(tmp_path)
    assert images.image(0).shape == (2, 3, 3)
    with open(path, "wb") as file:
        file.write(b"words")
    with pytest.raises(DecodeError) as caught:
        images.image(0)
    assert os.fsencode(str(caught.value)).startswith(path)


def test_the_limit_is_of_pixels_as_decoded(limit):
    limit(100 * 100)
    assert decode(encoded(Image.new("RGB", (100, 100)), "JPEG")).shape == (100, 100, 3)
    large = encoded(Image.new("RGB", (800, 800)), "JPEG")
    refused(large, "640000 pixels (800 x 800 in JPEG)", "at most 10,000")
    assert decode(large, reduced=100).shape == (100, 100, 3)
    refused(encoded(Image.new("RGB", (101, 100))), "10100 pixels", reduced=1)


@pytest.mark.parametrize("pixels", [0, -1, 1.5, "9", True, None])
def test_nonsense_is_no_limit(pixels):
    with pytest.raises(ValueError, match="pixel limit is"):
        set_pixel_limit(pixels)


def test_a_jpeg_larger_than_pillows_limit_is_reduced():
    """400 megapixels: Image.open refuses them before it can be told to reduce them."""
    data = bytearray(encoded(Image.new("L", (20_000, 8), 200), "JPEG"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 2] = struct.pack(">H", 20_000)  # libjpeg makes up the rows that are missing
    pixels = decode(bytes(data), reduced=2500)
    assert pixels.shape == (2500, 2500, 3)
    assert abs(int(pixels[0, 0, 0]) - 200) < 3
    refused(bytes(data), "400000000 pixels")


def test_the_file_may_have_four_bytes_a_pixel(limit):
    limit(100)
    refused(encoded(Image.new("RGB", (4, 4))) + bytes(2**20 + 400), "bytes, expected at most 4 for each of 100 pixels")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def directory(entries, order="<"):
    """A TIFF header with one directory: (tag, type, count, value)."""
    table = b"".join(struct.pack(f"{order}HHLL", *entry) for entry in entries)
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}LH", 8, len(entries)) + table + bytes(4)


@pytest.mark.filterwarnings("ignore:Tag data larger")  # Pillow, when it writes them
def test_exif_that_names_the_same_bytes_many_times_is_refused():
    """60,000 entries of a megabyte each would be 60 GB."""
    exif = directory([(tag, 7, 10**6, 8) for tag in range(1, 60_000)]) + bytes(10**6)
    png = encoded(Image.new("RGB", (2, 2)))
    assert decode(png[:33] + chunk(b"eXIf", directory([(0x112, 3, 1, 3)])) + png[33:]).shape == (2, 2, 3)
    refused(png[:33] + chunk(b"eXIf", exif) + png[33:], "its directory says")
    jpeg, parts = encoded(Image.new("RGB", (2, 2)), "JPEG"), [exif[i : i + 65000] for i in range(0, len(exif), 65000)]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 8) + EXIF + part for part in parts)
    refused(jpeg[:2] + segments + jpeg[2:], "its directory says")
    refused(encoded(Image.new("RGB", (2, 2)), "WEBP", exif=exif), "its directory says")
    if "AVIF" in Image.OPEN and features.check("avif"):
        assert decode(encoded(Image.new("RGB", (4, 2)), "AVIF", exif=directory([(0x112, 3, 1, 6)]))).shape == (4, 2, 3)
        hundred = directory([(tag, 7, 10**6, 8) for tag in range(1, 101)]) + bytes(10**6)
        refused(encoded(Image.new("RGB", (2, 2)), "AVIF", exif=hundred), "its directory says")
    refused(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 62) + EXIF * 10 + jpeg[2:], "over and over")


def test_tiff_whose_directory_or_tiles_lie_are_refused():
    refused(directory([(tag, 7, 10**9, 8) for tag in range(1, 1000)]) + bytes(10**6), "its directory says")
    entries = [(256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    entries += [(322, 4, 1, 2**16), (323, 4, 1, 2**14), (324, 4, 1, 8), (325, 4, 1, 100)]
    refused(directory(entries), "1073741824 pixels (a tile of TIFF)")
    refused(directory(entries[:2] + [(273, 4, 2**30, 8)] * 100) + bytes(10**6), "its directory says")


def test_progressive_jpegs_are_bounded_by_their_full_size_and_number_of_scans(limit):
    data = encoded(Image.new("RGB", (800, 800)), "JPEG", progressive=True)
    assert decode(data, reduced=100).shape == (100, 100, 3)
    limit(10_000)
    refused(data, "to decode its scans takes", reduced=100)
    limit(10**8)
    first = data.index(b"\xff\xda")
    scan = data[first : data.index(b"\xff", first + 14)]
    refused(data[:first] + 200 * scan + data[first:], "more than 100 scans")
    assert decode(encoded(Image.new("RGB", (80, 80)), "JPEG", progressive=True)).shape == (80, 80, 3)


def test_a_webp_that_says_a_large_canvas_is_refused_before_one_is_made(limit):
    data = bytearray(encoded(Image.new("RGBA", (4, 4), (1, 2, 3, 4)), "WEBP", lossless=True, exif=directory([(0x112, 3, 1, 1)])))
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xff\x3f\0\xff\x3f\0"
    refused(bytes(data), "268435456 pixels (16384 x 16384 in WEBP)")
    limit(100)
    assert decode(encoded(Image.new("RGB", (7, 7)), "WEBP")).shape == (7, 7, 3)
    for lossless in (False, True):
        refused(encoded(Image.new("RGB", (7, 8)), "WEBP", lossless=lossless), "56 pixels (7 x 8 in WEBP), expected at most 50")


def test_a_gif_whose_frame_is_larger_than_its_screen_is_measured_by_the_frame(limit):
    data = bytearray(encoded(Image.new("P", (90, 90)), "GIF"))
    data[6:10] = struct.pack("<HH", 1, 1)
    limit(1000)
    refused(bytes(data), "8100 pixels")


def test_one_bit_of_a_png_is_never_believed():
    """Pillow itself takes a third of these for pictures: the pixels end before zlib's checksum, and the chunk's is not read."""
    whole = encoded(Image.new("RGB", (200, 200), (9, 9, 9)))
    expected, refusals = decode(whole), 0
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 0x10
        try:
            np.testing.assert_array_equal(decode(bytes(data)), expected)
        except DecodeError:
            refusals += 1
    assert refusals > 0.9 * len(whole)


def test_megabytes_of_comments_in_a_gif_are_not_added_up():
    data = encoded(Image.new("P", (3, 2)), "GIF")
    place = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    comment = b"\x21\xfe" + (b"\xff" + bytes(255)) * 10_000 + b"\0"
    assert decode(data[:place] + comment[:2] + b"\5words\0" + data[place:]).shape == (2, 3, 3)
    refused(data[:place] + comment + data[place:], "bytes of comments")


def test_remarks_in_a_ppm_of_text_are_not_cut_out_one_by_one():
    assert decode(b"P3\n# one\n2 1\n# two\n255\n1 2 3 # three\n4 5 6\n").tolist() == [[[1, 2, 3], [4, 5, 6]]]
    refused(b"P3\n2 1\n255\n" + b"#\n" * 10**6 + b"1 2 3 4 5 6\n", "remarks")


def test_places_of_millions_of_strips_are_not_read():
    places = directory([(256, 4, 1, 1), (257, 4, 1, 1), (273, 4, 2**21, 8), (279, 4, 2**21, 8)]) + bytes(2**23)
    refused(places, "its directory says")


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch):
    module = sys.modules["npzf.data.decode"]  # npzf.data.decode is the function
    monkeypatch.setattr(module, "LARGE", 100)
    running, most, read = [], [], module._rgb

    def rgb(*arguments):
        running.append(1)
        most.append(len(running))
        pixels = read(*arguments)
        running.pop()
        return pixels

    monkeypatch.setattr(module, "_rgb", rgb)
    data = encoded(Image.new("RGB", (400, 300)))
    with ThreadPoolExecutor(4) as pool:
        assert all(pixels.shape == (300, 400, 3) for pixels in pool.map(decode, [data] * 40))
    assert max(most) == 1


PEAK = """
import sys
from npzf.data import decode

def peak():  # ru_maxrss would count the parent's memory before exec
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

before = peak()
pixels = decode(sys.argv[1])
print((peak() - before) * 1024 / (pixels.size / 3))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is what Linux says in /proc")
@pytest.mark.parametrize(
    ("form", "mode", "most"),
    [("JPEG", "RGB", 12), ("PNG", "RGB", 12), ("PNG", "RGBA", 13), ("PNG", "I;16", 9), ("WEBP", "RGB", 20)],
)
def test_no_second_copy_is_made(tmp_path, form, mode, most):
    """Peak memory of 16 megapixels, in bytes a pixel: Pillow's picture has 4, the result 3, two strips 2 to 4."""
    Image.new(mode, (4000, 4000)).save(tmp_path / "a", form)
    command = [sys.executable, "-c", PEAK, str(tmp_path / "a")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < most
