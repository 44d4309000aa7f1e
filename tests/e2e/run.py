#!/usr/bin/env python3
"""Runs end-to-end tests and prints a line for each: `run.py [--list] [NAME…]`. Called by `run.sh`.

A test is a file beside this one: `NAME.py` with a function `run(case)` and, if it may take longer than
three minutes, `SECONDS`; or `NAME.sh`, which gets `TAMIS` and `E2E_DIR` and says with its status how it
went. What a test writes stays under `target/e2e/NAME/` until it runs again. Status: 0 when all passed,
1 when one failed, 2 for wrong usage.
"""

import importlib.util
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from harness import process  # noqa: E402
from harness.case import Broken, Case  # noqa: E402

# In this order: what fails for the simplest reasons first.
ORDER = ["nofile", "probes", "nginx", "drain", "logs", "canaries", "django"]
NOT_TESTS = {"run"}
SECONDS = 180
SCRIPT_SECONDS = 600


class OutOfTime(Exception):
    """The test took longer than it may."""


def tests():
    found = {path.stem: path for path in HERE.iterdir() if path.suffix in (".py", ".sh")}
    names = [name for name in found if name not in NOT_TESTS]
    names.sort(key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return {name: found[name] for name in names}


def alarm(*_):
    raise OutOfTime


def run_python(path, case):
    spec = importlib.util.spec_from_file_location(f"e2e_{case.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    signal.alarm(getattr(module, "SECONDS", SECONDS))
    module.run(case)


def run_script(path, case):
    signal.alarm(SCRIPT_SECONDS)
    environment = {"TAMIS": str(case.tamis), "E2E_DIR": str(case.folder)}
    script = case.start(case.name, ["bash", path], cwd=REPOSITORY, environment=environment)
    while script.status is None:
        script.wait(1)
    case.check("the script ends with 0", script.status == 0,
               f"{script.status}\n{script.output()[-3000:]}")


def run(name, path, tamis):
    """Runs one test and prints its line; whether it passed."""
    folder = REPOSITORY / "target" / "e2e" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    case = Case(name, folder, REPOSITORY, tamis)
    begun = time.monotonic()
    interrupted = None
    try:
        (run_script if path.suffix == ".sh" else run_python)(path, case)
    except Broken:
        pass
    except OutOfTime:
        case.failures.append(f"it took too long\n{traceback.format_exc()}")
    except KeyboardInterrupt as interrupt:
        interrupted = interrupt
    except Exception:  # a bug of the test, or something that it did not foresee
        case.failures.append(f"it broke\n{traceback.format_exc()}")
    finally:
        signal.alarm(0)
        case.close()
    if interrupted:
        raise interrupted
    took = time.monotonic() - begun
    passed = not case.failures and case.held > 0
    print(f"{'ok  ' if passed else 'FAIL'} {name:<14} {case.held} held, {len(case.failures)} not, {took:.1f} s",
          flush=True)
    for failure in case.failures:
        first, *rest = failure.splitlines()
        print("     - " + "\n       ".join([first, *rest]), flush=True)
    return passed


def main(arguments):
    known = tests()
    if arguments == ["--list"]:
        print("\n".join(known))
        return 0
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"no test is called {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    tamis = pathlib.Path(os.environ["TAMIS"]).resolve()
    if not os.access(tamis, os.X_OK):
        print(f"TAMIS names no program: {tamis}", file=sys.stderr)
        return 2
    process.adopt_orphans()
    signal.signal(signal.SIGALRM, alarm)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Also where a shell in the background had them ignored.
        signal.signal(number, signal.default_int_handler)
    try:
        passed = [run(name, known[name], tamis) for name in arguments or known]
    except KeyboardInterrupt:
        print("interrupted; what was started is ended", file=sys.stderr)
        return 130
    failed = passed.count(False)
    print(f"{passed.count(True)} passed, {failed} failed; logs are under target/e2e/")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
