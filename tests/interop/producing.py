"""Producers that send numbered records until they are told to stop, each to a topic of its own."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import promises

TOP = Path(__file__).resolve().parent.parent.parent

# How many of the last records show that everything flows again.
LAST_RECORDS = 100


@dataclass
class Load:
    """A producer with a topic of its own."""

    topic: str
    promises: promises.Promises
    settings: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.topic}: " + " ".join(f"{name}={value}" for name, value in self.settings.items())


def build():
    subprocess.run(["cargo", "build", "--quiet", "--release", "--package", "linger", "--example", "outcomes"], cwd=TOP, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")) / "release/examples/outcomes"


class Producing:
    """The producers, until they are told to stop."""

    def __init__(self, bootstrap, chosen, records_per_second, work):
        program = build()
        self.work = work
        self.processes = {}
        for load in chosen:
            settings = [f"{name}={value}" for name, value in load.settings.items()]
            with open(work / f"{load.topic}.outcomes", "wb") as out:
                self.processes[load.topic] = subprocess.Popen(
                    [program, bootstrap, load.topic, str(records_per_second), *settings], stdin=subprocess.PIPE, stdout=out
                )

    def check(self):
        for topic, process in self.processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"the producer to {topic} ended early with {process.returncode}")

    def finish(self):
        for process in self.processes.values():
            process.stdin.close()
        for topic, process in self.processes.items():
            if process.wait(timeout=100) != 0:
                raise RuntimeError(f"the producer to {topic} failed with {process.returncode}")

    def history(self, load):
        with open(self.work / f"{load.topic}.outcomes") as lines:
            return promises.read_history(lines)

    def kill(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()


def expect_calm(history, report):
    """After the faults, everything is acknowledged again."""
    if any(outcome.kind != "acked" for outcome in history.outcomes[-LAST_RECORDS:]):
        report.says("all is well after the faults", f"of the last {LAST_RECORDS} records not all were acknowledged")


def tell(load, history, report, found):
    """Prints what became of a load, and what else was found; true when every promise was kept."""
    counts = history.counts()
    print(f"{'FAILED' if report.broken else 'ok':8} {load}")
    print(f"         {len(history.outcomes)} sent: {counts['acked']} acknowledged, {counts['not-written']} not written, "
          f"{counts['possibly-written']} possibly written, {counts['refused']} refused; {found}")
    for line in report.lines():
        print(f"         {line}")
    return not report.broken
