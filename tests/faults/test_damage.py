"""Damaged files of every kind: refused in one line that names them, whatever the damage; the trial itself finds what is not."""

from collections import Counter

import pytest
from faults.damage import DAMAGES, Sound, Verdicts, damaged, limits, verdict
from faults.injector import GIGABYTE, Ended, Nursery
from faults.kinds import KINDS

MADE_WITH = {".pth weights": "torch", "old .pth weights": "torch", ".onnx": "onnx", ".safetensors weights": "safetensors"}
EACH = 8


@pytest.fixture(scope="module")
def nursery():
    with Nursery("faults.kinds") as made:
        yield made


@pytest.mark.parametrize("name", [name for name in KINDS if KINDS[name].sealed])
def test_nothing_damaged_is_believed(nursery, tmp_path, name):
    kind, verdicts = KINDS[name], Verdicts()
    sound = Sound(nursery, name, kind, tmp_path / "files")
    for seed in range(EACH):
        sound.trial(seed, False, verdicts)
    assert verdicts.wrong == []
    assert verdicts.counts[name].total() == EACH


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_can_be_made_again_and_changes_something(name, seed):
    from random import Random

    data, made = bytes(range(256)) * 4, []
    for _ in range(2):
        changed = bytearray(data)
        DAMAGES[name](changed, Random(seed))
        made.append(bytes(changed))
    assert made[0] == made[1]
    assert damaged(data, Random(seed))[1] != data


READ = {"value": "digest"}
REFUSED = {"error": "ValueError", "refused": "True", "message": "net.h5 is damaged"}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"value": READ}, "same"),
        ({"value": {"value": "another"}}, "other"),
        ({"value": REFUSED}, "refused"),
        ({"value": REFUSED | {"message": "it is damaged"}}, "no name"),
        ({"value": REFUSED | {"message": "net.h5\nis damaged"}}, "not one line"),
        ({"value": REFUSED, "err": "a library's warning"}, "refused with remarks"),
        ({"value": REFUSED | {"error": "MemoryError", "refused": "False"}}, "above 1 GB"),
        ({"value": READ, "peak": 2 * GIGABYTE}, "above 1 GB"),
        ({"status": 1, "err": "KeyError: 'a'"}, "traceback"),
        ({"status": -11}, "crash (-11)"),
        ({"status": -9, "timed_out": True}, "hang"),
    ],
)
def test_verdicts(changes, word):
    ended = Ended(**{"status": 0, "timed_out": False, "peak": 0, "seconds": 0.0, "value": None, "out": "", "err": ""} | changes)
    assert verdict(ended, "net.h5", "digest") == word


@pytest.mark.parametrize(
    ("function", "word"),
    [("eats", "above 1 GB"), ("waits", "hang"), ("computes", "hang"), ("crashes", "crash (-11)"), ("raises", "traceback")],
)
def test_what_a_reader_must_not_do_is_seen(nursery, tmp_path, function, word):
    short = {"waits": {"wall_s": 1}, "computes": {"cpu_s": 1}}
    ended = nursery.run(f"faults.readers:{function}", tmp_path, **limits() | short.get(function, {}))
    assert verdict(ended, "net.h5") == word
    assert Counter(path.name for path in tmp_path.iterdir()) == Counter()
