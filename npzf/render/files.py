"""Behind every figure: a file on disk is the old one or the new one, never a half."""

import os
import uuid
from pathlib import Path


def write_whole(path: str | Path, data: bytes) -> Path:
    """Write `data` to `path` in one step, creating its folder, and return the path.

    The bytes go to a temporary name in the same folder, reach the disk, and then take the final name; if
    anything fails on the way the old file stays as it was. Raises OSError, in one line, naming the path.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"could not write the file ({error.strerror})", str(path)) from error
    return path
