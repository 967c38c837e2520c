"""A process that has npzf loaded and forks a child for each job, with limits; no part of the paper.

A job is a line of JSON on standard input, its answer a line on standard output. A child costs some milliseconds instead of the
second that loading npzf takes, and whatever happens in it, a crash, a hang, a full memory, is over with it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from typing import Any, BinaryIO

LOADED = ("npzf", "npzf.training", "npzf.transfer", "npzf.interop.net_files", "npzf.interop.weights.writers", "npzf.render")


def main() -> None:
    """Answers jobs until standard input ends."""
    for name in [*LOADED, *sys.argv[1:]]:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Runs job["function"](**job["arguments"]) in a child; its value, output, end, peak memory and time."""
    with tempfile.TemporaryFile() as value, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        child = os.fork()
        if not child:
            _child(job, value, out, err)
        kill_after = job.get("kill_after_s")
        over = _ends(child, job["wall_s"] if kill_after is None else kill_after)
        if not over:
            os.kill(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "timed_out": not over and kill_after is None,
            "peak": used.ru_maxrss * 1024,
            "seconds": time.monotonic() - begin,
            "value": json.loads(_all(value) or "null"),
            "out": _all(out),
            "err": _all(err),
        }


def _ends(child: int, seconds: float) -> bool:
    """Whether the child ends within that time."""
    handle = os.pidfd_open(child)
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def _all(file: BinaryIO) -> str:
    file.seek(0)
    return file.read(2**20).decode(errors="surrogateescape")


def _child(job: dict[str, Any], value: BinaryIO, out: BinaryIO, err: BinaryIO) -> None:
    status = 1
    try:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(job["folder"])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (job["cpu_s"], job["cpu_s"]))
        if job.get("address_space"):
            resource.setrlimit(resource.RLIMIT_AS, (job["address_space"],) * 2)
        module, _, name = job["function"].partition(":")
        function = getattr(importlib.import_module(module), name)
        if job.get("file_size"):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_size"], resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        if arm := job.get("arm"):
            library = ctypes.CDLL(None)
            library.faults_arm(arm["folder"].encode(), ctypes.c_long(arm["at"]), arm["mode"].encode(), arm["log"].encode())
        returned = function(**job["arguments"])
        _unlimited()
        value.write(json.dumps(returned).encode())
        value.flush()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        _unlimited()
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _unlimited() -> None:
    """Lets files grow again, those that the answer is read from."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


if __name__ == "__main__":
    main()
