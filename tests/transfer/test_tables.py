"""Tables 4 to 7 as text and as CSV: numbers of which nothing is known but the mean, and labels with commas."""

import csv

import pytest

from npzf.transfer import Cell, Table, paper


def test_a_cell_has_the_deviation_that_it_knows():
    assert [str(cell) for cell in (Cell(86.54), Cell(86.45, 0.04), Cell(0.0, 0.0, 1, 2.0))] == [
        "86.5",
        "86.5 +- 0.0",
        "0.0 +- 0.0",
    ]


def test_a_table_without_rows_is_its_heads():
    for down in (False, True):
        table = Table("Table 7", "layer", ("1", "2"), down=down)
        assert table.text().split() == ["Table", "7", "layer", "1", "2"] and table.seconds() == ""


def test_labels_with_commas_and_quotes_come_back_from_csv(tmp_path):
    table = Table("Table 6", "class", ("a, b", 'the "c"'))
    table.add('svm, "C = 1"', [None, Cell(50.0, None, None, 1.25)])
    table.add("nothing", [None, None])
    with open(table.write_csv(tmp_path / "new" / "table.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[1:] == [['svm, "C = 1"', 'the "c"', "50.000", "", "", "1.250"]]
    assert table.text().splitlines()[-1] == "nothing"  # no spaces behind


def test_seconds_are_said_where_they_are_known():
    table = Table("Table 4", "images", ("15", "30"))
    table.add("net", [Cell(50.0), Cell(60.0, seconds=1.25)])
    table.add("paper", [Cell(50.0), None])
    assert table.seconds() == "net: 30 in 1 s"


def test_a_row_needs_a_cell_for_each_head():
    table = Table("Table 4", "images", ("15", "30"))
    with pytest.raises(ValueError, match=r"^cells are 3, expected 2, one for each of 15, 30$"):
        table.add("net", [Cell(1.0)] * 3)
    assert table.rows == []


def test_the_papers_mean_is_that_of_its_classes():
    """Of Table 6, in which each number is given to a tenth."""
    classes = [value for name, value in paper.TABLE_6.items() if name != "mean"]
    assert len(classes) == 20 and sum(classes) / 20 == pytest.approx(paper.TABLE_6["mean"], abs=0.1)


def test_the_papers_tables_agree_with_each_other():
    """The best layer of Table 7 is close to the net of Tables 4 and 5, which is a softmax on layer 7."""
    softmax = paper.TABLE_7["softmax"][7]
    pretrained = (table["paper: pretrained on ImageNet"] for table in (paper.TABLE_4, paper.TABLE_5))
    for layer_7, known, images in zip(softmax, pretrained, (30, 60), strict=True):
        assert layer_7 == pytest.approx(known[images][0], abs=2)
