"""`python -m tests.adversary`: malformed calls, hostile files, and kills; what becomes of each, as a table.

    calls       functions of the library, with wrong types, shapes, rates, NaN, nothing, far too much
    files       whatever a file may hold: nothing, half of it, 16 bits, a program
    commands    the command line: bad values, folders for files, a full disk
    kills       see `kills`

A call has an error with the value and the remedy in its words, or a right answer. It ends in time and within the
memory, runs no code of a file, changes no file that was there, and leaves no half-written one.
"""

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jpu_edu.cost.record import commit, machine
from jpu_edu.data.files import write_json
from tests.adversary import calls, commands, files, kills
from tests.adversary.place import namespace

KINDS = {"calls": calls.CALLS, "files": files.CALLS, "commands": commands.CALLS}
ROOT = Path(__file__).parents[2]  # where a worker finds `tests`
SECONDS = 30  # a call may take
GIGABYTES = 8  # of address space
ERRORS = (TypeError, ValueError, OSError, MemoryError, ImportError, IndexError, ArithmeticError)
CANARY = "canary"  # a hostile file writes it
MAY_CHANGE = ("run.lock",)
Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make every call. Exit status 1 if one does not come out as it must, 2 where there are no such signals."""
    parser = argparse.ArgumentParser(prog="python -m tests.adversary", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=(*KINDS, "kills"), default=(*KINDS, "kills"), metavar="KIND",
                        help=f"some of {', '.join(KINDS)}, kills (default: all)")  # fmt: skip
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="how often training is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills (default: 0)")
    parser.add_argument("--json", metavar="FILE", help="write the rows and the machine to FILE too")
    asked = parser.parse_args(arguments)
    if os.name != "posix":
        print("adversary: it needs the signals and limits of Linux or macOS", file=sys.stderr)
        return 2
    if asked.kills < 0 or asked.seed < 0:
        print(f"adversary: --kills {asked.kills} --seed {asked.seed}; both must be >= 0", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for kind in asked.only:
        found = kills.run(asked.kills, seed=asked.seed) if kind == "kills" else run(kind)
        for row in found:
            rows.append({"number": len(rows) + 1, **row})
            print(told(rows[-1]), flush=True)
    print(f"\n{summary(rows)}")
    if asked.json:
        about = {"command": "python -m tests.adversary", "seed": asked.seed, "commit": commit()}
        try:
            print(f"Written to {write_json(asked.json, {**about, 'machine': machine(), 'rows': rows})}.")
        except OSError as error:
            print(f"adversary: {error}", file=sys.stderr)
            return 2
    return 1 if any(row["verdict"] != "holds" for row in rows) else 0


def told(row: Row) -> str:
    """One line of the table: number, call, what happened, seconds, verdict."""
    happened = " ".join(row["happened"].split())
    return (
        f"{row['number']:4}  {row['verdict']:5}  {row['seconds']:5.2f} s  {row['kind']:9} {row['call']}\n"
        f"{'':22}{happened if row['verdict'] != 'holds' else happened[:150]}"
    )


def summary(rows: list[Row]) -> str:
    """Kinds and what was expected, against verdicts."""
    counts = Counter((row["kind"], row["expected"].split(":")[0], row["verdict"]) for row in rows)
    lines = [f"{'kind':10} {'expected':10} holds  FAILS"]
    for kind, expected in sorted({key[:2] for key in counts}):
        lines.append(
            f"{kind:10} {expected:10} {counts[kind, expected, 'holds']:5}  {counts[kind, expected, 'FAILS']:5}"
        )
    holds = sum(row["verdict"] == "holds" for row in rows)
    return "\n".join([*lines, f"{'all':21} {holds:5}  {len(rows) - holds:5}"])


def run(kind: str) -> Iterator[Row]:
    """Every call of a kind, in a process of its own; where one hangs or ends it, another goes on with the next."""
    made, done = KINDS[kind], 0
    while done < len(made):
        with tempfile.TemporaryDirectory(prefix="adversary-") as place:
            command = [sys.executable, "-m", "tests.adversary.judge", kind, str(done), place]
            os.chmod(place, 0o755)  # for `denied`
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
                try:
                    for line in _lines(worker):
                        yield json.loads(line)
                        done += 1
                    ended = worker.wait(1)
                except subprocess.TimeoutExpired:
                    ended = None
                finally:
                    worker.kill()
        if done < len(made):  # it did not get to its end
            happened = f"no end after {SECONDS} s" if ended is None else f"Python itself ended ({ended})"
            yield _row(kind, made[done], happened, SECONDS if ended is None else 0.0, "FAILS")
            done += 1


def _lines(worker: subprocess.Popen) -> Iterator[bytes]:
    """What the worker writes; ends where it has been silent for too long."""
    rest = b""
    while select.select([worker.stdout], [], [], SECONDS)[0] and (piece := os.read(worker.stdout.fileno(), 2**16)):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _row(kind: str, call: tuple[str, ...], happened: str, seconds: float, verdict: str) -> Row:
    text, *words = call
    expected = f"error: {words[0]} ... {words[1]}" if words else "answer"
    return {
        "kind": kind, "call": text, "expected": expected, "happened": happened, "seconds": round(seconds, 3),
        "verdict": verdict,
    }  # fmt: skip


def work(kind: str, first: int, place: Path) -> None:
    """Inside the worker: make the calls from `first` on, a line of JSON for each."""
    import resource  # there is none on Windows

    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES * 2**30,) * 2)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    names = namespace(place)
    for call in KINDS[kind][first:]:
        out.write(json.dumps(judged(kind, call, names, place)) + "\n")


def judged(kind: str, call: tuple[str, ...], names: dict[str, Any], place: Path) -> Row:
    """Make one call and hold what happens against what is expected."""
    before, started = _listing(place), time.perf_counter()
    text, *words = call
    happened, fine = _outcome(lambda: eval(text, names), words)
    seconds, after = time.perf_counter() - started, _listing(place)
    faults = [] if fine else ["not as expected"]
    faults += ["code of a file was run"] * (place / CANARY).exists()
    faults += [f"{name} is lost or changed" for name in before if after.get(name) != before[name]]
    faults += [f"{name} is left behind" for name in after if name not in before and Path(name).name.startswith(".")]
    (place / CANARY).unlink(missing_ok=True)
    said = "; ".join([*faults, happened]).replace(str(place), "HERE")
    return _row(kind, call, said, seconds, "FAILS" if faults else "holds")


def _outcome(make: Callable[[], Any], words: list[str]) -> tuple[str, bool]:
    """What a call did, and whether that is an error with these words in it, or, without words, True."""
    try:
        value = make()
    except (KeyboardInterrupt, MemoryError) as error:
        return f"{type(error).__name__}: {error}", bool(words) and all(word in str(error) for word in words)
    except Exception as error:
        where = Path(traceback.extract_tb(error.__traceback__)[-1].filename).name
        named = isinstance(error, ERRORS) and all(word in str(error) for word in words)
        return f"{type(error).__name__} in {where}: {error}", bool(words) and named
    return f"{value!r:.200}", not words and value is True


def _listing(place: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder."""
    found = {}
    for path in place.rglob("*"):
        if path.is_file() and path.name not in MAY_CHANGE and not path.is_symlink():
            about = path.stat()
            found[path.relative_to(place).as_posix()] = about.st_size, about.st_mtime_ns
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for whoever started this
    work(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]).resolve())
