"""Children that are killed, or run out of disk, at a chosen operation on their files; no part of the paper."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KILLED = -9
GIGABYTE = 2**30


@dataclass(frozen=True)
class Ended:
    """How a child ended: exit status, or less than 0 for a signal; what it returned and printed; its peak memory in bytes.

    operations: what it did to the files in its folder, as (operation, path).
    """

    status: int
    timed_out: bool
    peak: int
    seconds: float
    value: Any
    out: str
    err: str
    operations: tuple[tuple[str, str], ...] = ()


class Nursery:
    """A process that runs functions of modules in children of its own, "module:name", with keyword arguments that JSON can hold.

    counting: whether operations on files can be counted, for which a C compiler is needed; modules: loaded beforehand. For
    a `with`.
    """

    def __init__(self, *modules: str, counting: bool = False):
        self.folder = Path(tempfile.mkdtemp(prefix="npzf-faults-"))
        environment = dict(os.environ)
        kept = (environment.get("PYTHONPATH"), str(ROOT), str(HERE.parent))
        environment["PYTHONPATH"] = os.pathsep.join(part for part in kept if part)
        environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment["MPLBACKEND"] = "agg"
        if counting:
            environment["LD_PRELOAD"] = str(_compiled(self.folder))
        command = [sys.executable, "-m", "faults.nursery", *modules]
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder)

    def run(
        self,
        function: str,
        folder: str | Path,
        at: int | None = None,
        mode: str = "never",
        *,
        wall_s: float = 60,
        cpu_s: int = 60,
        kill_after_s: float | None = None,
        address_space: int | None = None,
        file_size: int | None = None,
        watched: Path | None = None,
        **arguments: Any,
    ) -> Ended:
        """Runs function(**arguments) in a child, in this folder.

        at, mode: the number of an operation from 1, and what happens there (operations.c); they, or at = 0 to count alone, need a
        nursery that counts. kill_after_s: when it is killed; address_space, file_size: limits in bytes.
        watched: the folder whose files are counted, if it is another.
        """
        job: dict[str, Any] = {"function": function, "arguments": arguments, "folder": str(folder), "wall_s": wall_s}
        job |= {"cpu_s": cpu_s, "kill_after_s": kill_after_s, "address_space": address_space, "file_size": file_size}
        log = self.folder / "operations"
        if at is not None:
            job["arm"] = {"folder": os.path.realpath(watched or folder), "at": at, "mode": mode, "log": str(log)}
        assert self.process.stdin
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        lines = log.read_text(errors="surrogateescape").splitlines() if at is not None else []
        return Ended(**answer, operations=tuple((line.partition("\t")[0], line.partition("\t")[2]) for line in lines))

    def _read(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the nursery ended with status {self.process.wait()}")
        return json.loads(line)


def why_not_counting() -> str | None:
    """Why operations cannot be counted here, or None if they can."""
    if not sys.platform.startswith("linux") or not shutil.which("cc"):
        return "operations.c needs Linux and a C compiler"
    return None


def _compiled(folder: Path) -> Path:
    library = folder / "operations.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(HERE / "operations.c"), "-ldl"], check=True)
    return library


def leftovers(folder: Path) -> list[str]:
    """What unfinished writes have left in a folder and those below it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "partial" in path.name)
