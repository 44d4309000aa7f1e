"""SIGTERM under load: what was asked is answered, what was answered is logged, and then it is over.

Clients with kept connections and clients with fresh ones ask all the time; a slow answer over HTTP/1.1 and
one over HTTP/2 are under way. During the delay tamis says that it is not ready and goes on answering;
then it takes nothing new and finishes. Afterwards the access log has one record for every answer, by id.
An exchange that would never end costs the grace and no more, a second signal not even that.
"""

import asyncio
import json
import random
import signal
import subprocess
import threading
import time

from harness import ports
from harness.load import Load
from harness.tamis import Tamis
from harness.upstreams import Upstream

BODY = b"An answer of some length. " * 80
DELAY, SLOW, GRACE = 1.0, 3.0, 10.0


def run(case):
    under_load(case)
    with_something_endless(case)


def configuration(name, upstream, grace, delay):
    return f"""\
[server]
grace = "{grace:g}s"
drain-delay = "{delay:g}s"

[[routes]]
path = "/"
upstream = "app"
plugins = ["timing", "health"]

[upstreams.app]
servers = ["{upstream.url}"]

[plugins.timing]
component = "builtin:timing"
allow = ["metrics"]
config = {{ slow = "off" }}

[plugins.health]
component = "builtin:health"
allow = ["metrics", "state"]

[logs]
sinks = ["file"]

[sinks.file]
type = "file"
path = "{name}.log"
max-size = "1 GiB"
format = "json"
"""


def pages(let_go):
    def page(handler):
        time.sleep(random.uniform(0.005, 0.06))
        handler.answer(BODY)

    def slow(handler):
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for _ in range(10):
            time.sleep(SLOW / 10)
            handler.chunk(BODY)
        handler.wfile.write(b"0\r\n\r\n")

    def endless(handler):
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        while not let_go.wait(0.1):
            handler.chunk(b"on and on\n")

    return {"/": page, "/slow": slow, "/endless": endless}


class HealthPages:
    """Asks for health pages, and remembers what it got: each is an exchange, too."""

    def __init__(self, tamis):
        self.tamis = tamis
        self.answers = []

    def status(self, page):
        answer = self.tamis.fetch(f"/health/{page}/")
        self.answers.append((page, answer.status))
        return answer.status

    def seen(self, page, since):
        return [status for name, status in self.answers[since:] if name == page]


def under_load(case):
    upstream = Upstream(case, ports.free(), pages(threading.Event()))
    tamis = Tamis(case, configuration("load", upstream, GRACE, DELAY))
    load = Load(tamis.port, "/", BODY)
    health = HealthPages(tamis)
    case.until("it is ready at first", 15, lambda: health.status("ready") == 200, pause=0.2)
    before = len(health.answers)

    async def scenario():
        loop = asyncio.get_running_loop()
        clients = asyncio.create_task(load.run(keeping=24, fresh=8))
        await asyncio.sleep(2)
        slow = [loop.run_in_executor(None, curl, option, f"{tamis.url}/slow")
                for option in ("--http1.1", "--http2-prior-knowledge")]
        # It never says anything, and must not keep anybody waiting.
        silent = await asyncio.open_connection("127.0.0.1", tamis.port)
        await asyncio.sleep(0.7)

        begun = time.monotonic()
        load.stop_is_sent()
        tamis.process.send(signal.SIGTERM)
        await asyncio.sleep(0.2)
        while time.monotonic() - begun < DELAY - 0.3:
            for page in ("ready", "live"):
                await loop.run_in_executor(None, health.status, page)
            await asyncio.sleep(0.1)
        done = await asyncio.gather(*slow)
        status = await loop.run_in_executor(None, tamis.process.wait, 30)
        took = time.monotonic() - begun
        silent[1].close()
        # With the listener gone every client ends by itself.
        await asyncio.wait_for(clients, 35)
        return done, status, took

    done, status, took = asyncio.run(scenario())
    case.note(f"answered {load.answered}, {load.answered_after_stop} after the stop, {load.announced} "
              f"announced closes, {load.refused} refused after the stop, over in {took:.2f} s")
    case.equal("SIGTERM ends it with 0", status, 0)
    case.check("it ends within the grace", took < DELAY + GRACE, f"{took:.2f} s")
    case.check("it waits for nothing but what is under way", took < DELAY + SLOW + 2, f"{took:.2f} s")

    for kind, count in load.answered.items():
        case.check(f"there was load on {kind} connections", count > 100, count)
    case.check("the delay is used: requests after the signal are answered", load.answered_after_stop > 20,
               load.answered_after_stop)
    for kind in ("fresh", "reused"):
        for after_stop in (False, True):
            lost = [failure for failure in load.failures
                    if (failure.kind, failure.after_stop) == (kind, after_stop)]
            when = "after" if after_stop else "before"
            case.check(f"no request on a {kind} connection, sent {when} the signal, is lost", not lost,
                       f"{len(lost)}: {lost[:5]}")
    for option, answer in done:
        case.check(f"a slow answer under way is finished ({option})",
                   answer.returncode == 0 and answer.stdout == BODY * 10,
                   f"{answer.returncode}, {len(answer.stdout)} bytes, {answer.stderr!r}")

    ready, live = health.seen("ready", before), health.seen("live", before)
    case.check("it says that it is not ready", ready and set(ready) == {503}, ready)
    case.check("it is live all the same", live and set(live) == {200}, live)

    logged = [record["request_id"] for record in access_log(case, "load")]
    case.equal("no exchange is logged twice", len(logged), len(set(logged)))
    case.equal("every answer has an id of its own", len(set(load.ids)), len(load.ids))
    missing = set(load.ids) - set(logged)
    case.check("every answer is logged", not missing, f"{len(missing)} of {len(load.ids)} are not")
    case.equal("nothing else is logged", len(logged), len(load.ids) + len(health.answers) + len(done))


def access_log(case, name):
    path = case.folder / f"{name}.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [record for record in map(json.loads, lines) if record.get("source") == "access"]


def curl(option, url):
    argv = ["curl", "--silent", "--show-error", "--max-time", "30", option, url]
    return option, subprocess.run(argv, capture_output=True)


def with_something_endless(case):
    for signals, least, most in ((1, 2.0, 6.0), (2, 0.0, 1.5)):
        let_go = threading.Event()
        upstream = Upstream(case, ports.free(), pages(let_go))
        name = "grace" if signals == 1 else "at-once"
        tamis = Tamis(case, configuration(name, upstream, 2, 0), name=f"tamis-{name}")
        client = subprocess.Popen(["curl", "--silent", "--no-buffer", "--max-time", "20", f"{tamis.url}/endless"],
                                  stdout=subprocess.PIPE)
        case.at_end(client.kill)
        case.check("the endless answer begins", client.stdout.read(10) == b"on and on\n")
        begun = time.monotonic()
        tamis.process.send(signal.SIGTERM)
        if signals == 2:
            # One signal at a time: two that wait are one.
            time.sleep(0.3)
            tamis.process.send(signal.SIGTERM)
        status = tamis.process.wait(20)
        took = time.monotonic() - begun
        what = "an endless answer costs the grace" if signals == 1 else "a second signal ends it at once"
        case.check(what, status is not None and least <= took <= most, f"status {status} after {took:.2f} s")
        client.kill()
        client.wait()
        let_go.set()
        if signals == 1:
            logged = [record.get("path") for record in access_log(case, name)]
            case.equal("what was cut off is logged, too", logged, ["/endless"])
