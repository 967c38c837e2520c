"""Every kind of image file decodes to RGB, or is refused in one line."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from npzf.data import DecodeError, decode


def encoded(pixels, form="PNG", **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def colours(height=5, width=7):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_rgb_is_exact(form):
    pixels = decode(encoded(colours(), form))
    assert pixels.dtype == np.uint8 and pixels.flags.writeable
    np.testing.assert_array_equal(pixels, colours())


@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_path(tmp_path, as_path):
    (tmp_path / "a.png").write_bytes(encoded(colours()))
    np.testing.assert_array_equal(decode(as_path(tmp_path / "a.png")), colours())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_one_pixel(form):
    assert decode(encoded(np.full((1, 1, 3), 255, np.uint8), form)).tolist() == [[[255, 255, 255]]]


def test_grey_and_one_bit():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3) * 50
    np.testing.assert_array_equal(decode(encoded(grey)), np.stack([grey] * 3, axis=2))
    bits = np.array([[True, False, True]])
    np.testing.assert_array_equal(decode(encoded(bits))[:, :, 1], [[255, 0, 255]])


def palette():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    return image


def test_palette():
    assert decode(encoded(palette())).tolist() == [[[10, 20, 30], [200, 100, 50]]]


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_transparent_palette_is_laid_on_white(form):
    assert decode(encoded(palette(), form, transparency=1)).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_alpha_is_laid_on_white():
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 51]]], np.uint8)
    assert decode(encoded(rgba)).tolist() == [[[10, 20, 30], [255, 255, 255], [204, 204, 204]]]
    la = np.array([[[7, 255], [7, 0]]], np.uint8)
    assert decode(encoded(la))[0, :, 0].tolist() == [7, 255]


def test_transparent_colour_of_rgb_is_laid_on_white():
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert decode(encoded(pixels, transparency=(1, 2, 3))).tolist() == [[[255, 255, 255], [4, 5, 6]]]


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk(form):
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # magenta and yellow ink: red
    red = decode(encoded(cmyk, form)).astype(int)
    assert np.abs(red - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_divided_by_257(form):
    levels = np.array([[0, 128, 129, 257, 300 * 100, 65535 - 128, 65535]], np.uint16)
    expected = [[0, 0, 1, 1, 117, 255, 255]]
    np.testing.assert_array_equal(decode(encoded(levels, form))[:, :, 2], expected)


def test_16_bit_big_endian_tiff():
    levels = np.array([[0, 257 * 9, 65535]], ">u2")
    np.testing.assert_array_equal(decode(encoded(levels, "TIFF"))[:, :, 0], [[0, 9, 255]])


def test_16_bit_rgb_png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + struct.pack(">6H", 0, 257 * 7, 65535, 257 * 200, 257, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    png += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    assert decode(png).tolist() == [[[0, 7, 255], [200, 1, 0]]]


@pytest.mark.parametrize(
    "orientation, upright",
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_exif_orientation(orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode(encoded(colours(), exif=exif)), upright(colours()))


def refused(source, name, *words):
    with pytest.raises(DecodeError) as caught:
        decode(source, name)
    message = str(caught.value)
    assert message.startswith(f"{name}: ") and "\n" not in message and "BytesIO" not in message
    for word in words:
        assert word in message


def test_damaged_files_are_refused_in_one_line():
    jpeg, png = encoded(colours(40, 40), "JPEG"), encoded(colours(40, 40))
    refused(jpeg[: len(jpeg) // 2], "half.jpg", "truncated")
    refused(jpeg[:-2], "nearly.jpg", "truncated")
    refused(png[: len(png) // 2], "half.png")
    refused(b"", "empty.jpg", "empty")
    refused(b"these are words\n" * 20, "words.jpg", "not an image")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of cut TIFF tags
@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_cut_file_never_gives_other_pixels(form):
    whole = encoded(colours(), form)
    expected, refusals = decode(whole), 0
    for length in range(len(whole)):
        try:
            pixels = decode(whole[:length], "cut")
        except DecodeError as error:
            assert str(error).startswith("cut: ") and "\n" not in str(error)
            refusals += 1
        else:  # only what ends the file was lost
            np.testing.assert_array_equal(pixels, expected)
    assert refusals > len(whole) // 2


def test_pixels_without_a_range_are_refused():
    refused(encoded(np.ones((2, 2), np.float32), "TIFF"), "float.tif", "floating-point")
    refused(encoded(np.array([[-1, 5]], np.int32), "TIFF"), "int.tif", "-1", "65535")
    refused(encoded(np.array([[0, 65536]], np.int32), "TIFF"), "big.tif", "65536")


def test_decompression_bomb_is_refused():
    bomb = encoded(Image.new("1", (20_000, 10_000)))
    assert len(bomb) < 100_000
    refused(bomb, "bomb.png", "200000000 pixels", "--pixel-limit")


def test_missing_file_names_its_path(tmp_path):
    with pytest.raises(DecodeError, match=r"gone\.jpg: No such file"):
        decode(tmp_path / "gone.jpg")


@pytest.mark.parametrize(("least", "size"), [(1, (50, 75)), (50, (50, 75)), (51, (100, 150)), (101, (200, 300))])
def test_a_jpeg_is_reduced_as_far_as_both_sides_keep_so_many_pixels(least, size):
    """By 2, 4 or 8, from 400 x 600."""
    smooth = np.broadcast_to(np.arange(0, 400, 2)[:, None, None] // 2, (200, 300, 3)).astype(np.uint8)
    large = Image.fromarray(smooth).resize((600, 400))
    got = decode(encoded(large, "JPEG", quality=95), reduced=least)
    assert got.shape == (*size, 3)
    small = np.asarray(large.resize(size[::-1], Image.Resampling.BOX), int)
    assert np.abs(got - small).max() <= 3


def test_other_formats_and_small_images_are_not_reduced():
    np.testing.assert_array_equal(decode(encoded(colours()), reduced=1), colours())
    assert decode(encoded(colours(), "JPEG"), reduced=6).shape == colours().shape


def test_a_reduced_jpeg_is_turned_as_exif_says_and_refused_if_cut_short():
    exif = Image.Exif()
    exif[0x0112] = 6
    file = encoded(np.zeros((80, 160, 3), np.uint8), "JPEG", exif=exif)
    assert decode(file, reduced=40).shape == (80, 40, 3)
    with pytest.raises(DecodeError, match=r"a\.jpg: "):
        decode(file[: len(file) // 2], "a.jpg", reduced=40)
