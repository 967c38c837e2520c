"""The course of training: the log is read strictly, and what is drawn stands where it belongs."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from npzf.render import loss, loss_plot, read_log

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
    drawn, make = [], loss.new_figure
    monkeypatch.setattr(loss, "new_figure", lambda *size: drawn.append(make(*size)) or drawn[-1])
    return drawn


def test_read_log(tmp_path):
    log = a_log(tmp_path)
    assert list(log) == HEAD.split(",")
    np.testing.assert_array_equal(log["epoch"], [1, 2, 3])
    np.testing.assert_array_equal(log["validation_loss"], [2.2, np.nan, 1.6])


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        ("epoch,train_loss", "1,2", " lacks train_error, validation_loss, validation_error, rate, expected the columns epoch, "),
        (HEAD, "1,oops,90,2,88,0.01", ": column train_loss cannot be read .*oops.*, expected numbers"),
        (HEAD, "", " has no rows, expected at least one"),
    ],
)
def test_a_bad_log_is_refused_by_name(tmp_path, head, row, message):
    with pytest.raises(ValueError, match=rf"log\.csv{message}") as caught:
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


def test_a_rate_that_falls_with_every_epoch_is_not_marked(tmp_path, figures):
    log = {name: np.arange(1.0, 6.0) for name in HEAD.split(",")} | {"rate": 0.01 * 0.4 ** np.arange(5)}
    loss_plot(log, tmp_path / "loss.png", classes=10)
    assert len(figures[0].axes[0].lines) == 3  # training, validation, guessing


def test_loss_plot_survives_a_run_without_validation(tmp_path):
    log = {name: np.array([np.nan]) for name in HEAD.split(",")} | {"epoch": np.array([1.0])}
    assert loss_plot(log, tmp_path / "loss.png").exists()


def test_loss_plot_refuses_missing_columns_and_other_files(tmp_path):
    log = a_log(tmp_path)
    with pytest.raises(ValueError, match=r"path is .*loss\.pdf, expected a name that ends in \.png"):
        loss_plot(log, tmp_path / "loss.pdf")
    del log["rate"]
    with pytest.raises(ValueError, match=r"log lacks rate, expected the columns epoch, "):
        loss_plot(log, tmp_path / "loss.png")
    assert not (tmp_path / "loss.png").exists()


def test_importing_and_drawing_needs_no_display_and_no_pyplot(tmp_path):
    code = """
import sys, numpy as np, npzf.render
assert not [name for name in sys.modules if name.startswith("matplotlib")], "imported too early"
log = dict.fromkeys(npzf.render.loss.COLUMNS, np.ones(2))
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
