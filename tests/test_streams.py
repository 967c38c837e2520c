"""What scripts print, on terminals that obey escapes and on those that lack letters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
PRINTS = r"""
import argparse, logging, sys, warnings
sys.path.insert(0, sys.argv.pop(1))
import cli
from pathlib import Path
from tqdm import tqdm

def main(args):
    name = "a\x1b[2J\r\x9b\u202e\udcff\u00e9\u65e5"
    print(name)
    print("two\n\tlines")
    logging.getLogger("npzf").warning("left out: %s", Path("b\nc" + name))
    logging.getLogger("npzf").warning("%s\n%s", "kept", "apart")
    logging.getLogger("npzf").warning("%d of %s: %.1f", 3, ValueError("d\ne"), 2)
    warnings.warn(name)
    with tqdm(total=2, desc="bar", file=sys.stderr) as bar:
        bar.update(2)
    raise ValueError("error of\n" + name)

cli.run(main, cli.parser("x", "y", "z"))
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "utf-8:strict", "ascii:strict"])
def test_names_are_shown_and_never_obeyed(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", PRINTS, str(SCRIPTS)], capture_output=True, env=environment)
    out, err = (part.decode(encoding.partition(":")[0]) for part in (done.stdout, done.stderr))
    assert done.returncode == 2
    start = r"a\x1b[2J\r\x9b\u202e\xff"
    end = {"utf": "é日", "asc": r"\xe9\u65e5", "lat": r"é\u65e5"}[encoding[:3]]
    lines = out.splitlines()[1:]
    assert lines == [start + end, "two", "\tlines", rf"left out: b\nc{start}{end}", "kept", "apart", r"3 of d\ne: 2.0"]
    assert err.splitlines()[-1] == rf"error: error of\n{start}{end}"
    assert err.count("\x1b") == 0 and f"UserWarning: {start}" in err
    assert "\rbar: 100%" in err and r"\r" in err


def test_a_plain_locale_has_no_traceback(tmp_path):
    environment = {**os.environ, "LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    name = b"\xff\x1b[31m\xc3\xa9.h5"
    command = [sys.executable, str(SCRIPTS / "evaluate.py"), os.fsdecode(bytes(tmp_path) + b"/" + name)]
    done = subprocess.run([part.encode(errors="surrogateescape") for part in command], capture_output=True, env=environment)
    lines = done.stderr.decode("ascii").splitlines()
    assert done.returncode == 2 and len(lines) == 1 and lines[0].startswith("error: ")
    assert r"\xff\x1b[31m\xc3\xa9.h5" in lines[0]


UNEXPECTED = r"""
import sys
sys.path.insert(0, sys.argv.pop(1))
import cli

def main(args):
    raise RuntimeError("a\x1b[2J")

cli.run(main, cli.parser("x", "y", "z"))
"""


def test_the_traceback_of_an_unexpected_error_is_shown_too():
    done = subprocess.run([sys.executable, "-c", UNEXPECTED, str(SCRIPTS)], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == r"RuntimeError: a\x1b[2J"
    assert done.stderr.count("Traceback") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_bars_move_on_a_terminal_and_names_do_not():
    import fcntl
    import pty
    import struct
    import termios

    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen([sys.executable, "-c", PRINTS, str(SCRIPTS)], stdout=other, stderr=other)
    os.close(other)
    seen = b""
    while True:
        try:
            seen += os.read(main, 4096)
        except OSError:  # the terminal's other side is closed
            break
    os.close(main)
    assert process.wait() == 2
    assert seen.count(b"\rbar: ") >= 2 and b"\x1b[2J" not in seen and rb"a\x1b[2J\r\x9b" in seen
