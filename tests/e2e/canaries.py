"""Planted secrets never come out, whatever breaks.

Canaries of every kind that redaction knows stand in what the application answers, in what it is asked and
in what it writes. Then everything that can fails: a plugin traps, another one loops, the redactor has no
time, the upstream is not there or cuts off, a disk is full and its queue with it, the server for errors is
down, tamis is killed. Every file, stream, page, answer, key in Redis and core that is left is searched for
every canary in all spellings, and none is found.

That the search can find is shown beside it: without the plugin it does, in every output, and tamis says so
itself. And with `on-canary = "withhold"` tamis alone, without the plugin, keeps all of its own outputs clean.
"""

import base64
import gzip
import html
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import zlib

from harness import ports
from harness.servers import Redis
from harness.tamis import Tamis
from harness.upstreams import Upstream

SECONDS = 600
# What is in tests/guests, as the build script of the tests leaves it.
GUEST = "hostile.wasm"


def with_check_digit(digits):
    """A number that passes the test of Luhn."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        digit = int(digit) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return digits + str(-total % 10)


def jwt():
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    signature = base64.urlsafe_b64encode(bytes(range(7, 39))).rstrip(b"=").decode()
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': 'canary-e2e-1742', 'aud': 'shop'})}.{signature}"


# By kind. No two have a part in common, so that each is found by itself.
CANARIES = {
    "email": "mira.kanarie.7c1e@voliere-shop.example",
    "card": with_check_digit("453957780236148"),
    "iban": "DE89370400440532013000",
    "us-ssn": "536-90-4399",
    "github": "ghp_Kn4r13v0G3lK4n4r13nV0g3lZw1tsch3rt09",
    "aws": "AKIAQ3EGK7NARIEXVOGL",
    "jwt": jwt(),
    "bearer": "kanarienvogel-bearer-93f0a7c2d1e8b465",
    "password": "Zw1tscher!Kanarie&93",
    "session": "kanarie-sess-5b2f8e7d0a91c364",
    "database": "pg-kanarie-81xq7",
    "key": base64.b64encode(bytes((n * 37 + 11) % 256 for n in range(48))).decode(),
}


def run(case):
    guest = case.need_within("the hostile plugin is built", 300, lambda: guest_of(case))
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    planted = case.folder / "planted"
    planted.mkdir()
    case.write("planted/canaries.txt", "".join(f"{one}\n" for one in CANARIES.values()))
    case.write("planted/lines.txt", log_lines())
    case.write("planted/writer.py", WRITER)
    shutil.copy(guest, planted / GUEST)
    redis = Redis(case)
    case.check("the search finds each canary in each spelling", not missed_by_search(), missed_by_search())

    faults = Scenario(case, "faults", redis, redactor="closed")
    faults.everything_breaks()
    faults.is_clean()
    faults.says("no hit is counted", lambda hits: not any(hits.values()))

    hurried = Scenario(case, "hurried", redis, redactor="closed", deadline="1ms", sentry=False)
    hurried.everything_breaks()
    hurried.is_clean()

    killed = Scenario(case, "killed", redis, redactor="closed", end=signal.SIGKILL)
    killed.everything_breaks()
    killed.is_clean()

    aborted = Scenario(case, "aborted", redis, redactor="closed", end=signal.SIGABRT)
    aborted.everything_breaks()
    case.equal("aborted: no core is left", aborted.cores(), [])
    aborted.is_clean()

    # From here on the test tests itself.
    control = Scenario(case, "control", redis, redactor=None)
    control.everything_breaks()
    control.leaks("tamis.out", "log.json", "sentry", "answers", "pages-errors")
    control.says("without redaction every output has hits",
                 lambda hits: all(hits.get(output, 0) > 0 for output in ("logs", "errors", "requests", "state", "pages")))
    told = control.everything("log.json").decode(errors="replace")
    case.check("control: it is told of, by place in the list",
               re.search(r"canary \d+ of \[redact\] was not redacted and has reached the output `logs`", told), told[-500:])

    withheld = Scenario(case, "withheld", redis, redactor=None, on_canary="withhold")
    withheld.everything_breaks()
    # Answers to clients are not tamis' own, and nothing was there to redact them.
    withheld.is_clean(but=["answers"])
    withheld.says("and what was withheld is counted", lambda hits: hits.get("logs", 0) > 0)

    core_of_a_process_that_may_leave_one(case, redis)


# -- what is planted --------------------------------------------------------------------------


def log_lines():
    """What the application writes: each canary as loggers, drivers and people write it."""
    c = CANARIES
    pem = f"-----BEGIN PRIVATE KEY-----\n{c['key']}\n-----END PRIVATE KEY-----"
    record = {"level": "error", "message": f"login of {c['email']} failed", "password": c["password"],
              "card_number": c["card"], "ssn": c["us-ssn"], "api": {"token": c["github"], "jwt": c["jwt"]},
              "key": pem, "iban": c["iban"], "aws_access_key_id": c["aws"]}
    return "\n".join([
        f"INFO user {c['email']} paid with {c['card']}",
        f"WARN ssn {c['us-ssn']} of {c['email'].upper()}, IBAN {c['iban']}",
        f"ERROR login failed: user=mira password={urllib.parse.quote(c['password'], safe='')} again",
        f'time=1 level=info msg="signed in" email="{c["email"]}" password="{c["password"]}"',
        f"connecting to postgres://shop:{c['database']}@db.internal:5432/shop",
        f"> Authorization: Bearer {c['bearer']}",
        f"> Cookie: theme=dark; sessionid={c['session']}; lang=de",
        f"pushed with {c['github']} by {c['aws']}, then {c['jwt']}",
        f"GET /reset?email={urllib.parse.quote(c['email'])}&access_token={c['bearer']} HTTP/1.1",
        json.dumps(record),
        json.dumps({"level": "info", "message": json.dumps(record)}),
        pem,
        f"WARN cannot read the key {pem}",
        json.dumps({"level": "warn", "message": "a bad line", "email": c["email"]}),
        "Traceback (most recent call last):",
        '  File "/srv/shop/pay.py", line 31, in pay',
        "    charge(order)",
        f"shop.PaymentError: card {c['card']} of {c['email']} was declined, token={c['github']}",
        "",
    ])


# Writes its lines again and again; a pause after each round.
WRITER = r"""
import os, sys, time
lines, parent = open(sys.argv[1]).read().splitlines(), os.getppid()
for number in range(int(sys.argv[2])):
    if os.getppid() != parent:
        break
    for line in lines:
        print(line, flush=True)
    # Of those that say all there is to know in one line.
    print(lines[number % 10], file=sys.stderr, flush=True)
    time.sleep(0.02)
open("all-is-written", "w").close()
while os.getppid() == parent:
    time.sleep(0.1)
"""


def answer_of_the_application():
    c = CANARIES
    return json.dumps({
        "user": {"email": c["email"], "password": c["password"], "ssn": c["us-ssn"]},
        "card": {"number": c["card"]}, "iban": c["iban"], "token": c["github"], "jwt": c["jwt"],
        "access_key": c["aws"], "session_id": c["session"],
        "dsn": f"postgres://shop:{c['database']}@db.internal/shop",
        "note": f"write to {c['email']} or pay with {c['card']}",
        "curl": f"curl -H 'Authorization: Bearer {c['bearer']}' https://shop.example/",
        "pem": f"-----BEGIN PRIVATE KEY-----\n{c['key']}\n-----END PRIVATE KEY-----\n",
    }).encode()


def pages(breaks_off):
    def leaky(handler):
        handler.answer(answer_of_the_application(), headers=[
            ("content-type", "application/json"), ("x-request-user", CANARIES["email"])])

    def chunks(handler):
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        body = answer_of_the_application()
        for at in range(0, len(body), 7):
            handler.chunk(body[at:at + 7])
            # Half-way it is over, sometimes.
            if breaks_off.is_set() and at > len(body) // 2:
                handler.close_connection = True
                return
        handler.wfile.write(b"0\r\n\r\n")

    def crash(handler):
        handler.answer(b"Internal error for " + CANARIES["email"].encode(), 500,
                       headers=[("content-type", "text/plain")])

    return {"/leaky": leaky, "/chunks": chunks, "/crash": crash, "/bad": leaky, "/loop-bad": leaky}


# -- one run ----------------------------------------------------------------------------------


class Scenario:
    """One tamis around one application, with all that breaks around it."""

    def __init__(self, case, name, redis, redactor, deadline="10ms", sentry=True, on_canary="count",
                 core_dumps=False, end=signal.SIGTERM):
        self.case = case
        self.name = name
        self.redis = redis
        self.folder = case.folder / name
        self.folder.mkdir()
        self.on_canary = on_canary
        self.core_dumps = core_dumps
        self.hurried = deadline == "1ms"
        self.end = end
        # Who is killed is killed in the middle of it.
        rounds = 40 if end == signal.SIGTERM else 1_000_000
        self.hits = {}
        self.lock = threading.Lock()
        redis.command("FLUSHALL")
        self.breaks_off = threading.Event()
        self.upstream = Upstream(case, ports.free(), pages(self.breaks_off))
        self.sentry_port = ports.free()
        self.sentry = Upstream(case, self.sentry_port, {"/api/1/envelope/": self.take}) if sentry else None
        planted = case.folder / "planted"
        self.tamis = Tamis(case, self.configuration(redactor, deadline), name=f"{name}/tamis", cwd=self.folder,
                           command=[sys.executable, planted / "writer.py", planted / "lines.txt", rounds])

    def configuration(self, redactor, deadline):
        guards = ["redact"] if redactor else []
        table = f"""
[plugins.redact]
component = "builtin:redact"
allow = ["metrics"]
config = {{ responses = true, response-headers = ["x-request-user"] }}
deadline = "{deadline}"
body-deadline = "{deadline}"
on-fault = "{redactor}"
""" if redactor else ""
        sentry = f"http://127.0.0.1:{self.sentry_port}"

        def route(path, upstream, plugins):
            return (f'[[routes]]\npath = "{path}"\nupstream = "{upstream}"\n'
                    f'plugins = {json.dumps(["timing", "errors", *plugins, *guards])}\n')
        return f"""\
{route("/gone", f"http://127.0.0.1:{ports.free()}", [])}
{route("/bad", self.upstream.url, ["trap"])}
{route("/loop-bad", self.upstream.url, ["loop"])}
{route("/", self.upstream.url, [])}
{table}
[plugins.timing]
component = "builtin:timing"
allow = ["metrics"]
config = {{ slow = "1ms" }}

[plugins.errors]
component = "builtin:errors"
allow = ["metrics", "state", "errors"]
allow-http = ["{sentry}"]
config = {{ dsn = "http://public@127.0.0.1:{self.sentry_port}/1" }}

[plugins.trap]
component = "../planted/{GUEST}"
allow = ["metrics", "errors"]
config = {{ hook = "on-response-body", do = "trap", how = "panic" }}

[plugins.loop]
component = "../planted/{GUEST}"
allow = ["metrics", "errors"]
config = {{ hook = "on-request", do = "loop" }}

[plugins.logtrap]
component = "../planted/{GUEST}"
allow = ["metrics", "errors"]
on-fault = "open"
config = {{ hook = "on-logs", do = "trap", how = "panic" }}

[logs]
sources = ["app"]
plugins = {json.dumps(["logtrap", *guards, "errors"])}
sinks = ["stdout", "json", "full"]
level = "debug"
queue = "64 KiB"

[sinks.stdout]
type = "stdout"

[sinks.json]
type = "file"
path = "log.json"
max-size = "64 KiB"
keep = 1000

# Nothing that is written there ever arrives, and what waits for it fills its queue.
[sinks.full]
type = "file"
path = "/dev/full"

[state]
url = "{self.redis.url}"
prefix = "{self.name}"

[redact]
canaries-file = "../planted/canaries.txt"
on-canary = "{self.on_canary}"
core-dumps = {str(self.core_dumps).lower()}
"""

    def keep(self, name, content):
        with self.lock, open(self.folder / name, "ab") as file:
            file.write(content + b"\n")

    def take(self, handler):
        """The server for errors: it keeps what it gets, and is ill every other time."""
        body = handler.body
        for window in (31, -15):
            try:
                body = zlib.decompress(body, window)
            except zlib.error:
                continue
            break
        self.keep("sentry", repr(handler.headers.items()).encode() + b"\n" + body)
        ill = len(self.sentry.asked) % 2 == 0
        handler.answer(b"{}", 503 if ill else 200)

    def ask(self, path, **settings):
        answer = self.tamis.fetch(path, timeout=10, **settings)
        self.keep("answers", repr((answer.status, answer.headers)).encode() + b"\n" + answer.body)
        return answer.status

    def page(self, path):
        page = self.tamis.page(path, timeout=10)
        self.keep("pages" + path.split("?")[0].replace("/", "-"), repr(page.headers).encode() + b"\n" + page.body)
        return page

    def everything_breaks(self):
        """Asks for everything in every way, looks at every page, and ends it by its signal."""
        case, c, end = self.case, CANARIES, self.end
        quoted = {kind: urllib.parse.quote(text, safe="") for kind, text in c.items()}
        headers = {"authorization": f"Bearer {c['bearer']}", "cookie": f"sessionid={c['session']}",
                   "user-agent": f"bot of {c['email']}", "x-api-key": c["github"],
                   "referer": f"https://shop.example/?email={quoted['email']}"}
        query = (f"?email={quoted['email']}&password={quoted['password']}&card={c['card']}"
                 f"&token={c['github']}&access_token={c['jwt']}")
        body = {"email": c["email"], "password": c["password"], "card": c["card"]}
        for round_ in range(3):
            for path in ("/leaky", "/chunks", "/crash", "/gone", "/bad", f"/users/{quoted['email']}/orders"):
                self.ask(path + query, headers=headers)
                self.ask(path + query, headers=headers, method="POST", body=body)
            self.ask("/loop-bad" + query, headers=headers)
            self.breaks_off.set()
        self.breaks_off.clear()
        if end == signal.SIGTERM:
            case.until(f"{self.name}: the application has written all", 60,
                       (self.folder / "all-is-written").exists)
        # The batches of error events, a tick that keeps what is known of them.
        time.sleep(3)
        for path in ("/", "/plugins", "/health", "/redaction", "/metrics", "/plugins/errors/"):
            self.page(path)
        groups = self.page("/errors").text
        for link in sorted(set(re.findall(r'href="(\?id=\w+)"', groups))):
            self.page("/errors/" + link)
        scrape = self.tamis.metrics()
        for labels, value in scrape.samples.get("tamis_canary_hits_total", []):
            self.hits[labels["output"]] = value
        dropped = scrape.sum("tamis_sink_dropped_records_total", sink="full") or 0
        trapped = scrape.sum("tamis_plugin_traps_total") or 0
        case.note(f"{self.name}: hits {self.hits}, {dropped} dropped, {trapped} instances lost")
        case.check(f"{self.name}: plugins have trapped", trapped > 0, scrape.text[-400:])
        # A redactor without time lets too few records through to fill it.
        if end == signal.SIGTERM and not self.hurried:
            case.check(f"{self.name}: the full queue has dropped records", dropped > 0)
        self.keep("redis", self.in_redis())
        load = threading.Thread(target=self.asks_until_it_is_over, args=("/chunks" + query, headers))
        load.start()
        time.sleep(0.3)
        self.tamis.process.send(end)
        # A core has some hundred gigabytes of holes, which take their time; it is cut short.
        status = self.tamis.process.wait(30 if self.core_dumps else 60)
        self.tamis.process.stop(signal.SIGKILL)
        load.join()
        expected = {signal.SIGTERM: lambda: status is not None and status >= 0}
        holds = expected.get(end, lambda: status == -end)()
        case.check(f"{self.name}: it ends by {end.name}", holds or self.core_dumps, status)
        self.keep("redis", self.in_redis())

    def asks_until_it_is_over(self, path, headers):
        while self.ask(path, headers=headers):
            pass

    def in_redis(self):
        found = [b"keys:"]
        for key in self.redis.command("KEYS", "*").split():
            for words in (("GET", key), ("HGETALL", key)):
                found.append(f"{key} {self.redis.command('--no-raw', *words)}".encode())
        return b"\n".join(found)

    def everything(self, name):
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob(name + "*")))

    def cores(self):
        return sorted(path.name for path in self.folder.glob("core*"))

    def files(self):
        return [path for path in sorted(self.folder.rglob("*")) if path.is_file() and path.suffix != ".toml"]

    def is_clean(self, but=()):
        found = {}
        for path in self.files():
            if any(path.name.startswith(name) for name in but):
                continue
            if kinds := search(path):
                found[path.name] = kinds
        files = [path.name for path in self.files()]
        self.case.check(f"{self.name}: no canary is in any of {len(files)} files", not found, found)
        wanted = {"tamis.out", "log.json", "answers", "pages-metrics", "redis"}
        self.case.check(f"{self.name}: the files are there", wanted <= set(files), files)

    def leaks(self, *names):
        for name in names:
            kinds = sorted(set().union(*(search(path) for path in self.folder.glob(name + "*"))))
            self.case.note(f"{self.name}: {name} leaks {kinds}")
            self.case.check(f"{self.name}: without redaction `{name}` leaks", kinds)

    def says(self, promise, holds):
        self.case.check(f"{self.name}: {promise}", holds(self.hits), self.hits)
        report = json.loads((self.folder / "pages-redaction").read_bytes().split(b"\n", 1)[1])
        seen = sum(hit["texts"] for hit in report["canaries"]["hits"])
        self.case.equal(f"{self.name}: /redaction says so, too", seen > 0, any(self.hits.values()))


def core_of_a_process_that_may_leave_one(case, redis):
    """Memory holds what is to be redacted; so the search has to find it in a core, if there is one."""
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read().strip()
    if pattern != "core" or resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        case.note(f"no control of cores: the system writes them elsewhere ({pattern})")
        return
    dumped = Scenario(case, "dumped", redis, redactor="closed", core_dumps=True, end=signal.SIGABRT)
    dumped.everything_breaks()
    cores = dumped.cores()
    if not cores:
        case.note("no control of cores: the system wrote none, although it may")
        return
    kinds = sorted(set().union(*(search(dumped.folder / core) for core in cores)))
    case.check("dumped: and the search finds canaries in it", kinds, kinds)
    for core in cores:
        (dumped.folder / core).unlink()


# -- the search -------------------------------------------------------------------------------


def spellings(text):
    """Every way in which a text is likely to be written, as bytes. Nothing of tamis' own is used."""
    def percent(text, **settings):
        return urllib.parse.quote(text, **settings)
    plain = {
        text, text.upper(), text.lower(), json.dumps(text)[1:-1], json.dumps(json.dumps(text))[2:-2],
        percent(text), percent(text, safe=""), percent(percent(text, safe=""), safe=""),
        percent(text, safe="").lower(), urllib.parse.quote_plus(text), html.escape(text),
        "".join(f"%{byte:02X}" for byte in text.encode()), "".join(f"\\u{ord(one):04x}" for one in text),
        text.replace("@", "\\u0040"), text.replace("&", "\\u0026"), text.replace("/", "\\/"),
        text.encode().hex(), text.encode().hex().upper(), text.replace("-", ""), text.replace("-", " "),
    }
    found = {one.encode() for one in plain}
    for before in range(3):
        # Only digits that hold nothing of a neighbour.
        whole = base64.b64encode(b"\0" * before + text.encode())
        first, last = -(-before * 8 // 6), (before + len(text.encode())) * 8 // 6
        found |= {whole[first:last], whole[first:last].translate(bytes.maketrans(b"+/", b"-_"))}
    return found


SPELLINGS = {kind: spellings(text) for kind, text in CANARIES.items()}


def search(path):
    """The kinds of canaries in a file."""
    if path.stat().st_size == 0:
        return set()
    found = set()
    for content in pieces(path):
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        found |= {kind for kind, all_ in SPELLINGS.items() if any(one in content for one in all_)}
    return found


def pieces(path):
    """What is written in a file, without its holes: a core has some hundred gigabytes of these."""
    with open(path, "rb") as file:
        end, at = path.stat().st_size, 0
        while at < end:
            try:
                begin = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            at = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            file.seek(begin)
            yield file.read(at - begin)


def missed_by_search():
    return [(kind, one) for kind, all_ in SPELLINGS.items() for one in all_ if len(one) < 8 or not one]


def guest_of(case):
    """The component, from wherever cargo put it; built if it is not there."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", case.repository / "target"))
    pattern = f"*/build/tamis-tests-*/out/{GUEST}"

    def newest():
        return max(target.glob(pattern), key=lambda path: path.stat().st_mtime, default=None)
    if newest() is None:
        subprocess.run(["cargo", "build", "--quiet", "--package", "tamis-tests"], cwd=case.repository, check=True)
    return newest()
