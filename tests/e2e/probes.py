"""Health probes against a real Redis and a real PostgreSQL, each ill in the ways that servers are ill.

Stopped, frozen, locked, out of memory, read-only: each is told from the others, by the word for who has
to act. A check changes only after `fall` failures in a row and comes back only after `rise` successes,
seen step by step on the page for operators. Neither that page nor any other output holds a password.
"""

import time

from harness import ports
from harness.servers import Postgres, Redis
from harness.tamis import Tamis
from harness.upstreams import Upstream

PASSWORDS = {"redis": "redis-e2e-password", "wrong": "not-the-e2e-password"}
FALL, RISE = 3, 2


def run(case):
    upstream = Upstream(case, ports.free(), {"/": lambda page: page.answer(b"shop\n")})
    postgres = Postgres(case)
    redis = Redis(case, password=PASSWORDS["redis"])
    locked = Redis(case, name="locked", password="nobody-tells-tamis")
    tamis = Tamis(case, configuration(upstream, postgres, redis, locked))
    watch = Watch(case, tamis)

    case.until("both servers are well", 20, lambda: watch.is_well("cache") and watch.is_well("database"))
    for name, word in (("locked", "credentials"), ("wrong-password", "credentials"),
                       ("nobody", "connect"), ("denied", "denied")):
        case.until(f"`{name}` says `{word}`", 15, lambda: watch.check(name).get("failure") == word)
    case.equal("what affects nothing leaves the whole healthy", tamis.fetch("/health/").status, 200)
    case.equal("and ready", tamis.fetch("/health/ready/").status, 200)

    # What each does to its server, how it is undone, and the word for it.
    redis_outages = [
        ("frozen", redis.freeze, redis.thaw, "timeout"),
        ("out of memory", lambda: redis.command("CONFIG", "SET", "maxmemory", "1"),
         lambda: redis.command("CONFIG", "SET", "maxmemory", "0"), "declined"),
        ("a replica", lambda: redis.command("REPLICAOF", "127.0.0.1", str(ports.free())),
         lambda: redis.command("REPLICAOF", "NO", "ONE"), "declined"),
        ("stopped", redis.stop, redis.start, "connect"),
    ]
    for name, break_it, mend, word in redis_outages:
        outage(case, watch, "cache", f"Redis {name}", break_it, mend, word, degraded)
    postgres_outages = [
        ("frozen", postgres.freeze, postgres.thaw, "timeout"),
        ("stopped", postgres.stop, postgres.start, "connect"),
    ]
    for name, break_it, mend, word in postgres_outages:
        outage(case, watch, "database", f"PostgreSQL {name}", break_it, mend, word, unhealthy)

    said = [tamis.page("/plugins/health/").text, tamis.page("/plugins").text, tamis.page("/health").text,
            tamis.page("/metrics").text, tamis.fetch("/health/").text]
    case.equal("SIGTERM ends it with 0", tamis.stop(), 0)
    said.append(tamis.process.output())
    for password in (*PASSWORDS.values(), postgres.password):
        leaked = [text for text in said if password in text]
        case.check("no output holds a password", not leaked, leaked)


def configuration(upstream, postgres, redis, locked):
    def check(name, probe, affects):
        return (f'{{ name = "{name}", probe = "{probe}", affects = "{affects}", interval = "1s",'
                f' retry-interval = "1s", timeout = "500ms", fall = {FALL}, rise = {RISE},'
                ' start-period = "0s" }')

    nobody = f"tcp://127.0.0.1:{ports.free()}"
    checks = ",\n  ".join([
        # The host adds the password, which the plugin never learns.
        check("cache", f"redis://127.0.0.1:{redis.port}/0", "degraded"),
        check("database", postgres.url, "unhealthy"),
        check("locked", f"redis://127.0.0.1:{locked.port}/0", "none"),
        check("wrong-password", postgres.url_with(PASSWORDS["wrong"]), "none"),
        check("nobody", nobody, "none"),
        check("denied", f"tcp://127.0.0.1:{ports.free()}", "none"),
    ])
    return f"""\
[[routes]]
path = "/"
upstream = "app"
plugins = ["health"]

[upstreams.app]
servers = ["{upstream.url}"]

[plugins.health]
component = "builtin:health"
allow = ["metrics", "state"]
allow-probe = [
  "{redis.url}",
  "postgres://127.0.0.1:{postgres.port}",
  "redis://127.0.0.1:{locked.port}",
  "{nobody}",
]
[plugins.health.config]
checks = [
  {checks},
]
"""


class Watch:
    """The page for operators."""

    def __init__(self, case, tamis):
        self.case = case
        self.tamis = tamis

    def report(self):
        return self.tamis.page("/plugins/health/").json

    def check(self, name):
        return {check["name"]: check for check in self.report()["checks"]}[name]

    def is_well(self, name):
        check = self.check(name)
        return check["status"] == "healthy" and check["streak"] >= 1

    def record(self, name, until, seconds):
        """The distinct states of a check, in order, until one fits."""
        states, deadline = [], time.monotonic() + seconds
        while time.monotonic() < deadline:
            check = self.check(name)
            state = (check["status"], check["streak"])
            if not states or states[-1] != state:
                states.append(state)
            if until(check):
                return states, check
            time.sleep(0.1)
        return states, None


def degraded(case, tamis, name):
    answer = tamis.fetch("/health/")
    case.equal(f"{name}: /health/", (answer.status, answer.json.get("status")), (200, "degraded"))
    case.equal(f"{name}: /health/ready/", tamis.fetch("/health/ready/").status, 200)


def unhealthy(case, tamis, name):
    answer = tamis.fetch("/health/")
    case.equal(f"{name}: /health/", (answer.status, answer.json.get("status")), (503, "unhealthy"))
    ready = tamis.fetch("/health/ready/")
    case.equal(f"{name}: /health/ready/", (ready.status, ready.json), (503, {"status": "not ready"}))


def outage(case, watch, check, name, break_it, mend, word, consequence):
    """Breaks a server, watches its check fall, mends it, and watches it rise."""
    case.note(f"{name} begins")
    break_it()
    states, down = watch.record(check, lambda seen: seen["status"] == "unhealthy", 20)
    if case.check(f"{name}: the check falls", down, states):
        case.equal(f"{name}: the failure is called", down.get("failure"), word)
        early = [state for state in states if state[0] == "unhealthy" and state[1] > -FALL]
        case.check(f"{name}: not before the third failure", not early, states)
        case.check(f"{name}: the first failures are seen", ("healthy", -1) in states, states)
        # The page that strangers see is written once a second.
        time.sleep(1.2)
        consequence(case, watch.tamis, name)
        live = watch.tamis.fetch("/health/live/")
        case.equal(f"{name}: live all the same", (live.status, live.json), (200, {"status": "alive"}))
        public = watch.tamis.fetch("/health/").text
        case.check(f"{name}: strangers learn neither address nor reason",
                   "127.0.0.1" not in public and word not in public, public)
    mend()
    states, up = watch.record(check, lambda seen: seen["status"] == "healthy", 20)
    if case.check(f"{name}: the check rises again", up, states):
        early = [state for state in states if state[0] == "healthy" and state[1] < RISE]
        case.check(f"{name}: not before the second success", not early, states)
        case.check(f"{name}: the first success is seen", ("unhealthy", 1) in states, states)
    case.until(f"{name}: healthy again", 5, lambda: watch.tamis.fetch("/health/").status == 200)
