"""JSON with a digest: what has changed is not believed."""

import pytest

from npzf.storage.json_file import read_json, write_json

CONTENT = {"b": {"accuracy": 87.5, "c": None}, "a": [1, 2.25, "é\udcff", True], "": {}}


@pytest.mark.parametrize("content", [CONTENT, {}, [], "text", 1e-300])
def test_what_is_written_is_read(tmp_path, content):
    write_json(tmp_path / "new" / "r.json", content)
    assert read_json(tmp_path / "new" / "r.json", "results") == content


def test_no_changed_character_is_believed(tmp_path):
    path = tmp_path / "r.json"
    write_json(path, CONTENT)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 4, 128):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            try:
                found = read_json(path, "results")
            except ValueError as error:
                assert str(path) in str(error) and "\n" not in str(error) and "expected results: remove it" in str(error)
            else:
                assert found == CONTENT  # a space became a tab


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"7", b'{"sha256": "", "content": 1}', b"[" * 10**5, b"\xff", b"{" * 300])
def test_another_file_is_named(tmp_path, data):
    (tmp_path / "r.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"r\.json .*, expected results: remove it$") as caught:
        read_json(tmp_path / "r.json", "results")
    assert "\n" not in str(caught.value)
