"""A save that is killed or has no disk, at each of its operations: the earlier file or the new one, no leftovers, a message."""

import pytest
from faults.injector import Nursery, why_not_counting
from faults.kills import Save, every_full_disk, every_kill
from faults.saves import SAVES

pytestmark = pytest.mark.skipif(why_not_counting() is not None, reason=str(why_not_counting()))


@pytest.fixture(scope="module")
def nursery():
    with Nursery("faults.saves", counting=True) as made:
        yield made


@pytest.mark.parametrize("name", ["sweep state", "results"])
def test_a_kill_at_every_operation(nursery, tmp_path, name):
    save = Save(nursery, name, tmp_path)
    assert {"write", "fsync", "rename", "close"} <= {what for what, _ in save.operations}
    assert [line for trial in every_kill(save) for line in trial()] == []


@pytest.mark.parametrize("name", ["results", "table"])
def test_a_full_disk_at_every_operation(nursery, tmp_path, name):
    assert [line for trial in every_full_disk(Save(nursery, name, tmp_path)) for line in trial()] == []


@pytest.mark.parametrize("name", SAVES)
def test_what_is_renamed_is_on_the_disk(nursery, tmp_path, name):
    assert list(Save(nursery, name, tmp_path).out_of_order()) == []


@pytest.mark.parametrize(
    ("careless", "found"),
    [
        ("in_place", "killed torn write"),
        ("without_fsync", "gets its name before"),
        ("leaving", "is left over"),
        ("silent", "is not saved, and nothing was said"),
    ],
)
def test_a_careless_save_is_found_out(nursery, tmp_path, careless, found):
    save = Save(nursery, f"careless {careless}", tmp_path)
    lines = [line for trial in (*every_kill(save), *every_full_disk(save)) for line in trial()]
    assert any(found in line for line in [*lines, *save.out_of_order()]), lines
