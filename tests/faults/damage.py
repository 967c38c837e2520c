"""Damage to files, drawn by a seed, and the verdict on what a reader makes of it; no part of the paper."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from faults.injector import GIGABYTE, Ended, Nursery
from faults.kinds import Kind

USER_BLOCK = 512  # bytes before HDF5's own in a sealed file
CPU_S, WALL_S = 10, 40  # of a reader; a sound file of these takes some milliseconds
MARKS = (
    b"GCOL",
    b"OHDR",
    b"TREE",
    b"HEAP",
    b"SNOD",
    b"FRHP",
    b"architecture",
    b"state",
    b"format",
    b"version",
    b"PK\1\2",
    b"IDAT",
)


def _flip(data: bytearray, random: Random) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _flips(data: bytearray, random: Random) -> None:
    for _ in range(random.randint(2, 20)):
        _flip(data, random)


def _head(data: bytearray, random: Random) -> None:
    at = random.randrange(min(len(data), 128))
    data[at] ^= 1 << random.randrange(8)


def _zeros(data: bytearray, random: Random) -> None:
    first, count = _run(data, random)
    data[first : first + count] = bytes(count)


def _noise(data: bytearray, random: Random) -> None:
    first, count = _run(data, random)
    data[first : first + count] = random.randbytes(count)


def _ones(data: bytearray, random: Random) -> None:
    first, count = _run(data, random)
    data[first : first + count] = b"\xff" * count


def _cut(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data)) :]


def _more(data: bytearray, random: Random) -> None:
    data += random.choice([b"\0", b"\n", random.randbytes(random.randint(1, 4096)), bytes(data)])


def _swapped(data: bytearray, random: Random) -> None:
    (first, count), second = _run(data, random), random.randrange(len(data))
    count = min(count, len(data) - second)
    data[first : first + count], data[second : second + count] = data[second : second + count], data[first : first + count]


def _copied(data: bytearray, random: Random) -> None:
    (first, count), second = _run(data, random), random.randrange(len(data))
    count = min(count, len(data) - second)
    data[second : second + count] = data[first : first + count]


def _repeated(data: bytearray, random: Random) -> None:
    first, count = _run(data, random)
    data[first:first] = data[first : first + count]


def _removed(data: bytearray, random: Random) -> None:
    first, count = _run(data, random)
    del data[first : first + count]


def _marked(data: bytearray, random: Random) -> None:
    """Bits or zeros near what a format begins its parts with: heaps, headers of objects, names of attributes."""
    places = [at for mark in MARKS for at in _places(data, mark)]
    at = (random.choice(places) if places else random.randrange(len(data))) + random.randrange(96)
    at = min(at, len(data) - 1)
    if random.random() < 0.3:
        count = min(random.randint(1, 64), len(data) - at)
        data[at : at + count] = bytes(count)
    else:
        data[at] ^= 1 << random.randrange(8)


def _run(data: bytearray, random: Random) -> tuple[int, int]:
    """First byte and length of a stretch, mostly a short one."""
    first = random.randrange(len(data))
    return first, min(len(data) - first, random.choice([1, 2, 4, 8, 16, 64, 512, 4096]))


def _places(data: bytearray, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


DAMAGES: dict[str, Callable[[bytearray, Random], None]] = {
    "a bit": _flip,
    "bits": _flips,
    "a bit of the head": _head,
    "zeros": _zeros,
    "noise": _noise,
    "ones": _ones,
    "cut": _cut,
    "more bytes": _more,
    "blocks swapped": _swapped,
    "a block copied": _copied,
    "a block repeated": _repeated,
    "a block removed": _removed,
    "a part's head": _marked,
}


def damaged(data: bytes, random: Random) -> tuple[str, bytes]:
    """What was done, and other bytes than these."""
    while True:
        name = random.choice(list(DAMAGES))
        changed = bytearray(data)
        DAMAGES[name](changed, random)
        if bytes(changed) != data:
            return name, bytes(changed)


def limits() -> dict[str, int]:
    """Of a reader: enough for what it may take, and what it asks for beyond that fails and is seen."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    room = 3 * GIGABYTE
    return {"cpu_s": CPU_S, "wall_s": WALL_S, "address_space": room if soft == resource.RLIM_INFINITY else min(room, soft)}


def verdict(ended: Ended, named: str, sound: str | None = None) -> str:
    """One word or more for what became of a file: refused, same, other, or what must not be.

    named: what the message has to contain; sound: the digest of the file before it was damaged.
    """
    words = ended.value or {}
    if ended.peak > GIGABYTE or words.get("refused") == "False":
        return "above 1 GB"
    if ended.timed_out or ended.status in (-24, -9):
        return "hang"
    if ended.status < 0:
        return f"crash ({ended.status})"
    if ended.status:
        return "traceback"
    if "value" in words:
        return "same" if words["value"] == sound else "other"
    message = words["message"]
    if named not in message:
        return "no name"
    if set(message) & set("\n\r"):  # what else a terminal would obey is escaped when it is printed
        return "not one line"
    return "refused with remarks" if ended.err else "refused"


@dataclass
class Verdicts:
    """How often each verdict was given, by kind of file; wrong: those that must not be, with how to see them again."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, kind: str, word: str, wrong: str | None = None) -> None:
        self.counts.setdefault(kind, Counter())[word] += 1
        if wrong:
            self.wrong.append(f"{kind}: {word}: {wrong}")


class Sound:
    """A file of a kind before it is damaged: its bytes, and the digest of what it holds."""

    def __init__(self, nursery: Nursery, name: str, kind: Kind, folder: Path):
        self.name, self.kind, self.folder, self.nursery = name, kind, folder, nursery
        folder.mkdir(parents=True)
        made = nursery.run("faults.kinds:make", folder, kind=name)
        if made.status:
            raise AssertionError(f"{name} without damage: {made.err}")
        self.path = folder / kind.file
        self.bytes, self.digest = self.path.read_bytes(), made.value

    def trial(self, seed: int, resealed: bool, verdicts: Verdicts) -> None:
        """Damages the file and reads it; resealed: with the digest that the damaged file ought to have."""
        random = Random(f"{self.name} {seed}")
        head = USER_BLOCK if resealed and self.path.suffix == ".h5" else 0
        what, data = damaged(self.bytes[head:], random)
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_bytes(self.bytes[:head] + data)
        if resealed:
            self.nursery.run("faults.kinds:seal", self.folder, path=str(self.path))
        ended = self.nursery.run("faults.kinds:attempt", self.folder, kind=self.name, path=str(self.path), **limits())
        word = verdict(ended, self.path.name, self.digest)
        reason = f"{what}, seed {seed}: {(ended.value or {}).get('message') or ended.err.strip()[-300:]!r}"
        verdicts.add(self.name, word, None if word in self._allowed(resealed) else reason)

    def _allowed(self, resealed: bool) -> set[str]:
        """The verdicts that may be; a hang in HDF5 itself, on a file whose digest is right, cannot be told from outside."""
        if resealed:
            return {"refused", "same", "other", *(("hang",) if self.path.suffix == ".h5" else ())}
        if not self.kind.sealed:
            return {"refused", "same", "other", *(("refused with remarks",) if self.kind.remarks else ())}
        return {"refused", "same"} if self.kind.lenient else {"refused"}
