"""Plots: the log is read strictly, and what is drawn stands where it belongs."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import npzf.render.plots as plots
from npzf.render import heat_map, loss_plot, read_log

HEAD = "epoch,train_loss,train_error,validation_loss,validation_error,rate"


def written(tmp_path, *rows, head=HEAD):
    path = tmp_path / "log.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def a_log(tmp_path):
    return read_log(written(tmp_path, "1,2.3,90,2.2,88,0.01", "2,2.0,80,,,0.01", "3,1.5,60,1.6,64,0.001"))


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is drawn, to be looked at by its objects."""
    drawn, make = [], plots._figure

    def keep(*size):
        drawn.append(make(*size))
        return drawn[-1]

    monkeypatch.setattr(plots, "_figure", keep)
    return drawn


def test_read_log(tmp_path):
    log = a_log(tmp_path)
    assert list(log) == HEAD.split(",")
    np.testing.assert_array_equal(log["epoch"], [1, 2, 3])
    np.testing.assert_array_equal(log["validation_loss"], [2.2, np.nan, 1.6])


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        ("epoch,train_loss", "1,2", "missing: train_error, validation_loss, validation_error, rate"),
        (HEAD, "1,oops,90,2,88,0.01", "column train_loss must hold numbers.*oops"),
        (HEAD, "", "at least one row"),
    ],
)
def test_a_bad_log_is_refused_by_name(tmp_path, head, row, message):
    with pytest.raises(ValueError, match=rf"log .*log\.csv.*{message}") as caught:
        read_log(written(tmp_path, row, head=head))
    assert "\n" not in str(caught.value)


def test_a_row_cut_short_reads_as_not_known(tmp_path):
    assert np.isnan(read_log(written(tmp_path, "1,2.3,90"))["rate"][0])


def test_loss_plot_draws_the_numbers(tmp_path, figures):
    path = loss_plot(a_log(tmp_path), tmp_path / "new" / "loss.png", classes=10)
    with Image.open(path) as image:
        assert image.size[0] > 900
    loss, error = figures[0].axes
    train, validation, guess, drop = loss.lines
    np.testing.assert_array_equal(train.get_xydata(), [[1, 2.3], [2, 2.0], [3, 1.5]])
    np.testing.assert_array_equal(validation.get_xydata(), [[1, 2.2], [3, 1.6]])
    assert guess.get_ydata()[0] == np.log(10) and error.lines[2].get_ydata()[0] == 90
    assert list(drop.get_xdata()) == [2, 2] and "rate 0.001" in [text.get_text() for text in loss.texts]


def test_loss_plot_survives_a_run_without_validation(tmp_path):
    log = {name: np.array([np.nan]) for name in HEAD.split(",")} | {"epoch": np.array([1.0])}
    assert loss_plot(log, tmp_path / "loss.png").exists()


def test_loss_plot_refuses_missing_columns_and_other_files(tmp_path):
    log = a_log(tmp_path)
    with pytest.raises(ValueError, match=r"path must end in \.png"):
        loss_plot(log, tmp_path / "loss.pdf")
    del log["rate"]
    with pytest.raises(ValueError, match=r"log must have the columns .*; missing: rate"):
        loss_plot(log, tmp_path / "loss.png")
    assert not (tmp_path / "loss.png").exists()


def test_heat_map_places_values_and_occluder(tmp_path, figures):
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    values = np.array([[0.9, 0.8, 0.9], [0.7, 0.9, 0.2]])
    title = r"$5 \x {or $ 50 %"  # would be a mistake in a formula
    heat_map(picture, values, [10, 20], [10, 30, 50], tmp_path / "h.png", "probability", title, occluder=8)
    left, right = figures[0].axes[:2]
    np.testing.assert_array_equal(left.images[0].get_array(), picture)
    mesh = right.collections[0]
    np.testing.assert_array_equal(mesh.get_coordinates()[:, 0, 1], [5, 15, 25])
    np.testing.assert_array_equal(mesh.get_coordinates()[0, :, 0], [0, 20, 40, 60])
    np.testing.assert_array_equal(mesh.get_array(), values)
    for axes in (left, right):
        assert axes.get_xlim() == (0, 60) and axes.get_ylim() == (40, 0)
        assert axes.patches[0].get_bbox().bounds == (46, 16, 8, 8)  # about (20, 50), where 0.2 is lowest
    assert left.get_title(loc="left") == title


def test_heat_map_takes_grey_pictures_single_places_and_nan(tmp_path):
    values = np.array([[np.nan, 1.0]])
    path = heat_map(np.zeros((9, 9, 1), np.uint8), values, [4], [3, 5], tmp_path / "h.png", "", "", 3)
    assert path.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 2)), r"values must be \(2, 3\).*got \(3, 2\)"),
        (np.full((2, 3), np.nan), "not all NaN"),
    ],
)
def test_heat_map_refuses_values_that_do_not_fit(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        heat_map(np.zeros((9, 9, 3), np.uint8), values, [1, 2], [1, 2, 3], tmp_path / "h.png", "", "")


def test_heat_map_refuses_centres_out_of_order(tmp_path):
    with pytest.raises(ValueError, match="strictly ascending"):
        heat_map(np.zeros((9, 9, 3), np.uint8), np.zeros((2, 2)), [2, 1], [1, 2], tmp_path / "h.png", "", "")


def test_importing_and_drawing_needs_no_display_and_no_pyplot(tmp_path):
    code = """
import sys, numpy as np, npzf.render
assert not [name for name in sys.modules if name.startswith("matplotlib")], "imported too early"
log = dict.fromkeys(npzf.render.plots.COLUMNS, np.ones(2))
npzf.render.loss_plot(log, sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
"""
    path = str(tmp_path / "loss.png")
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0
