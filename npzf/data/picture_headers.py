"""What the first bytes of a picture promise, so that its decoder is not asked for more than memory; no part of the paper.

Pillow's plugins read the directories of TIFF and EXIF whole, and libjpeg keeps the coefficients of all scans of a progressive
JPEG at full size, before anyone can ask how large the picture is. A handful of bytes says it earlier.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import BinaryIO

EXIF = b"Exif\0\0"
MOST_EXIF = 2**21  # bytes
MOST_BEFORE = 2**25  # bytes of a JPEG before its first scan: Pillow keeps them all
MOST_SCANS = 100  # of a progressive JPEG: cameras and programs write about ten
MOST_COMMENTS = 2**21  # bytes
PIECE = 2**20  # bytes that are read at once
MOST_ENTRIES = 2**16
MOST_NUMBERS = 2**22  # bytes of a directory's numbers, which become Python's: the places of a million strips or tiles
MOST_REMARKS = 1000  # in a PPM whose numbers are text
SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}  # of a TIFF's types
TEXTS = (1, 2, 6, 7)  # types that stay bytes
TILE_SIDES = (322, 323)  # width and length of a tile


def jpeg_memory(file: BinaryIO) -> int:
    """Bytes that libjpeg keeps of a JPEG beside its pixels: the coefficients of all scans, 0 where one scan says all.

    ValueError for EXIF that repeats itself, or for more scans than anyone writes: each passes over the whole picture.
    """
    frame: tuple[int, int, bool] | None = None
    exif = bytearray()
    for marker, content in _segments(file):
        if marker == 0xE1 and content.startswith(EXIF):
            exif += content[len(EXIF) if exif else 0 :]
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(content) >= 6:
            frame = max(frame or (0, 0, False), _frame(marker, content))
        elif marker == 0xDA and frame is not None and content:
            check_exif(bytes(exif))
            coefficients, components, progressive = frame
            if not progressive and content[0] >= components:
                return 0
            if _scans(file) > MOST_SCANS:
                raise ValueError(f"it has more than {MOST_SCANS} scans, expected a JPEG of a few")
            return coefficients
    return 0


def _segments(file: BinaryIO) -> list[tuple[int, bytes]]:
    """(marker, content) of a JPEG up to the header of its first scan."""
    found: list[tuple[int, bytes]] = []
    file.seek(2)
    while True:
        byte = file.read(1)
        while byte and byte != b"\xff":  # Pillow skips what is not a marker
            byte = file.read(1)
        while byte == b"\xff":
            byte = file.read(1)
        if not byte:
            return found
        marker = byte[0]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD9:  # without content
            continue
        length = int.from_bytes(file.read(2), "big")
        content = file.read(max(length - 2, 0))
        if marker in (0xDA, 0xE1) or 0xC0 <= marker <= 0xCF:
            found.append((marker, content))
        if marker == 0xDA:
            return found
        if file.tell() > MOST_BEFORE:
            raise ValueError(f"it has {file.tell():,} bytes before its first scan, expected at most {MOST_BEFORE:,}")


def _frame(marker: int, content: bytes) -> tuple[int, int, bool]:
    """Bytes of all coefficients, number of components, whether it is progressive."""
    height, width, components = struct.unpack_from(">HHB", content, 1)
    factors = [(byte >> 4, byte & 15) for byte in content[7 : 6 + 3 * components : 3]]
    across, down = (max((factor[axis] for factor in factors), default=1) or 1 for axis in (0, 1))
    blocks = sum(-(-width * h // (8 * across)) * -(-height * v // (8 * down)) for h, v in factors)
    return 128 * blocks, components, marker in (0xC2, 0xC6, 0xCA, 0xCE)


def _scans(file: BinaryIO) -> int:
    """One, and how many begin in the rest of the file before the picture ends, at most MOST_SCANS + 1."""
    count, last = 1, b""
    while count <= MOST_SCANS and (part := file.read(2**20)):
        part = last + part
        end = part.find(b"\xff\xd9")
        count += part.count(b"\xff\xda", 0, None if end < 0 else end)
        if end >= 0:
            break
        last = part[-1:] if part.endswith(b"\xff") else b""
    return count


def webp_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height of a WebP's canvas, in pixels; (0, 0) if its header is none."""
    file.seek(12)
    head = file.read(18)
    if len(head) < 18:
        return 0, 0
    if head[:4] == b"VP8X":
        return int.from_bytes(head[12:15], "little") + 1, int.from_bytes(head[15:18], "little") + 1
    if head[:4] == b"VP8L":
        bits = int.from_bytes(head[9:13], "little")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return int.from_bytes(head[14:16], "little") & 0x3FFF, int.from_bytes(head[16:18], "little") & 0x3FFF


def check_png(file: BinaryIO) -> None:
    """ValueError if a PNG's chunks that pixels depend on are not as their checksums say; Pillow looks at few of them."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind[:1].islower() and kind not in (b"tRNS", b"eXIf"):
            file.seek(length + 4, io.SEEK_CUR)
            continue
        found = zlib.crc32(kind)
        while length and (part := file.read(min(length, PIECE))):
            found, length = zlib.crc32(part, found), length - len(part)
        if len(stored := file.read(4)) == 4 and int.from_bytes(stored, "big") != found:
            raise ValueError(f"its chunk {kind.decode('latin-1')!r} is damaged: its checksum is another one")
        if kind == b"IEND":
            return


def check_gif(file: BinaryIO) -> None:
    """ValueError for more comments in a GIF than MOST_COMMENTS before its first picture: Pillow adds them up block by block."""
    file.seek(10)
    flags = (file.read(3) or b"\0")[0]
    file.seek(13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0))
    start = file.tell()
    while file.read(1) == b"\x21":
        file.read(1)
        while size := int.from_bytes(file.read(1), "big"):
            file.seek(size, io.SEEK_CUR)
            if file.tell() - start > MOST_COMMENTS:
                raise ValueError(f"it has more than {MOST_COMMENTS:,} bytes of comments, expected a picture")


def check_ppm(file: BinaryIO) -> None:
    """ValueError for more remarks in a PPM of text than MOST_REMARKS: Pillow copies a megabyte for each of them."""
    file.seek(0)
    if file.read(2) not in (b"P1", b"P2", b"P3"):
        return
    count = 0
    while count <= MOST_REMARKS and (part := file.read(PIECE)):
        count += part.count(b"#")
    if count > MOST_REMARKS:
        raise ValueError(f"it has more than {MOST_REMARKS:,} remarks, expected a picture")


def check_exif(data: bytes) -> None:
    """ValueError for EXIF whose directory takes far more memory than it has bytes; what is no EXIF passes."""
    if data.startswith(2 * EXIF) or len(data) > MOST_EXIF:
        raise ValueError(f"its EXIF has {len(data):,} bytes or begins over and over again, expected at most {MOST_EXIF:,}")
    check_directory(io.BytesIO(data.removeprefix(EXIF)), 2**26)


def check_directory(file: BinaryIO, most_bytes: int) -> int:
    """Pixels in a tile of a TIFF, 0 if it has none; ValueError if its first directory says that it takes more than memory.

    most_bytes: of texts and profiles. A directory can name the same bytes many times.
    """
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return 0
    big = len(head) == 16 and struct.unpack_from(f"{order}H", head, 2)[0] == 43
    (offset,) = struct.unpack_from(f"{order}Q" if big else f"{order}L", head, 8 if big else 4)
    count_form, form = (f"{order}Q", f"{order}HHQ8s") if big else (f"{order}H", f"{order}HHL4s")
    if offset >= length:
        return 0
    file.seek(offset)
    (entries,) = struct.unpack(count_form, file.read(struct.calcsize(count_form)).rjust(struct.calcsize(count_form), b"\0"))
    if entries > MOST_ENTRIES:
        raise ValueError(f"its directory has {entries:,} entries, expected at most {MOST_ENTRIES:,}")
    table = file.read(entries * struct.calcsize(form))
    table = table[: len(table) // struct.calcsize(form) * struct.calcsize(form)]
    numbers = texts = 0
    sides: dict[int, int] = {}
    for tag, kind, count, value in struct.iter_unpack(form, table):
        size = min(count * SIZES.get(kind, 0), length)
        numbers, texts = (numbers, texts + size) if kind in TEXTS else (numbers + size, texts)
        if tag in TILE_SIDES and kind in (3, 4, 16):
            sides[tag] = struct.unpack_from(order + {3: "H", 4: "L", 16: "Q"}[kind], value)[0]
    if numbers > MOST_NUMBERS or texts > most_bytes:
        raise ValueError(f"its directory says {numbers + texts:,} bytes, expected at most {MOST_NUMBERS + most_bytes:,}")
    return sides.get(TILE_SIDES[0], 0) * sides.get(TILE_SIDES[1], 0)
