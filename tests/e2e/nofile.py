"""The first minute: `tamis run --upstream URL` without a configuration, in front of whatever there is.

A static server in Python and an nginx stand for "any application". All four plugins run, the health
pages answer, the exchanges are counted and timed, the answers come through byte for byte, and an
upstream that is not there is a 502 and an error that operators see.
"""

import sys

from harness import ports, web
from harness.servers import Nginx
from harness.tamis import Tamis

PLUGINS = {"timing", "health", "errors", "redact"}
PAGE = b"<!doctype html><title>shop</title><p>Nothing here is changed: 4.50 EUR\n"


def run(case):
    empty = case.folder / "empty"
    empty.mkdir()
    files = case.folder / "site"
    files.mkdir()
    (files / "index.html").write_bytes(PAGE)

    port = ports.free()
    python = case.start("python", [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", port],
                        cwd=files)
    case.need_within("the static server is up", 10, lambda: ports.answers(port))
    in_front_of(case, "python", f"http://127.0.0.1:{port}", empty)
    python.stop()

    nginx = Nginx(case, "    index index.html;")
    (nginx.files / "index.html").write_bytes(PAGE)
    in_front_of(case, "nginx", nginx.url, empty)

    gone(case, empty)


def in_front_of(case, name, upstream, folder):
    direct = web.fetch(upstream + "/")
    tamis = Tamis(case, upstream=upstream, name=f"tamis-{name}", cwd=folder)

    for number in range(20):
        through = tamis.fetch("/", headers={"user-agent": "e2e"})
        same = (through.status, through.body) == (direct.status, direct.body)
        if not case.check(f"{name}: answer {number} is the upstream's", same, through):
            break
    for header in ("content-type", "content-length", "last-modified", "etag"):
        case.equal(f"{name}: `{header}` is the upstream's", through.headers.get(header),
                   direct.headers.get(header))
    case.check(f"{name}: an id is put on the answer", through.headers.get("x-request-id"), through)
    missing = tamis.fetch("/missing")
    case.equal(f"{name}: a 404 is the upstream's", missing.status, 404)

    plugins = {plugin["name"]: plugin for plugin in tamis.page("/plugins").json}
    case.equal(f"{name}: all four plugins are listed", set(plugins), PLUGINS)
    for plugin in plugins.values():
        case.equal(f"{name}: {plugin['name']} serves", plugin["state"], "serving")
        case.equal(f"{name}: {plugin['name']} has no strikes", plugin["strikes_total"], 0)

    for slash in ("", "/"):
        case.until(f"{name}: /health{slash} is 200 healthy", 10,
                   lambda: healthy(tamis.fetch(f"/health{slash}")))
        live = tamis.fetch(f"/health/live{slash}")
        case.equal(f"{name}: /health/live{slash}", (live.status, live.json), (200, {"status": "alive"}))
        ready = tamis.fetch(f"/health/ready{slash}")
        case.equal(f"{name}: /health/ready{slash}", (ready.status, ready.json),
                   (200, {"status": "ready"}))
    public = tamis.fetch("/health/").text
    case.check(f"{name}: the health page tells strangers no address", "127.0.0.1" not in public, public)

    def counted():
        scrape = tamis.metrics()
        count = "http_server_request_duration_seconds_count"
        seen = [scrape.sum(count, http_response_status_code=status) for status in ("200", "404")]
        # Twenty pages, at least six health pages, one page that is not there.
        return seen[0] is not None and seen[0] >= 26 and seen[1] == 1
    case.until(f"{name}: the exchanges are timed and counted", 10, counted)
    case.check(f"{name}: /errors shows no error", tamis.page("/errors").status == 200,
               tamis.page("/errors"))
    case.equal(f"{name}: SIGTERM ends it with 0", tamis.stop(), 0)


def healthy(answer):
    return answer.status == 200 and answer.json.get("status") == "healthy"


def gone(case, folder):
    """Nobody listens where requests should go."""
    tamis = Tamis(case, upstream=f"http://127.0.0.1:{ports.free()}", name="tamis-gone", cwd=folder)
    for _ in range(3):
        answer = tamis.fetch("/orders/17")
        case.equal("no upstream: 502", answer.status, 502)
        case.check("no upstream: the answer carries the id", answer.headers.get("x-request-id"), answer)
        case.check("no upstream: the answer names no address", b"127.0.0.1" not in answer.body, answer)

    def group():
        text = tamis.page("/errors").text
        return text if "UpstreamConnectRefused" in text else None
    case.until("no upstream: /errors has a group for it", 15, group)
    case.equal("no upstream: live all the same", tamis.fetch("/health/live/").status, 200)
    error = tamis.metrics().sum("http_server_request_duration_seconds_count",
                                http_response_status_code="502")
    case.equal("no upstream: the 502s are counted", error, 3)
    case.equal("no upstream: SIGTERM ends it with 0", tamis.stop(), 0)
