"""Words on a terminal: what it would obey is shown instead."""

import subprocess

import pytest

from npzf.text import one_line, printable, shell_word, shortened

OBEYED = [*"\x1b\x07\x00\r\x7f\x9b\u202e\u2066\u2069\u2028\u2029\u200d\u200b\ufeff"]


@pytest.mark.parametrize("letter", OBEYED)
def test_what_a_terminal_would_obey_is_escaped(letter):
    shown = printable(f"a{letter}b")
    assert shown == f"a{letter!r}b".replace("'", "") and shown.isascii() and shown.isprintable()


def test_letters_of_all_scripts_and_spaces_stay():
    assert printable("naïve 日本 עברית 🐕\u00a0\u3000!") == "naïve 日本 עברית 🐕\u00a0\u3000!"


def test_bytes_of_a_name_that_are_no_utf_8_are_shown_as_bytes():
    assert printable(b"caf\xe9.png".decode(errors="surrogateescape")) == r"caf\xe9.png"
    assert printable("\ud800") == r"\ud800"


def test_newlines_and_tabs_stay_where_they_are_kept():
    assert printable("a\tb\nc", keep="\n\t") == "a\tb\nc"
    assert printable("a\tb\nc") == r"a\tb\nc"


def test_an_error_is_one_line():
    assert one_line(ValueError("name is a\nb\r\x1b[2J\n")) == r"name is a\nb\r\x1b[2J"


def test_a_long_value_is_shortened_to_what_can_be_read():
    assert shortened("a\nb") == r"'a\nb'"
    assert len(shortened("x" * 3000)) < 200 and shortened("x" * 3000).startswith("'xxx")


@pytest.mark.parametrize("word", ["plain", "two words", "it's", "a\nb", "\x1b[31m", "caf\udce9 'q' \\ $HOME", "\u202etxt", "é\n"])
def test_a_shell_reads_a_word_as_it_was(word):
    typed = shell_word(word)
    assert typed.isprintable()
    done = subprocess.run(["bash", "-c", f"printf %s {typed}"], capture_output=True, check=True)
    assert done.stdout.decode(errors="surrogateescape") == word
