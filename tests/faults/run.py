"""What npzf does when it is killed, when its disk is full, and with files that are damaged or made with intent: the long trial.

    python tests/faults/run.py [--kills 300] [--damaged 5000] [--seed 1]

Kills whole commands at random moments and starts them again until they are done; kills every save at each of its operations, and
lets the disk be full there; damages files of every kind, then gives the damaged ones the digest that they ought to have; reads
files that were made with intent. The table at the end says what was tried and found; the exit status is 1 if anything is not as
it must be. Without options it takes less than three minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from faults.commands import COMMANDS, Command, Tally  # noqa: E402
from faults.damage import Sound, Verdicts  # noqa: E402
from faults.injector import Nursery, why_not_counting  # noqa: E402
from faults.kills import Save, every_full_disk, every_kill  # noqa: E402

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where an fsync takes no time
SHOWN = 40  # lines of what is wrong
SHARES = {"train": 6, "visualize": 2, "atlas": 2, "transfer": 1}  # of the kills of commands


class Report:
    """Rows of the table, and what is wrong."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []
        self.wrong: list[str] = []

    def add(self, what: str, tried: str, wrong: list[str], found: str = "") -> None:
        self.rows.append((what, tried, found or (f"{len(wrong)} not as they must be" if wrong else "all as they must be")))
        self.wrong += wrong
        print(f"{what}: {tried}: {self.rows[-1][2]}", flush=True)


def kills(folder: Path, options: argparse.Namespace) -> Report:
    """Kills each command its share of times."""
    report = Report()
    with Nursery("faults.commands", counting=True) as nursery:
        for name in COMMANDS:
            command, tally, random = Command(nursery, name, folder / name), Tally(), Random(f"{name} {options.seed}")
            wanted = max(1, round(options.kills * SHARES[name] / sum(SHARES.values())))
            while tally.kills < wanted:
                command.trial(random, tally, min(random.randint(1, 3), wanted - tally.kills))
            report.add(f"npzf {name}, killed", f"{tally.kills} kills in {tally.starts} starts", tally.wrong)
    return report


def saves(folder: Path, options: argparse.Namespace) -> Report:
    """Kills saves at their operations, and fills the disk there; some of each are drawn."""
    from faults.saves import SAVES

    report = Report()
    with Nursery("faults.saves", counting=True) as nursery:
        for name in SAVES:
            save = Save(nursery, name, folder / name.replace(" ", "-"))
            for what, trials in (("killed", every_kill(save)), ("full disk", every_full_disk(save))):
                drawn = [trial() for trial in some(list(trials), options.operations, Random(f"{name} {options.seed}"))]
                wrong = [line for found in drawn for line in found]
                report.add(f"{name}, {what}", f"{len(drawn)} at {len(save.operations)} operations", wrong)
            report.wrong += list(save.out_of_order())
    return report


def some(trials: list[Callable[[], list[str]]], most: int, random: Random) -> list[Callable[[], list[str]]]:
    return trials if len(trials) <= most else random.sample(trials, most)


def damage(folder: Path, options: argparse.Namespace) -> Report:
    """Damages files, spread over the kinds, and half as many again that get the right digest."""
    from faults.kinds import KINDS

    report, count = Report(), options.damaged
    kinds = {name: kind for name, kind in KINDS.items() if kind.damaged}
    with Nursery("faults.kinds") as nursery:
        sound = {name: Sound(nursery, name, kind, folder / name.replace(" ", "-")) for name, kind in kinds.items()}
        for what, resealed in (("damaged", False), ("damaged, with the right digest", True)):
            among, verdicts = [name for name, kind in kinds.items() if kind.sealed or not resealed], Verdicts()
            for i in range(count if not resealed else count // 2):
                sound[among[i % len(among)]].trial(options.seed * count + i // len(among), resealed, verdicts)
            say_verdicts(report, what, verdicts)
    return report


def crafted(folder: Path, options: argparse.Namespace) -> Report:
    """Reads all files that were made with intent."""
    from faults.crafted import CASES, Trials

    report = Report()
    with Nursery("faults.crafted", counting=True) as nursery:
        trials = Trials(nursery, folder)
        for case in CASES:
            trials.trial(case)
    say_verdicts(report, "made with intent", trials.verdicts)
    return report


def table(rows: list[tuple[str, str, str]]) -> str:
    widths = [max(len(row[k]) for row in rows) for k in range(2)]
    return "\n".join(f"{what:{widths[0]}}  {tried:>{widths[1]}}  {found}" for what, tried, found in rows)


def say_verdicts(report: Report, what: str, verdicts: Verdicts) -> None:
    total: Counter[str] = sum(verdicts.counts.values(), Counter())
    for kind, counts in verdicts.counts.items():
        report.rows.append((kind, str(counts.total()), said(counts)))
    report.add(f"all {what}", str(total.total()), verdicts.wrong, f"{said(total)}; wrong: {len(verdicts.wrong)}")


def said(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.most_common())


PARTS = {"crafted": crafted, "saves": saves, "kills": kills, "damage": damage}  # the longest first


def main(arguments: list[str] | None = None) -> int:
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--kills", type=int, default=30, help="of whole commands (default 30)")
    made.add_argument("--operations", type=int, default=12, help="at most, of each save and fault (default 12)")
    made.add_argument("--damaged", type=int, default=300, help="files (default 300), and half as many with the right digest")
    made.add_argument("--seed", type=int, default=0, help="of what is drawn (default 0)")
    made.add_argument("--processes", type=int, default=2, help="parts at once (default 2)")
    made.add_argument("--without", nargs="*", default=[], choices=PARTS, help="parts to leave out")
    options = made.parse_args(arguments)
    if reason := why_not_counting():
        print(reason, file=sys.stderr)
        return 1
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="npzf-faults-", dir=MEMORY) as folder, ThreadPoolExecutor(options.processes) as pool:
        wanted = [part for name, part in PARTS.items() if name not in options.without]
        reports = list(pool.map(lambda part: part(Path(folder) / part.__name__, options), wanted))
    rows, wrong = [row for report in reports for row in report.rows], [line for report in reports for line in report.wrong]
    print(f"\n{table(rows)}\n\n{time.monotonic() - begin:.0f} s; {len(wrong)} not as they must be")
    print("".join(f"  {line}\n" for line in wrong[:SHOWN]), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
