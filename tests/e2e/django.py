"""A careless Django application behind gunicorn, with nothing of its own but its code; tamis gives it the rest.

It is run twice, once logging JSON and once plain text with stack traces over many lines:

* its health comes through tamis, by the golden table: PostgreSQL and Redis are real and stopped in turn;
* its requests are counted per route and status in a real Prometheus, exactly as they were sent;
* each of its failures is one event in a real Bugsink, with title, frames and request, the failure that it
  answered with 200 as well;
* addresses and passwords that it puts into logs and answers are in no output at all;
* SIGTERM ends both, and what it was asked is answered.
"""

import collections
import json
import secrets
import signal
import statistics
import subprocess
import threading
import time
import urllib.parse

from harness import ports
from harness.servers import Bugsink, Postgres, Prometheus, Redis, validate_event
from harness.tamis import Tamis
from harness.upstreams import Upstream

SECONDS = 420
ROUTES = ["/register", "/register/confirm", "/crash", "/slow", "/api/tasks", "/api/tasks/{id}", "/health/*"]
# Words that must be where they are looked for, so that looking for others means something.
SEEN_IN_LOGS = ["registering", "Registration failed", "Internal Server Error", "weak password"]


def run(case):
    programs = case.repository / ".venv-e2e" / "bin"
    oracle = Oracle(case)
    bugsink = Bugsink(case, programs)
    for logging in ("json", "verbose"):
        Run(case, logging, oracle, bugsink, programs).whole()


class Oracle:
    """The application and what it needs."""

    def __init__(self, case):
        self.case = case
        self.folder = case.repository / "tests" / "e2e" / "oracle"
        self.programs = case.repository / ".venv-oracle" / "bin"
        self.postgres = Postgres(case)
        self.redis = Redis(case)
        self.external_is_well = True
        self.external = Upstream(case, ports.free(), {"/health": self.answer_as_external})
        prepare = subprocess.run([self.programs / "python", "app.py", "prepare"], cwd=self.folder,
                                 env=self.environment("json"), capture_output=True, text=True)
        case.need("the application's table is made", prepare.returncode == 0, prepare.stderr)

    def answer_as_external(self, page):
        page.answer(b"fine\n" if self.external_is_well else b"ill\n", 200 if self.external_is_well else 503)

    def environment(self, logging):
        return {
            "PATH": "/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ORACLE_POSTGRES": f"127.0.0.1:{self.postgres.port}:{self.postgres.password}",
            "ORACLE_REDIS": self.redis.url,
            "ORACLE_LOGGING": logging,
        }

    def command(self, port):
        return [str(self.programs / "gunicorn"), "--chdir", str(self.folder), "--workers", "2",
                "--no-control-socket", "--bind", f"127.0.0.1:{port}", "--access-logfile", "-", "app:application"]


class Run:
    """The application with one way of logging."""

    def __init__(self, case, logging, oracle, bugsink, programs):
        self.case = case
        self.logging = logging
        self.oracle = oracle
        self.bugsink = bugsink
        self.programs = programs
        self.project, self.dsn = bugsink.project(f"tasks-{logging}")
        self.port = ports.free()
        self.nobody = ports.free()
        unique = secrets.token_hex(4)
        # Beginnings: what is behind the @ may be written as %40.
        self.mail = f"ann.canary{unique}"
        self.password = f"Kanarie{unique}xq9"
        self.sent = collections.Counter()
        self.pages = {}

    def say(self, text):
        return f"{self.logging}: {text}"

    def whole(self):
        first = self.logging == "json"
        if first:
            self.oracle.postgres.freeze()
        self.start()
        if first:
            self.before_the_first_check()
            self.oracle.postgres.thaw()
        self.prometheus = Prometheus(self.case, f"prometheus-{self.logging}", f"127.0.0.1:{self.tamis.admin_port}")
        self.is_up()
        self.traffic()
        self.counted()
        self.captured()
        if first:
            self.golden_table()
        self.stops()
        self.prometheus.stop()
        self.nothing_leaked()

    # -- start ----------------------------------------------------------------------------

    def configuration(self):
        oracle, name = self.oracle, self.logging
        server = urllib.parse.urlsplit(self.dsn)
        check = 'interval = "1s", retry-interval = "1s", fall = 1, start-period = "0s", timeout = "900ms"'
        return f"""\
[server]
grace = "15s"
drain-delay = "1500ms"

[[routes]]
name = "gone"
path = "/gone/"
upstream = "nobody"
plugins = ["timing", "errors", "redact"]

[[routes]]
name = "tasks"
path = "/"
upstream = "app"
plugins = ["timing", "health", "errors", "redact"]

[upstreams.nobody]
servers = ["http://127.0.0.1:{self.nobody}"]

[upstreams.app]
servers = ["http://127.0.0.1:{self.port}"]

[plugins.timing]
component = "builtin:timing"
allow = ["metrics"]
config = {{ routes = {json.dumps(ROUTES)} }}

[plugins.health]
component = "builtin:health"
allow = ["metrics", "state"]
allow-probe = ["env:PROBE_DATABASE", "{oracle.redis.url}", "{oracle.external.url}"]
[plugins.health.config]
version = "1.4.2"
checks = [
  {{ name = "database", probe = "postgres://127.0.0.1:{oracle.postgres.port}/postgres", {check} }},
  {{ name = "cache", probe = "redis://127.0.0.1:{oracle.redis.port}/0", affects = "degraded", {check} }},
  {{ name = "external", probe = "{oracle.external.url}/health", affects = "none", {check} }},
]

[plugins.errors]
component = "builtin:errors"
allow = ["metrics", "state", "errors"]
allow-http = ["http://{server.hostname}:{server.port}"]
config = {{ dsn = "env:SENTRY_DSN", environment = "e2e", release = "tasks@1.4.2" }}

[plugins.redact]
component = "builtin:redact"
allow = ["metrics"]
config = {{ responses = true }}

[logs]
sources = ["app"]
plugins = ["redact", "errors"]
sinks = ["stdout", "file", "errors"]

[sinks.file]
type = "file"
path = "{name}/app.log"
format = "json"

[sinks.errors]
type = "file"
path = "{name}/error.log"
format = "json"
min-level = "error"
"""

    def start(self):
        self.folder = self.case.folder / self.logging
        self.folder.mkdir()
        environment = {**self.oracle.environment(self.logging), "SENTRY_DSN": self.dsn,
                       "PROBE_DATABASE": self.oracle.postgres.url}
        self.tamis = Tamis(self.case, self.configuration(), name=f"tamis-{self.logging}",
                           command=self.oracle.command(self.port), environment=environment)

    def health(self, page=""):
        return self.tamis.fetch(f"/health/{page}")

    def before_the_first_check(self):
        """The database is frozen, so that no check has come to an end."""
        answer, ready, live = self.health(), self.health("ready/"), self.health("live/")
        self.case.equal("before the first check: /health/ is 503 and not healthy",
                        (answer.status, answer.json.get("status") in ("unknown", "unhealthy")), (503, True))
        self.case.equal("before the first check: not ready", (ready.status, ready.json),
                        (503, {"status": "not ready"}))
        self.case.equal("before the first check: live", (live.status, live.json), (200, {"status": "alive"}))

    def is_up(self):
        self.case.need_within(self.say("the application is up"), 30, lambda: ports.answers(self.port))
        self.expect_health("all up", 200, "healthy", True)

    # -- traffic --------------------------------------------------------------------------

    def ask(self, route, path, expected, method="GET", body=None, headers=None, times=1):
        for _ in range(times):
            answer = self.tamis.fetch(path, method, headers, body)
            self.sent[(method, route, str(answer.status))] += 1
            self.case.equal(self.say(f"{method} {route}"), answer.status, expected)
            self.case.check(self.say(f"{method} {route}: has an id"), answer.headers.get("x-request-id"), answer)
            leaked = [word for word in (self.mail, self.password) if word.encode() in answer.body]
            self.case.check(self.say(f"{method} {route}: the answer holds neither address nor password"),
                            not leaked, answer)
        return answer

    def traffic(self):
        mail, password = f"{self.mail}@mail.example", self.password
        form = {"email": mail, "password": password, "password_again": password}
        encoded = {"content-type": "application/x-www-form-urlencoded"}
        self.ask("/register", "/register", 201, "POST", body=form, times=3)
        created = self.ask("/register", "/register", 201, "POST", urllib.parse.urlencode(form), encoded)
        self.case.check(self.say("all else of the answer is there"), created.body.startswith(b'{"created": true')
                        and b'"plan": "free"' in created.body, created)
        query = urllib.parse.urlencode({"email": mail, "password": password})
        self.ask("/register/confirm", f"/register/confirm?{query}", 200, times=2)
        self.ask("/api/tasks", "/api/tasks", 200, times=5)
        made = self.ask("/api/tasks", "/api/tasks", 201, "POST", {"title": "water the plants", "priority": "high"},
                        times=3)
        number = made.json["data"]["id"]
        self.case.equal(self.say("JSON that holds nothing comes through as it was"), made.json["data"],
                        {"id": number, "title": "water the plants", "priority": "high", "status": "pending"})
        self.ask("/api/tasks/{id}", f"/api/tasks/{number}", 200, times=3)
        self.ask("/api/tasks/{id}", "/api/tasks/999999", 404)
        self.ask("/slow", "/slow?seconds=0.4", 200, times=2)
        self.ask("tasks", "/no/such/page", 404)
        self.ask("/crash", f"/crash?{query}", 500)
        # Apart from each other, so that none can be taken for the other half of another.
        time.sleep(3)
        self.ask("gone", f"/gone/?{query}", 502)
        time.sleep(3)
        # Failed, and answered with 200 all the same.
        wrong = {**form, "password_again": "something else"}
        self.ask("/register", "/register", 200, "POST", body=wrong)

    # -- what was counted -----------------------------------------------------------------

    def counted(self):
        case = self.case
        expected = {key: count for key, count in self.sent.items()}
        count = "sum by (http_request_method, http_route, http_response_status_code)" \
                "(http_server_request_duration_seconds_count)"

        def in_prometheus():
            found = {}
            for labels, value in self.prometheus.query(count):
                key = tuple(labels.get(name, "") for name in
                            ("http_request_method", "http_route", "http_response_status_code"))
                if not key[1].startswith("/health"):
                    found[key] = int(value)
            return found
        case.until(self.say("Prometheus has all requests"), 15,
                   lambda: sum(in_prometheus().values()) >= sum(expected.values()), pause=0.5)
        case.equal(self.say("Prometheus counts what was sent, by method, route and status"), in_prometheus(),
                   expected)
        slow = self.prometheus.query('http_server_request_duration_seconds_sum{http_route="/slow"}')
        case.check(self.say("the slow ones took at least 0.8 s"), slow and slow[0][1] >= 0.8, slow)
        up = self.prometheus.query("up")
        case.check(self.say("the scrape is well"), up and up[0][1] == 1, up)

        answer = self.tamis.page("/metrics")
        lint = subprocess.run(["promtool", "check", "metrics"], input=answer.body, capture_output=True)
        case.check(self.say("`promtool check metrics` has nothing to say"),
                   lint.returncode == 0 and not lint.stdout + lint.stderr,
                   (lint.stdout + lint.stderr).decode())

    # -- what was captured ----------------------------------------------------------------

    def captured(self):
        case = self.case
        wanted = {"PaymentError", "RegistrationError", "UpstreamConnectRefused"}

        def types():
            return collections.Counter(issue["calculated_type"] for issue in self.bugsink.issues(self.project))
        case.until(self.say("all failures are in Bugsink"), 30, lambda: wanted <= set(types()), pause=0.5)
        # What would come twice comes within the time that both halves of a failure wait for each other.
        time.sleep(4)
        case.equal(self.say("each failure is one issue"), dict(types()), {name: 1 for name in wanted})
        events = self.bugsink.events(self.project)
        case.equal(self.say("and one event"), len(events), len(wanted))
        case.equal(self.say("Bugsink refused nothing afterwards"), self.bugsink.complaints(), [])
        by_type = {}
        for event in events:
            data = event["data"] if isinstance(event["data"], dict) else json.loads(event["data"])
            case.equal(self.say("the official schema and Sentry's normaliser agree with the event"),
                       validate_event(self.programs, data), [])
            by_type[data["exception"]["values"][-1]["type"]] = data
        crash, handled = by_type.get("PaymentError"), by_type.get("RegistrationError")
        if crash:
            self.crash_event(crash)
        if handled:
            frames = handled["exception"]["values"][-1]["stacktrace"]["frames"]
            case.equal(self.say("handled: the raising frame"), frames[-1]["function"], "create_account")
        self.errors_page(wanted)

    def crash_event(self, event):
        case = self.case
        values = event["exception"]["values"]
        case.equal(self.say("crash: the chain, root cause first"), [value["type"] for value in values],
                   ["ValueError", "PaymentError"])
        case.check(self.say("crash: the message"), values[-1]["value"].startswith("could not charge "),
                   values[-1]["value"])
        root, last = (value["stacktrace"]["frames"] for value in values)
        case.equal(self.say("crash: frames of the cause"), [frame["function"] for frame in root],
                   ["order_of", "charge"])
        case.equal(self.say("crash: last frames"), [frame["function"] for frame in last[-2:]],
                   ["crash", "order_of"])
        case.check(self.say("crash: the file and the line"), last[-1]["filename"].endswith("app.py")
                   and last[-1]["lineno"] > 0, last[-1])
        in_app = {frame["function"]: frame.get("in_app") for frame in last}
        case.equal(self.say("crash: whose code it is"), [in_app.get("order_of"), in_app.get("inner")],
                   [True, False])
        request = event.get("request", {})
        case.equal(self.say("crash: the request"), request.get("method"), "GET")
        case.check(self.say("crash: its path"), urllib.parse.urlsplit(request.get("url", "")).path == "/crash",
                   request)
        for name, value in (("environment", "e2e"), ("release", "tasks@1.4.2"), ("platform", "python"),
                            ("level", "error")):
            case.equal(self.say(f"crash: {name}"), event.get(name), value)

    def errors_page(self, wanted):
        listed = self.tamis.page("/errors?format=json").json
        titles = [group["title"] for group in listed["groups"]]
        for name in wanted:
            found = [group for group in listed["groups"] if name in group["title"]]
            self.case.equal(self.say(f"/errors: {name} is one group, once"),
                            [group["count"] for group in found], [1])
        self.case.equal(self.say("/errors: nothing else"), len(titles), len(wanted))
        self.pages["/errors.json"] = json.dumps(listed)
        for group in listed["groups"]:
            self.pages[f"/errors {group['id']}"] = self.tamis.page(f"/errors?id={group['id']}").text

    # -- health ---------------------------------------------------------------------------

    def expect_health(self, state, status, word, ready):
        case = self.case

        def fits():
            answer = self.health()
            return (answer.status, answer.json.get("status")) == (status, word) and answer
        answer = case.until(self.say(f"{state}: /health/ is {status} {word}"), 10, fits, pause=0.1)
        live, said = self.health("live/"), self.health("ready/")
        case.equal(self.say(f"{state}: live"), (live.status, live.json), (200, {"status": "alive"}))
        case.equal(self.say(f"{state}: ready"), (said.status, said.json.get("status")),
                   (200, "ready") if ready else (503, "not ready"))
        return answer

    def golden_table(self):
        case, oracle = self.case, self.oracle
        case.equal("the version is shown", self.health().json.get("version"), "1.4.2")
        oracle.redis.stop()
        answer = self.expect_health("Redis down", 200, "degraded", True)
        if answer:
            checks = {name: check["status"] for name, check in answer.json["checks"].items()}
            case.equal("Redis down: the checks", [checks["database"], checks["cache"]], ["ok", "error"])
        oracle.postgres.stop()
        self.expect_health("both down", 503, "unhealthy", False)
        self.storm("both down")
        oracle.redis.start()
        self.expect_health("PostgreSQL down", 503, "unhealthy", False)
        case.until("PostgreSQL down: Redis is well again", 10,
                   lambda: self.health().json["checks"]["cache"]["status"] == "ok")
        self.expect_health("PostgreSQL down, Redis back", 503, "unhealthy", False)
        oracle.postgres.start()
        self.expect_health("all up again", 200, "healthy", True)
        oracle.external_is_well = False
        case.until("external down: shown", 10,
                   lambda: self.health().json["checks"]["external"]["status"] == "error")
        self.expect_health("external down", 200, "healthy", True)
        oracle.external_is_well = True
        self.storm("all up")

    def storm(self, state):
        """Whoever asks gets what is known; the database does not hear of it."""
        before, begun = self.oracle.postgres.connections(), time.monotonic()
        took = [self.health().seconds for _ in range(300)]
        seconds = time.monotonic() - begun
        made = self.oracle.postgres.connections() - before
        median = statistics.median(took) * 1000
        self.case.note(f"{state}: 300 health pages, median {median:.2f} ms, longest {max(took) * 1000:.1f} ms")
        self.case.check(f"{state}: health is answered at once", median < 50, f"median {median:.1f} ms")
        self.case.check(f"{state}: a storm of questions is none on the database", made <= seconds + 3,
                        f"{made} connections in {seconds:.1f} s")

    # -- the end --------------------------------------------------------------------------

    def stops(self):
        case = self.case
        for page in ("/errors", "/plugins", "/metrics", "/health", "/plugins/health/", "/plugins/errors/"):
            self.pages[page] = self.tamis.page(page).text
        plugins = self.tamis.page("/plugins").json
        case.equal(self.say("no plugin has a strike"), [plugin["strikes_total"] for plugin in plugins], [0] * 4)

        under_way = []
        asking = threading.Thread(target=lambda: under_way.append(self.tamis.fetch("/slow?seconds=3")))
        asking.start()
        time.sleep(0.5)
        self.tamis.process.send(signal.SIGTERM)
        time.sleep(0.5)
        answer, ready, live = self.health(), self.health("ready/"), self.health("live/")
        case.equal(self.say("draining: not ready"), (ready.status, ready.json.get("status")), (503, "not ready"))
        case.equal(self.say("draining: live"), live.status, 200)
        case.check(self.say("draining: shown"), answer.json.get("draining") is True, answer)
        case.equal(self.say("draining: gunicorn's status is the status"), self.tamis.process.wait(30), 0)
        asking.join(10)
        case.check(self.say("draining: what was asked is answered"),
                   under_way and (under_way[0].status, under_way[0].body) == (200, b"at last\n"), under_way)
        case.check(self.say("gunicorn has ended, too"), not ports.answers(self.port))

    def nothing_leaked(self):
        case = self.case
        for page, text in self.pages.items():
            case.write(f"{self.logging}/pages/{urllib.parse.quote(page, safe='')}", text)
        files = [path for path in case.folder.rglob("*") if path.is_file() and path.name != "test.log"]
        contents = {path.relative_to(case.folder): path.read_bytes() for path in files}
        for what, canary in (("address", self.mail), ("password", self.password)):
            leaked = [str(path) for path, content in contents.items() if canary.encode() in content]
            case.check(self.say(f"the {what} is in none of {len(files)} files"), not leaked,
                       [f"{path}: {around(contents, path, canary)}" for path in leaked])
        name = self.logging
        for path, words in ((f"tamis-{name}.out", SEEN_IN_LOGS), (f"{name}/app.log", SEEN_IN_LOGS),
                            (f"{name}/error.log", SEEN_IN_LOGS[1:3]),
                            ("bugsink/db.sqlite3", ["could not charge"])):
            content = b"".join(content for known, content in contents.items() if str(known).startswith(path))
            missing = [word for word in words if word.encode() not in content]
            case.check(self.say(f"{path} holds what else was said"), not missing, f"without {missing}")


def around(contents, path, canary):
    """What stands around the first occurrence."""
    content = next(content for known, content in contents.items() if str(known) == path)
    at = content.index(canary.encode())
    return content[max(0, at - 100):at + 60]
