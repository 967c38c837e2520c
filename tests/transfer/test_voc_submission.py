"""VOC's result files: their names and lines, there and back exactly, and nothing written where something is wrong."""

import numpy as np
import pytest
from assertions import normal

from npzf.transfer.voc_submission import read_submission, submission_file, write_submission

IDS, CLASSES = ("2009_000001", "000002", "COCO-3"), ("aeroplane", "tvmonitor")
SCORES = np.array([[0.5, -2], [1e-30, 3], [0.1, 1 / 3]])


def test_names_and_lines_are_vocs(tmp_path):
    files = write_submission(tmp_path / "results", IDS, CLASSES, SCORES, competition="comp1")
    assert [file.name for file in files] == ["comp1_cls_test_aeroplane.txt", "comp1_cls_test_tvmonitor.txt"]
    assert files[0].read_bytes() == b"2009_000001 0.5\n000002 1e-30\nCOCO-3 0.1\n"
    assert files[1].read_text().splitlines()[0] == "2009_000001 -2.0"
    assert files[0] == submission_file(tmp_path / "results", "aeroplane", competition="comp1")
    assert sorted((tmp_path / "results").iterdir()) == files


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_what_is_read_is_what_was_written(tmp_path, dtype):
    scores = (100 * normal(3, 2)).astype(dtype)
    write_submission(tmp_path, IDS, CLASSES, scores, "val")
    ids, found = read_submission(tmp_path, CLASSES, "val")
    assert ids == IDS and found.dtype == np.float64
    np.testing.assert_array_equal(found, scores)
    np.testing.assert_array_equal(read_submission(tmp_path, CLASSES[1:], "val")[1], scores[:, 1:])


def test_files_in_another_order_and_from_elsewhere(tmp_path):
    write_submission(tmp_path, IDS, CLASSES, SCORES)
    submission_file(tmp_path, "tvmonitor").write_text("COCO-3 7\r\n2009_000001  5e0 \r\n000002 6")
    np.testing.assert_array_equal(read_submission(tmp_path, CLASSES)[1], [[0.5, 5], [1e-30, 6], [0.1, 7]])


def test_later_scores_take_the_place_of_earlier_ones(tmp_path):
    write_submission(tmp_path, IDS, CLASSES, SCORES)
    write_submission(tmp_path, IDS, CLASSES, 2 * SCORES)
    np.testing.assert_array_equal(read_submission(tmp_path, CLASSES)[1], 2 * SCORES)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"scores": SCORES[:2]}, r"scores are float64 \(2, 2\), expected numbers \(3, 2\): ids, classes"),
        ({"scores": SCORES.T}, r"\(2, 3\)"),
        ({"scores": SCORES > 0}, "scores are bool"),
        ({"ids": (), "scores": np.zeros((0, 2))}, r"scores are float64 \(0, 2\)"),
        ({"scores": SCORES * [1, np.nan]}, "scores are NaN or infinite in 3 places"),
        ({"scores": SCORES * [1, np.inf]}, "scores are NaN or infinite in 3 places"),
        ({"ids": ("a", "b", "a")}, "ids have 'a' twice"),
        ({"classes": ("a", "a")}, "classes have 'a' twice"),
        ({"ids": ("a", "b", "c.jpg")}, r"id is 'c\.jpg', expected an image's name without folder and suffix"),
        ({"ids": ("a", "b", "JPEGImages/c")}, "id is 'JPEGImages/c'"),
        ({"ids": ("a", "b", "c d")}, "id is 'c d'"),
        ({"ids": ("a", "b", "c\n")}, r"id is 'c\\n'"),
        ({"classes": ("aeroplane", "../tv")}, "class_name is '../tv', expected a name without spaces and slashes"),
        ({"list_name": ""}, "list_name is ''"),
        ({"competition": "comp3"}, "competition is 'comp3', expected one of comp1 .*, comp2 "),
    ],
)
def test_nothing_is_written_where_something_is_wrong(tmp_path, changed, named):
    given = {"ids": IDS, "classes": CLASSES, "scores": SCORES}
    with pytest.raises(ValueError, match=named) as caught:
        write_submission(tmp_path, **given | changed)
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", r"comp2_cls_test_tvmonitor\.txt is empty"),
        ("a 1\nb\nc 2\n", r"line 2 of .*tvmonitor\.txt is 'b', expected 'IMAGE_ID SCORE'"),
        ("a 1 2\n", "line 1 of .* is 'a 1 2'"),
        ("a one\n", "line 1 of .* is 'a one'"),
        ("a 1\na 2\n", "line 2 of .* is 'a 2': its id comes twice"),
        ("a nan\n", "line 1 of .* is 'a nan': its score is no number"),
        ("2009_000001 1\n000002 2\n", r"tvmonitor\.txt differs in 1 ids from that of aeroplane; one is COCO-3"),
    ],
)
def test_files_that_are_not_vocs_are_named_in_one_line(tmp_path, text, named):
    write_submission(tmp_path, IDS, CLASSES, SCORES)
    submission_file(tmp_path, "tvmonitor").write_text(text)
    with pytest.raises(ValueError, match=named) as caught:
        read_submission(tmp_path, CLASSES)
    assert "\n" not in str(caught.value)


def test_a_class_without_a_file_and_no_classes(tmp_path):
    with pytest.raises(FileNotFoundError, match="comp2_cls_test_cow"):
        read_submission(tmp_path, ["cow"])
    with pytest.raises(ValueError, match="classes are none"):
        read_submission(tmp_path, [])
