"""Processes that a test starts, and the promise that none of them outlives it.

Each gets a session of its own, so that an interrupt at the terminal reaches only the runner, and is
told to end when the runner dies. The runner adopts orphans: whatever a test leaves behind becomes
its child, is named, and is ended by its number. Output goes to files, never to pipes that fill.
"""

import ctypes
import os
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans():
    """From here on orphaned grandchildren become children of this process."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot adopt orphans")


def _end_with_runner():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Process:
    """One process. Its output is in `NAME.out` and `NAME.err` of the folder, appended at a restart."""

    def __init__(self, name, argv, folder, cwd=None, environment=None, user=None, stdin=None):
        self.name = name
        self.argv = [str(part) for part in argv]
        self.out = folder / f"{name}.out"
        self.err = folder / f"{name}.err"
        settings = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        with open(self.out, "ab") as out, open(self.err, "ab") as err:
            self._popen = subprocess.Popen(
                self.argv,
                cwd=cwd or folder,
                env={**os.environ, **(environment or {})},
                stdin=stdin or subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=_end_with_runner,
                **settings,
            )
        self.stdin = self._popen.stdin

    @property
    def pid(self):
        return self._popen.pid

    @property
    def status(self):
        """The exit status, negative for a signal, or None while it runs."""
        return self._popen.poll()

    def send(self, number):
        if self.status is None:
            os.kill(self.pid, number)

    def wait(self, seconds):
        """The exit status, or None when it still runs after that time."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, number=signal.SIGTERM, seconds=15):
        """Ends it, with force if need be, and answers with its status."""
        self.send(signal.SIGCONT)
        self.send(number)
        if self.wait(seconds) is None:
            self.send(signal.SIGKILL)
            self._popen.wait()
        return self.status

    def output(self):
        """All that it wrote, standard output first."""
        return "".join(path.read_text(errors="replace") for path in (self.out, self.err))

    def resident(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0


def children():
    """The children of this process, adopted ones among them: number and command line."""
    found = {}
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as file:
            for pid in map(int, file.read().split()):
                found[pid] = _command_line(pid)
    return found


def _command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def end_leftovers(known=()):
    """Ends all children but the known ones; answers with the command lines of those that ran."""
    running = []
    deadline = time.monotonic() + 2
    while left := {pid: line for pid, line in children().items() if pid not in known}:
        for pid in left:
            try:
                # What has ended already is only waited for.
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        # What is on its way out gets the time for it.
        if time.monotonic() < deadline:
            time.sleep(0.05)
            continue
        for pid, line in left.items():
            if not line:
                continue
            running.append(f"{pid} {line}")
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
    return running
