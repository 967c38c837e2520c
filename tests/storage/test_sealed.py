"""A seal notices whatever has changed, however large the file, and leaves out the part that it names."""

import os

import pytest

from npzf.storage import sealed

CONTENT = bytes(range(256)) * 11000  # 2.8 MB: three blocks


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_bytes(bytes(sealed.HEADER) + CONTENT)
    return tmp_path / "file"


def seal(path, apart=sealed.NOTHING):
    with open(path, "r+b") as file:
        return sealed.seal(file, apart)


def verify(path):
    with open(path, "rb") as file:
        return sealed.verify(file)


def flip(path, place, bit=1):
    with open(path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ bit]))


@pytest.mark.parametrize("apart", [(0, 0), (512, 600), (1_000_000, 2_500_000), (2_816_000, 2_816_512), (512, 2_816_512)])
def test_what_is_sealed_is_whole(path, apart):
    made = seal(path, apart)
    assert verify(path) == made and (made.size, made.apart) == (len(CONTENT) + 512, apart)
    assert path.read_bytes()[512:] == CONTENT


def test_every_kind_of_damage_is_noticed(path):
    seal(path)
    whole = path.read_bytes()
    for place in (0, 18, 30, 100, 101, 110, 200, 511, 512, 513, 1_049_087, 1_049_088, 2_000_000, len(whole) - 1):
        flip(path, place, 1 << place % 8)
        with pytest.raises(sealed.NotWhole):
            verify(path)
        path.write_bytes(whole)
    blocks = whole[: 512 + 2**20], whole[512 + 2**20 : 512 + 2**21]
    for other in (
        whole[:-1],
        whole + b"\0",
        whole[:512],
        whole[:300],
        b"",
        whole[512:],
        blocks[1] + blocks[0] + whole[512 + 2**21 :],
    ):
        path.write_bytes(other)
        with pytest.raises(sealed.NotWhole):
            verify(path)
    path.write_bytes(whole)
    verify(path)


def test_the_part_alone_may_change(path):
    seal(path, (1000, 2000))
    for place in (1000, 1999):
        flip(path, place)
    verify(path)
    for place in (999, 2000):
        flip(path, place)
        with pytest.raises(sealed.NotWhole, match="damaged or changed"):
            verify(path)
        flip(path, place)


@pytest.mark.parametrize(
    "text", ["apart 600 512", "apart 0 600", "apart 511 600", "apart 600 2816513", "apart 0600 700", "apart -1 5"]
)
def test_a_part_that_cannot_be_is_refused_before_it_is_looked_at(path, text):
    seal(path)
    head = path.read_bytes()[:512].rstrip(b"\0").replace(b"apart 0 0", text.encode())
    with open(path, "r+b") as file:
        file.write(head.ljust(512, b"\0"))
    with pytest.raises(sealed.NotWhole, match="first 512 bytes are damaged"):
        verify(path)


def test_the_digest_does_not_depend_on_threads(path, monkeypatch):
    digests = set()
    for threads in (1, 2, 7):
        monkeypatch.setattr(sealed, "THREADS", threads)
        monkeypatch.setattr(sealed, "WAVE", threads)
        digests.add(seal(path).sha256)
    assert len(digests) == 1


def test_one_descriptor_is_verified_and_read(path):
    """A file that takes the place of another while that is verified is not what is read."""
    seal(path)
    with open(path, "rb") as file:
        os.replace(path, path.with_name("old"))
        path.write_bytes(b"another")
        sealed.verify(file)
        file.seek(512)
        assert file.read() == CONTENT
