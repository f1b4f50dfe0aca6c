"""Measures a command: time in interleaved pairs, instructions, system calls, memory."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from statistics import median, quantiles


class Command:
    """A command to measure: arguments, environment, a file as standard input, and what to call before each run."""

    def __init__(self, arguments, environment, stdin=os.devnull, before=None):
        self.arguments = [str(part) for part in arguments]
        self.environment = environment
        self.stdin = str(stdin)
        self.before = before or (lambda: None)

    def start(self, stdout):
        """Starts it with the file descriptor `stdout` as standard output; returns the process id."""
        streams = [
            (os.POSIX_SPAWN_OPEN, 0, self.stdin, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        return os.posix_spawn(self.arguments[0], self.arguments, self.environment, file_actions=streams)

    def wait(self, process):
        """Waits until it ends; a failure ends the measurement."""
        _, status = os.waitpid(process, 0)
        if status != 0:
            raise SystemExit(f"{' '.join(self.arguments)} failed ({os.waitstatus_to_exitcode(status)})")

    def seconds(self, stdout):
        """The time of a run, from just before the start until `waitpid` returns."""
        self.before()
        started = time.perf_counter()
        self.wait(self.start(stdout))
        return time.perf_counter() - started

    def under(self, tool):
        """Runs it under a tool; returns standard error. A run that fails or prints nothing would measure too little."""
        self.before()
        with open(self.stdin, "rb") as stdin:
            command = [*tool, *self.arguments]
            done = subprocess.run(command, env=self.environment, stdin=stdin, capture_output=True, check=False)
        if done.returncode != 0 or not done.stdout:
            raise SystemExit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr.decode()}")
        return done.stderr.decode()


def compare(command, yardstick, pairs):
    """Runs both by turns. Returns the median of the ratios with its quartiles, and the median time of each."""
    times = []
    with open(os.devnull, "wb") as null:
        for number in range(pairs + 2):
            if number % 2:
                pair = command.seconds(null.fileno()), yardstick.seconds(null.fileno())
            else:
                pair = (yardstick.seconds(null.fileno()), command.seconds(null.fileno()))[::-1]
            times.append(pair)
    del times[:2]  # They warmed up the caches.
    ratios = [ours / theirs for ours, theirs in times]
    low, middle, high = quantiles(ratios, n=4)
    return {
        "ratio": round(middle, 3),
        "quartiles": [round(low, 3), round(high, 3)],
        "milliseconds": round(median(ours for ours, _ in times) * 1000, 3),
        "yardstick milliseconds": round(median(theirs for _, theirs in times) * 1000, 3),
        "pairs": pairs,
    }


def instructions(command):
    """Instructions in user space, counted by callgrind."""
    report = command.under(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
    return int(re.search(r"I\s+refs:\s+([\d,]+)", report)[1].replace(",", ""))


def system_calls(command):
    """Lines of `strace -f`: one for each system call, and one for the exit of the process."""
    with tempfile.NamedTemporaryFile("r") as log:
        command.under(["strace", "-f", "-o", log.name])
        return sum(1 for _ in log)


def peak_memory(command):
    """Peak resident memory in KiB: `VmHWM` at the end of the run.

    `ru_maxrss` does not do: it starts with the value of the parent process. So strace delays the call `exit_group`, and
    `/proc/PID/status` is read meanwhile.
    """
    delay = [shutil.which("strace"), "-D", "-qq", "-o", os.devnull, "-e", "trace=exit_group"]
    delay += ["-e", "inject=exit_group:delay_enter=100000"]
    delayed = Command([*delay, *command.arguments], command.environment, command.stdin)
    command.before()
    with open(os.devnull, "wb") as null:
        process = delayed.start(null.fileno())
    peak = 0
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as status:
            found = re.search(r"^Name:\s+(\S+).*^VmHWM:\s+(\d+) kB", status.read(), re.MULTILINE | re.DOTALL)
        if found and found[1] != "strace":
            peak = int(found[2])
        time.sleep(0.002)
    return peak


def page_faults(command):
    """Pages touched for the first time: `ru_minflt`, the least of several runs, for the kernel's own work varies."""
    faults = []
    with open(os.devnull, "wb") as null:
        for _ in range(10):
            command.before()
            _, status, usage = os.wait4(command.start(null.fileno()), 0)
            if status != 0:
                raise SystemExit(f"{' '.join(command.arguments)} failed ({os.waitstatus_to_exitcode(status)})")
            faults.append(usage.ru_minflt)
    return min(faults)


# The kinds of counts: the function that counts, and the tool that it needs.
COUNTS = {
    "instructions": (instructions, "valgrind"),
    "system calls": (system_calls, "strace"),
    "peak memory": (peak_memory, "strace"),
    "page faults": (page_faults, "true"),
}
