"""One test: its folder, what it started, and what it states.

A statement that does not hold is noted with what was seen, and the test goes on: one run shows all
that is wrong. Only what everything after it needs ends the test at once (`Broken`).
"""

import datetime
import time
import traceback

from . import process


class Broken(Exception):
    """The test cannot go on."""


class Never(Exception):
    """What is waited for will never come."""


class Case:
    """One running test."""

    def __init__(self, name, folder, repository, tamis):
        self.name = name
        self.folder = folder
        self.repository = repository
        self.tamis = tamis
        self.held = 0
        self.failures = []
        self._endings = []
        self._log = open(folder / "test.log", "w")

    # -- what is stated ---------------------------------------------------------------------

    def check(self, promise, holds, seen=None):
        """States that something holds, and shows what was seen if it does not."""
        if holds:
            self.held += 1
            self.note(f"ok    {promise}")
        else:
            shown = () if seen is None else (("seen", _text(seen)),)
            self._fail(promise, shown)
        return bool(holds)

    def equal(self, promise, seen, expected):
        """States that both are equal."""
        if seen == expected:
            return self.check(promise, True)
        self._fail(promise, (("seen", _text(seen)), ("expected", _text(expected))))
        return False

    def _fail(self, promise, shown):
        """All of what was seen goes to the log of the test, its beginning to the terminal."""
        self.note("\n".join([f"FAIL  {promise}", *(f"{what}: {text}" for what, text in shown)]))
        self.failures.append("\n".join([promise, *(f"{what}: {_short(text)}" for what, text in shown)]))

    def need(self, promise, holds, seen=None):
        """States what everything after it needs."""
        if not self.check(promise, holds, seen):
            raise Broken

    def note(self, text):
        """Writes to the log of the test."""
        now = datetime.datetime.now().strftime("%H:%M:%S.%f")[:-3]
        self._log.write(f"{now} {text}\n")
        self._log.flush()

    # -- waiting ----------------------------------------------------------------------------

    def until(self, promise, seconds, probe, pause=0.05):
        """Asks until the answer is true, and gives it back; states that it was within the time.

        What the probe raises counts as no, and is shown when the time is over; `Never` ends it at once.
        """
        deadline, last = time.monotonic() + seconds, None
        while True:
            try:
                last = probe()
                if last:
                    self.check(promise, True)
                    return last
            except Never as error:
                self.check(promise, False, str(error))
                return None
            except Exception as error:  # what is not there yet fails in many ways
                last = error
            if time.monotonic() > deadline:
                self.check(f"{promise}, within {seconds:g} s", False, repr(last))
                return None
            time.sleep(pause)

    def need_within(self, promise, seconds, probe, pause=0.05):
        """As `until`, for what everything after it needs."""
        answer = self.until(promise, seconds, probe, pause)
        if not answer:
            raise Broken
        return answer

    # -- what is started --------------------------------------------------------------------

    def start(self, name, argv, **settings):
        """Starts a process that ends with the test."""
        started = process.Process(name, argv, self.folder, **settings)
        self.note(f"started {name} ({started.pid}): {' '.join(started.argv)}")
        self.at_end(lambda: started.status is None and started.stop())
        return started

    def at_end(self, ending):
        """Does this at the end of the test, however it ends; the last one first."""
        self._endings.append(ending)

    def write(self, name, text):
        """Writes a file into the folder of the test and answers with its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def close(self):
        """Ends all that was started, and states that nothing is left of it."""
        while self._endings:
            try:
                self._endings.pop()()
            except Exception:  # the other endings have to run
                self.failures.append(f"an ending failed\n{traceback.format_exc()}")
        left = process.end_leftovers()
        self.check("no process is left behind", not left, left)
        self._log.close()


def _text(seen):
    return seen if isinstance(seen, str) else repr(seen)


def _short(text, lines=8, width=400):
    """The beginning, since that is where causes stand."""
    given = text.splitlines() or [""]
    cut = [line if len(line) <= width else f"{line[:width]}…" for line in given[:lines]]
    return "\n".join(cut if len(given) <= lines else [*cut, f"… ({len(given)} lines)"])
