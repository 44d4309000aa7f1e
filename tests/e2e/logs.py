"""`tamis run -- COMMAND`: every line that the command writes arrives once, in order, and so does its status.

The command writes 200,000 numbered lines to both of its outputs: short and long ones, bytes that are no
UTF-8, carriage returns, empty lines, tabs, a last line without an end. A sink writes what the command
wrote, byte for byte; another one JSON, from which every line can be had back. Files rotate without losing
or tearing a line. When the queue is too small for a writer that waits for nobody, what is missing has been
counted.
"""

import collections
import json
import re
import signal
import sys
import time

from harness.tamis import Tamis

SECONDS = 400
LINES = 200_000
STATUS = 3

# What the command does; its arguments are how many lines, how many of them per second, and its status.
WRITER = r'''
import os, sys, time
lines, rate, status = map(int, sys.argv[1:])
out, err = os.fdopen(1, "wb", 256 * 1024), os.fdopen(2, "wb", 64 * 1024)
KINDS = [
    lambda n: b"plain",
    lambda n: b"user=%d took=%dms" % (n, n % 997),
    lambda n: b'{"level":"info","message":"no %d","n":%d}' % (n, n),
    lambda n: b"caf\xe9 \xff\xfe bytes \x80",
    lambda n: "grüße 🌊 \u2028 \u202e".encode(),
    lambda n: b"mail for user%d@shop.example" % n if n % 100 == 5 else b"tab\there\x1b[31mred\x1b[0m\x00nul",
    lambda n: b"ends with a return\r",
    lambda n: b"WARN something at 12:00:00,123",
    lambda n: b"x" * (60000 if n % 2000 == 8 else 300),
    lambda n: b"   indented like a frame",
]
begun = time.monotonic()
for n in range(lines):
    stream = err if n % 10 == 7 else out
    end = b"" if n == lines - 1 else b"\n"
    stream.write(b"line %08d %s%s" % (n, KINDS[n % len(KINDS)](n), end))
    if n % 1000 == 499:
        out.write(b"\n")
    if n % 1000 == 999:
        out.flush(); err.flush()
        ahead = n / rate - (time.monotonic() - begun)
        if ahead > 0:
            time.sleep(ahead)
out.flush(); err.flush()
sys.exit(status)
'''


def run(case):
    writer = case.write("writer.py", WRITER)
    expected = written(case, writer)
    everything(case, writer, expected, "bare", [], "raw")
    # Where a line is redacted, those around it stay what they are.
    redacted = {number: re.sub(rb"user\d+@shop\.example", b"[email]", line) for number, line in expected.items()}
    case.need("some lines are to be redacted", redacted != expected)
    everything(case, writer, redacted, "redacted", ["redact"], "auto")
    everything_or_counted(case, writer)
    signals(case)


def written(case, writer):
    """What the command writes, from its own mouth: its lines by number."""
    direct = case.start("direct", [sys.executable, writer, LINES, 10**9, STATUS])
    case.need("the command works by itself", direct.wait(60) == STATUS, direct.status)
    lines = [line for file in (direct.out, direct.err) for line in file.read_bytes().split(b"\n")]
    by_number = dict(numbered(lines))
    case.need(f"the command writes {LINES} lines", len(by_number) == LINES, len(by_number))
    return by_number


def configuration(name, plugins, line_format, rotate_at):
    return configuration_with(name, plugins, line_format, "512 MiB", {
        "raw": 'max-size = "1 GiB"\nformat = "text"',
        "json": 'max-size = "1 GiB"\nformat = "json"',
        "rotated": f'max-size = "{rotate_at} KiB"\nkeep = 10\nformat = "text"',
        "pruned": f'max-size = "{rotate_at} KiB"\nkeep = 2\nformat = "text"',
    })


def configuration_with(name, plugins, line_format, queue, sinks, when_full="wait"):
    tables = "\n".join(f'[sinks.{sink}]\ntype = "file"\npath = "{name}/{sink}.log"\n{settings}\n'
                       for sink, settings in sinks.items())
    return f"""\
[logs]
sources = ["app"]
plugins = {json.dumps(plugins)}
sinks = {json.dumps(list(sinks))}
access = false
level = "fatal"
queue = "{queue}"

[sources.app]
type = "app"
format = "{line_format}"
when-full = "{when_full}"

[plugins.redact]
component = "builtin:redact"
allow = ["metrics"]

{tables}"""


def start(case, name, config, command):
    """Starts tamis around the command; its files are in the folder of that name."""
    folder = case.folder / name
    folder.mkdir()
    return folder, Tamis(case, config, name=f"tamis-{name}", command=list(map(str, command)))


def numbered(lines):
    """Lines by their number, in the order in which they are there."""
    found = (re.match(rb"line (\d{8}) ", line) for line in lines)
    return [(int(match[1]), match.string) for match in found if match]


def everything(case, writer, expected, name, plugins, line_format):
    # So that the last of ten older files is not yet needed.
    rotate_at = sum(len(line) + 1 for line in expected.values()) * 10 // 96 // 1024
    config = configuration(name, plugins, line_format, rotate_at)
    folder, tamis = start(case, name, config, [sys.executable, writer, LINES, 40_000, STATUS])
    begun = time.monotonic()
    status = tamis.process.wait(120)
    case.need(f"{name}: the command's status is the status", status == STATUS, status)
    case.note(f"{name}: over {time.monotonic() - begun:.1f} s after tamis listened")

    lines = (folder / "raw.log").read_bytes().split(b"\n")
    each_once(case, f"{name}, raw", numbered(lines), expected)
    case.equal(f"{name}, raw: empty lines are lines, too", lines[:-1].count(b""), LINES // 1000)

    written = (folder / "json.log").read_text().split("\n")
    records = [json.loads(line) for line in written if line]
    streams = {record.get("log.iostream") for record in records}
    case.equal(f"{name}, JSON: both outputs are named", streams, {"stdout", "stderr"})
    if line_format == "raw":
        lines = [line for record in records for line in original(record)]
        without_returns = {number: line.removesuffix(b"\r") for number, line in expected.items()}
        each_once(case, f"{name}, JSON", numbered(line.removesuffix(b"\r") for line in lines), without_returns)
    else:
        numbers = [int(number) for line in written for number in re.findall(r"line (\d{8}) ", line)]
        each_once(case, f"{name}, JSON", [(number, None) for number in numbers], None)

    rotated(case, name, folder, rotate_at * 1024, expected)


def original(record):
    """The lines that a record was made of. What was no UTF-8 is Latin-1, and says so."""
    encoding = "latin-1" if record.get("log.latin1") else "utf-8"
    return record["message"].encode(encoding).split(b"\n")


def each_once(case, what, found, expected):
    """Each once, in the order in which its output had it, and byte by byte if that is known."""
    numbers = [number for number, _ in found]
    counts = collections.Counter(numbers)
    missing = [number for number in range(LINES) if number not in counts]
    case.check(f"{what}: no line is missing", not missing, f"{len(missing)}, such as {missing[:5]}")
    twice = [number for number, count in counts.items() if count > 1]
    case.check(f"{what}: no line is there twice", not twice, f"{len(twice)}, such as {twice[:5]}")
    in_order(case, what, numbers)
    if expected is not None:
        changed = [(line, expected.get(number)) for number, line in found if line != expected.get(number)]
        case.check(f"{what}: every byte is the command's", not changed,
                   f"{len(changed)} lines, such as {[(a[:80], b and b[:80]) for a, b in changed[:3]]}")


def in_order(case, what, numbers):
    """Of each output; between the two there is none."""
    for stream, is_err in (("stdout", False), ("stderr", True)):
        own = [number for number in numbers if (number % 10 == 7) == is_err]
        disorder = [pair for pair in zip(own, own[1:]) if pair[1] <= pair[0]]
        case.check(f"{what}: {stream} is in order", not disorder, f"{len(disorder)}, such as {disorder[:3]}")


def rotated(case, name, folder, limit, expected):
    for sink, most in (("rotated", 11), ("pruned", 3)):
        what = f"{name}, {sink}"
        files = sorted(folder.glob(f"{sink}.log*"), key=age, reverse=True)
        names = [path.name for path in files]
        case.check(f"{what}: as many files as are kept, and the last one", 9 <= len(files) <= 11 if most == 11
                   else len(files) == most, names)
        case.equal(f"{what}: named as Python names them", names,
                   [f"{sink}.log.{number}" for number in range(len(files) - 1, 0, -1)] + [f"{sink}.log"])
        large = [(path.name, path.stat().st_size) for path in files if path.stat().st_size > limit]
        case.check(f"{what}: none is larger than {limit} bytes", not large, large)
        torn = [path.name for path in files[:-1] if not path.read_bytes().endswith(b"\n")]
        case.check(f"{what}: none ends within a line", not torn, torn)
        found = numbered(b"".join(path.read_bytes() for path in files).split(b"\n"))
        if sink == "rotated":
            each_once(case, what, found, expected)
        else:
            numbers = [number for number, _ in found]
            in_order(case, what, numbers)
            for is_err in (False, True):
                own = [number for number in numbers if (number % 10 == 7) == is_err]
                wanted = [number for number in range(LINES) if (number % 10 == 7) == is_err][-len(own):]
                case.check(f"{what}: the last {len(own)} lines are there", own == wanted)


def age(path):
    return int(path.suffix[1:]) if path.suffix != ".log" else 0


def everything_or_counted(case, writer):
    """A writer in a hurry and a queue of the least size: it waits and all arrives, or what does not is a number."""
    for when_full in ("wait", "drop"):
        in_a_hurry(case, writer, when_full)


def in_a_hurry(case, writer, when_full):
    name = f"hurry-{when_full}"
    # One sink: what is dropped at the source is dropped once.
    config = configuration_with(name, ["redact"], "auto", "64 KiB",
                                {"raw": 'max-size = "1 GiB"\nformat = "text"'}, when_full)
    # It stays a while after its last line, so that the counters can be read.
    command = ["sh", "-c", f'"$0" "$1" {LINES} 1000000000 0; sleep 6', sys.executable, writer]
    folder, tamis = start(case, name, config, command)
    sink = folder / "raw.log"

    def settled():
        before = sink.stat().st_size
        time.sleep(1)
        return before > 0 and sink.stat().st_size == before
    case.need_within(f"{name}: what arrives has arrived", 60, settled)
    scrape = tamis.metrics()
    case.equal(f"{name}: status 0", tamis.process.wait(30), 0)
    lines = sink.read_bytes().split(b"\n")
    # The last line has no end of its own.
    arrived = len(lines) - (lines[-1] == b"")
    total = LINES + LINES // 1000
    dropped = {metric: scrape.sum(metric) for metric in scrape.samples
               if re.fullmatch("tamis_(log|sink)_dropped_(records|lines)_total", metric)}
    case.note(f"{name}: {arrived} of {total} lines arrived; {dropped}")
    case.check(f"{name}: what is missing is counted", total - arrived == sum(dropped.values()),
               f"{total - arrived} of {total} lines are missing, counted are {dropped}")
    if when_full == "wait":
        case.equal(f"{name}: everything arrives", arrived, total)
    numbers = [number for number, _ in numbered(lines)]
    case.equal(f"{name}: no line is there twice", len(numbers), len(set(numbers)))
    in_order(case, name, numbers)


def signals(case):
    """SIGTERM reaches the command; what it says last is logged; its status is the status."""
    command = case.write("patient.sh", """\
trap 'echo "told to stop"; sleep 0.5; echo "done"; exit 7' TERM
echo "started"
while :; do sleep 0.1; done
""")
    config = """\
[logs]
sinks = ["file"]
access = false
[sinks.file]
type = "file"
path = "signals.log"
"""
    tamis = Tamis(case, config, name="tamis-signals", command=["bash", str(command)])
    log = case.folder / "signals.log"
    case.until("signals: the command starts", 10, lambda: log.exists() and "started" in log.read_text())
    tamis.process.send(signal.SIGTERM)
    case.equal("signals: the command's status is the status", tamis.process.wait(20), 7)
    case.check("signals: its last words are logged", "told to stop" in log.read_text()
               and "done" in log.read_text(), log.read_text())
