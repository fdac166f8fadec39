"""A client's driver as a process: commands in, answers out, each within its time (clients/contract.py says which)."""

import json
import os
import queue
import signal
import subprocess
import threading

# How long a client may take for one command. A machine that is busy with something else needs longer than one expects.
LIMIT_S = 100
# The first answer may need a compiler.
START_S = 90
STDERR_LINES = 6


class DriverError(Exception):
    """What a client answered instead of doing what it was asked."""


class Driver:
    def __init__(self, name, command, log):
        self.name = name
        self.log = log
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
            )
        self.answers = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.hello = self._next(START_S)
        self.client = self.hello["client"]
        self.cannot = self.hello.get("cannot", {})

    def ask(self, on_ready=None, **command):
        """The answers to a command; `on_ready` is called where the driver says that it is ready."""
        try:
            self.process.stdin.write(json.dumps(command | {"limit_s": LIMIT_S}) + "\n")
            self.process.stdin.flush()
        except OSError:
            raise DriverError(f"{self.name} has ended{self._last_words()}") from None
        answers = []
        while True:
            answer = self._next(LIMIT_S + 10)
            if "done" in answer:
                return answers
            if "failed" in answer:
                raise DriverError(answer["failed"])
            if "ready" in answer:
                on_ready()
            else:
                answers.append(answer)

    def end(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
                self.process.wait(timeout=5)
            except (OSError, subprocess.TimeoutExpired):
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # All of it has ended by itself.
        self.process.wait()

    def _listen(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def _next(self, limit_s):
        try:
            line = self.answers.get(timeout=limit_s)
        except queue.Empty:
            self.end()
            raise DriverError(f"{self.name} gave no answer in {limit_s} s{self._last_words()}") from None
        if line is None:
            self.answers.put(None)
            raise DriverError(f"{self.name} ended early{self._last_words()}")
        try:
            return json.loads(line)
        except ValueError:
            raise DriverError(f"{self.name} answered {line[:200]!r}") from None

    def _last_words(self):
        with open(self.log, errors="replace") as lines:
            return "".join(f"\n{line.rstrip()[:300]}" for line in lines.readlines()[-STDERR_LINES:])
