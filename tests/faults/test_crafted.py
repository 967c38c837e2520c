"""Files made with intent, whose digest is right: refused in one line; nothing run, nothing else opened, no memory filled."""

import pytest
from faults.crafted import CASES, Trials
from faults.injector import Nursery, why_not_counting

pytestmark = pytest.mark.skipif(why_not_counting() is not None, reason=str(why_not_counting()))
pytest.importorskip("onnx", reason="what makes models: pip install 'npzf[test]'")
FEW = ["external link", "virtual dataset", "external storage", "os.system", "EPS", "FIFO", "stride is", "2^40", "data above"]


@pytest.fixture(scope="module")
def nursery():
    with Nursery("faults.crafted", counting=True) as made:
        yield made


@pytest.mark.parametrize("words", FEW)
def test_what_was_made_with_intent_is_refused(nursery, tmp_path, words):
    trials, cases = Trials(nursery, tmp_path), [case for case in CASES if words in case][:12]
    for case in cases:
        trials.trial(case)
    assert cases and trials.verdicts.wrong == []


def test_there_are_many():
    assert len(CASES) >= 250
    kinds = {kind for kind, *_ in CASES.values()}
    assert {"net", "checkpoint", "features", "part", "packed images", "results", "png", ".npz weights", ".onnx"} <= kinds


@pytest.mark.parametrize(
    ("careless", "word"),
    [
        ("opens", "opened canary.bin"),
        ("runs", "made ran"),
        ("runs gs", "made ran"),
        ("follows a link", "opened canary.h5"),
        ("believes", "other"),
    ],
)
def test_a_careless_reader_is_found_out(nursery, tmp_path, careless, word):
    trials = Trials(nursery, tmp_path)
    trials.trial(f"careless: {careless}")
    assert any(word in line for line in trials.verdicts.wrong), trials.verdicts
