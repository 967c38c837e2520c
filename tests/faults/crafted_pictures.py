"""Pictures that are programs, bombs, or in formats that nobody asked for; no part of the paper."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Case = tuple[str, Callable[..., None], bool]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CIRCLE = b"\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"  # a directory of EXIF data that names itself
SIDE = 12_000  # pixels: 144 million in a picture
EPS = b"%%!PS-Adobe-3.0 EPSF-3.0\n%%%%BoundingBox: 0 0 %d %d\n%%%%EndComments\n(%%pipe%%touch ran) (w) file\nshowpage\n%%%%EOF\n"


def chunk(name: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def deflated(size: int, unit: bytes = bytes(2**20)) -> bytes:
    """So many zeros, compressed a megabyte at a time."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(unit) for _ in range(size // len(unit))]
    return b"".join([*parts, packer.compress(bytes(size % len(unit))), packer.flush()])


def png(width: int, height: int, data: bytes = b"", depth: int = 8, colour: int = 0, *extra: bytes, interlaced: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return SIGNATURE + chunk(b"IHDR", head) + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def small(*extra: bytes) -> bytes:
    """A sound picture of four pixels with further chunks."""
    return png(2, 2, zlib.compress(b"\0\1\2\0\3\4"), 8, 0, *extra)


def encoded(form: str, size: tuple[int, int] = (8, 6), mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, form, **options)
    return buffer.getvalue()


def patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    return data[:at] + struct.pack(form, *values) + data[at + struct.calcsize(form) :]


def jpeg(width: int, height: int) -> bytes:
    data = encoded("JPEG")
    return patched(data, data.index(b"\xff\xc0") + 5, ">HH", height, width)


def scans(count: int) -> bytes:
    """A progressive JPEG of 4000 x 4000 pixels whose last scan comes so often."""
    data = encoded("JPEG", (4000, 4000), "L", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


def tiff(entries: list[tuple[int, int, int, int]], following: int = 0, data: bytes = b"") -> bytes:
    """A TIFF file of one directory: tag, type, count, value."""
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + struct.pack("<I", following) + data


def grey(width: int, height: int, **changes: tuple[int, int, int]) -> list[tuple[int, int, int, int]]:
    """The entries of a grey picture in one strip."""
    tags = {"bits": (258, 3, 8), "packing": (259, 3, 1), "kind": (262, 3, 1), "strip": (273, 4, 8), "bytes": (279, 4, 4)}
    tags |= {"columns": (256, 4, width), "rows": (257, 4, height), "together": (278, 4, height)} | changes
    return sorted((tag, kind, 1, value) for tag, kind, value in tags.values())


def strips(count: int) -> list[tuple[int, int, int, int]]:
    """The entries of a grey picture in so many strips."""
    return [(tag, kind, count if tag in (273, 279) else 1, value) for tag, kind, _, value in grey(2, 2)]


def fits(line: str) -> bytes:
    lines = "SIMPLE  =                    T", line, "END"
    return "".join(line.ljust(80) for line in lines).ljust(2880).encode()


def gif(width: int, height: int, frames: int = 1) -> bytes:
    image = b",\0\0\0\0" + struct.pack("<HH", width, height) + b"\0\2\2\x44\1\0"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff" + image * frames + b";"


def bmp(width: int, height: int, **changes: int) -> bytes:
    fields = {"bits": 24, "packing": 0, "colours": 0, "offset": 54} | changes
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, fields["bits"], fields["packing"], 0, 0, 0, fields["colours"], 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, fields["offset"]) + head + bytes(64)


def webp(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    data = b"\x2f" + struct.pack("<I", bits) + bytes(16)
    body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif(entries: bytes) -> bytes:
    """A JPEG with such EXIF data."""
    data, about = encoded("JPEG"), b"Exif\0\0II*\0\x08\0\0\0" + entries
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(about) + 2) + about + data[2:]


FILES: dict[str, tuple[Callable[[], bytes], bool]] = {  # what -> its bytes, whether it may be read
    "nothing": (lambda: b"", False),
    "text": (lambda: b"hello", False),
    "EPS": (lambda: EPS % (100, 100), False),
    "EPS of 10^9 points": (lambda: EPS % (10**9, 10**9), False),
    "EPS with a preview": (lambda: b"\xc5\xd0\xd3\xc6" + struct.pack("<7I", 32, 200, *bytes(5)) + EPS % (9, 9), False),
    "WMF": (lambda: b"\xd7\xcd\xc6\x9a" + bytes(40), False),
    "EMF": (lambda: b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(60), False),
    "FITS": (lambda: fits("BITPIX  =                    8"), False),
    "compressed FITS": (lambda: fits("ZCMPTYPE= 'GZIP_1  '"), False),
    "PSD": (lambda: b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30000, 30000, 8, 3) + bytes(64), False),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="../elsewhere/canary.bin"/></svg>', False),
    "PDF": (lambda: b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n", False),
    "MPEG": (lambda: b"\0\0\1\xb3\x10\0\x10" + bytes(64), False),
    "XPM": (lambda: b'/* XPM */\nstatic char *a[] = {\n"100000 100000 1 1",\n"a c #000000",\n', False),
    "XBM": (lambda: b"#define a_width 99999\n#define a_height 99999\nstatic char a_bits[] = {\n0x00 };", False),
    "ICO": (lambda: encoded("ICO", (16, 16), "RGBA"), False),
    "ICNS": (lambda: encoded("ICNS", (16, 16), "RGBA"), False),
    "TGA": (lambda: encoded("TGA"), False),
    "PCX": (lambda: encoded("PCX"), False),
    "SGI": (lambda: encoded("SGI"), False),
    "DDS": (lambda: encoded("DDS"), False),
    "IM": (lambda: encoded("IM"), False),
    "SPIDER": (lambda: encoded("SPIDER", (8, 6), "F"), False),
    "JPEG 2000": (lambda: encoded("JPEG2000", (64, 64)), False),
    "QOI": (lambda: b"qoif" + struct.pack(">IIBB", 30000, 30000, 3, 0) + bytes(16), False),
    "a gradient of GIMP": (lambda: b"GIMP Palette\n" * 10, False),
    "a bomb of PNG": (lambda: png(SIDE, SIDE, deflated(SIDE * (SIDE + 1))), False),
    "a PNG of 10^9 x 10^9 pixels": (lambda: png(10**9, 10**9), False),
    "a PNG of 1 x 10^9 pixels": (lambda: png(1, 10**9, deflated(2**24)), False),
    "a PNG of 2^31 x 1 pixels": (lambda: png(2**31, 1), False),
    "a PNG of no pixels": (lambda: png(0, 0), False),
    "an interlaced bomb": (lambda: png(SIDE, SIDE, deflated(2**24), interlaced=1), False),
    "a PNG of 99 million pixels without data": (lambda: png(9900, 9900, deflated(2**16), 16, 6), False),
    "a PNG with compressed text": (lambda: small(chunk(b"zTXt", b"a\0\0" + deflated(2**28))), True),
    "a PNG with much compressed text": (lambda: small(chunk(b"zTXt", b"a\0\0" + deflated(2**20)) * 200), True),
    "a PNG with a compressed profile": (lambda: small(chunk(b"iCCP", b"a\0\0" + deflated(2**28))), True),
    "a PNG with international text": (lambda: small(chunk(b"iTXt", b"a\0\1\0\0\0" + deflated(2**28))), True),
    "a PNG with a chunk of 4 GB": (lambda: SIGNATURE + struct.pack(">I", 2**32 - 1) + b"IHDR", False),
    "a PNG with 10^5 chunks": (lambda: small(*[chunk(b"tEXt", b"a\0b")] * 10**5), True),
    "an animated PNG of many frames": (lambda: small(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))), True),
    "a palette PNG without a palette": (lambda: png(2, 2, zlib.compress(b"\0\1\2\0\3\4"), 8, 3), True),
    "a PNG with EXIF in a circle": (lambda: small(chunk(b"eXIf", b"II*\0\x08\0\0\0" + CIRCLE)), True),
    "a JPEG of 65,535 x 65,535 pixels": (lambda: jpeg(65535, 65535), False),
    "a JPEG of no rows": (lambda: jpeg(8, 0), False),
    "a progressive JPEG of many scans": (lambda: scans(200), True),
    "EXIF in a circle": (lambda: exif(CIRCLE), True),
    "EXIF of 2^32 values": (lambda: exif(b"\1\0\x12\1\3\0\xff\xff\xff\xff\x08\0\0\0\0\0\0\0"), True),
    "EXIF with an orientation of 99": (lambda: exif(b"\1\0\x12\1\3\0\1\0\0\0\x63\0\0\0\0\0\0\0"), True),
    "EXIF with an orientation as text": (lambda: exif(b"\1\0\x12\1\2\0\4\0\0\0six\0\0\0\0\0"), True),
    "a GIF of 65,535 x 65,535 pixels": (lambda: gif(65535, 65535), False),
    "a GIF of 10^6 frames": (lambda: gif(2, 2, 10**6), True),
    "a GIF without an end": (lambda: gif(2, 2)[:-8] + b"\x21\xff" + b"\xff" * 10**6, False),
    "a BMP of 2^31 pixels": (lambda: bmp(2**15, 2**16), False),
    "a BMP of 2^31 - 1 columns": (lambda: bmp(2**31 - 1, 1), False),
    "a BMP of negative sides": (lambda: bmp(-4, -4), False),
    "a BMP of a huge palette": (lambda: bmp(4, 4, bits=8, colours=2**32 - 1), False),
    "a BMP in runs": (lambda: bmp(9900, 9900, bits=8, packing=1, offset=54), True),
    "a BMP of 7 bits": (lambda: bmp(4, 4, bits=7), False),
    "a BMP that is a JPEG": (lambda: bmp(4, 4, packing=4), False),
    "a BMP that begins beyond its end": (lambda: bmp(4, 4, offset=2**32 - 1), False),
    "a TIFF of 2^32 pixels": (lambda: tiff(grey(65535, 65537)), False),
    "a TIFF of 2^31 rows": (lambda: tiff(grey(1, 2**31)), False),
    "a TIFF in a circle": (lambda: tiff(grey(2, 2), 8), True),
    "a TIFF of 2^32 values": (lambda: tiff([*grey(2, 2), (700, 1, 2**32 - 1, 8)]), True),
    "a TIFF of 2^31 strips": (lambda: tiff(strips(2**31)), False),
    "a TIFF packed by JPEG": (lambda: tiff(grey(9000, 9000, packing=(259, 3, 7))), False),
    "a TIFF packed by deflate": (lambda: tiff(grey(9900, 9900, packing=(259, 3, 8))), False),
    "a TIFF packed by what is unknown": (lambda: tiff(grey(2, 2, packing=(259, 3, 12345))), False),
    "a TIFF of 64 bits a number": (lambda: tiff(grey(2, 2, bits=(258, 3, 64))), False),
    "a TIFF of 16 TB": (lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60), False),
    "a TIFF of floats": (lambda: encoded("TIFF", (4, 4), "F"), False),
    "a TIFF of one strip a row": (lambda: tiff(grey(9900, 9900, together=(278, 4, 1))), False),
    "a WebP of 16,384 x 16,384 pixels": (lambda: webp(16384, 16384), False),
    "a WebP of 2^32 bytes": (lambda: patched(webp(4, 4), 4, "<I", 2**32 - 1), False),
    "a PPM of 10^6 x 10^6 pixels": (lambda: b"P6 1000000 1000000 255\n", False),
    "a PPM of 10^30 columns": (lambda: b"P6 1" + b"0" * 30 + b" 1 255\n", False),
    "a PPM whose numbers have 10^6 digits": (lambda: b"P6 " + b"1" * 10**6 + b" 1 255\n", False),
    "a plain PPM without pixels": (lambda: b"P3 9000 9000 255\n", False),
    "a PPM of a comment": (lambda: b"P6 #" + b"x" * 10**7, False),
    "a PPM of negative sides": (lambda: b"P6 -4 -4 255\n" + bytes(48), False),
    "a PGM of 2^31 grey levels": (lambda: b"P5 2 2 2147483648\n" + bytes(16), False),
    "a PFM": (lambda: b"Pf 2 2 -1.0\n" + np.ones(4, "<f4").tobytes(), False),
    "an AVIF without pictures": (lambda: b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miafMA1B" + bytes(64), False),
    "an AVIF of 2^32 bytes": (lambda: b"\xff\xff\xff\xffftypavif" + bytes(64), False),
}


def cases() -> dict[str, Case]:
    """Name -> kind of file, what spoils it, whether it may be read all the same."""
    return {f"picture: {what}": ("png", _written(make), harmless) for what, (make, harmless) in FILES.items()}


def _written(make: Callable[[], bytes]) -> Callable[[Path, Path], None]:
    def spoil(path: Path, _: Path) -> None:
        path.write_bytes(make())

    return spoil
