"""What passes through tamis is what the upstream sent: large, packed, in parts, in time, upgraded, over HTTP/2.

A real nginx serves files; a small server of the test's own sends events when it is told to; the
`websockets` package stands at both ends of a tunnel; curl speaks HTTP/2, in clear text and over TLS.
Where redaction asks for bodies they come unpacked, cleaned and packed again, and never in parts.
"""

import gzip
import hashlib
import http.client
import json
import os
import subprocess
import threading
import time
import zlib

from harness import ports, web
from harness.servers import Nginx
from harness.tamis import Tamis
from harness.upstreams import Upstream

MAIL = "jane.canary@shop.example"
LARGE = 96 * 1024 * 1024
# Beyond what one large answer may cost, whatever its size.
MEMORY = 48 * 1024 * 1024


def run(case):
    nginx = Nginx(case, """\
    gzip on;
    gzip_min_length 1;
    gzip_types application/json text/plain;
    # Connections end while others are under way.
    keepalive_requests 7;""")
    files(nginx)
    held = Held()
    events = Upstream(case, ports.free(), held.pages())
    websocket_port = ports.free()
    python = case.repository / ".venv-e2e" / "bin" / "python"
    helper = case.repository / "tests" / "e2e" / "harness" / "websocket.py"
    case.start("websocket", [python, helper, "serve", websocket_port])
    case.need_within("the WebSocket server is up", 20, lambda: ports.answers(websocket_port))
    certificate(case)

    tamis = Tamis(case, configuration(case, nginx, events, websocket_port), tls=True)
    large_files(case, nginx, tamis)
    packed(case, nginx, tamis)
    parts(case, nginx, tamis)
    flushing(case, tamis, held)
    uploads(case, tamis)
    websocket(case, tamis, python, helper)
    http2(case, nginx, tamis)
    coming_and_going(case, nginx, tamis)
    held.let_go()
    case.equal("SIGTERM ends it with 0", tamis.stop(), 0)


def configuration(case, nginx, events, websocket_port):
    return f"""\
[[routes]]
path = "/plain/"
upstream = "nginx"

[[routes]]
path = "/watched/"
upstream = "nginx"
plugins = ["timing"]

[[routes]]
path = "/redacted/"
upstream = "nginx"
plugins = ["timing", "redact"]

[[routes]]
path = "/events/"
upstream = "events"
stream = true

[[routes]]
path = "/events-redacted/"
upstream = "events"
plugins = ["redact"]
stream = true

[[routes]]
path = "/upload"
upstream = "events"
plugins = ["timing"]

[[routes]]
path = "/ws"
upstream = "http://127.0.0.1:{websocket_port}"
plugins = ["timing"]
websocket = true

[[routes]]
path = "/no-ws"
upstream = "http://127.0.0.1:{websocket_port}"
websocket = false

[[routes]]
path = "/ws-by-default"
upstream = "http://127.0.0.1:{websocket_port}"
plugins = ["timing"]

[[routes]]
path = "/no-ws-by-default"
upstream = "http://127.0.0.1:{websocket_port}"
plugins = ["redact"]

[upstreams.nginx]
servers = ["{nginx.url}"]

[upstreams.events]
servers = ["{events.url}"]

[plugins.timing]
component = "builtin:timing"
allow = ["metrics"]

[plugins.redact]
component = "builtin:redact"
allow = ["metrics"]
config = {{ responses = true }}

[logs]
access = false

[server.tls]
certificate = "{case.folder}/certificate.pem"
key = "{case.folder}/key.pem"
"""


def document():
    people = [{"id": number, "name": f"Person {number}", "total": number * 1.50,
               "email": MAIL if number % 7 == 0 else None} for number in range(400)]
    return json.dumps({"people": people}, indent=1)


def letter():
    return "".join(f"{number}: write to {MAIL} today, {number * 7919 % 1000003}.\n" for number in range(2000))


def files(nginx):
    for name in ("plain", "watched", "redacted"):
        folder = nginx.files / name
        folder.mkdir()
        (folder / "people.json").write_text(document())
        (folder / "small.txt").write_text("Nothing to see here.\n" * 40)
        (folder / "mail.txt").write_text(letter())
        (folder / "same.txt").write_text(f"Write to {MAIL} today.\n" * 2000)
    block = os.urandom(1024 * 1024)
    with open(nginx.files / "plain" / "large.bin", "wb") as file:
        for number in range(LARGE // len(block)):
            file.write(number.to_bytes(8, "big") + block[8:])
    os.link(nginx.files / "plain" / "large.bin", nginx.files / "redacted" / "large.bin")


def certificate(case):
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", case.folder / "key.pem",
            "-out", case.folder / "certificate.pem"]
    done = subprocess.run(argv, capture_output=True, text=True)
    case.need("a certificate is made", done.returncode == 0, done.stderr)


# -- large bodies ---------------------------------------------------------------------------


def large_files(case, nginx, tamis):
    digest = hashlib.sha256((nginx.files / "plain" / "large.bin").read_bytes()).hexdigest()
    tamis.fetch("/plain/small.txt")
    before = tamis.process.resident()
    for path in ("/plain/large.bin", "/redacted/large.bin"):
        # A client that falls behind must not make tamis take the rest in.
        connection = http.client.HTTPConnection("127.0.0.1", tamis.port, timeout=30)
        connection.request("GET", path)
        response = connection.getresponse()
        case.equal(f"{path}: the length is announced", response.getheader("content-length"), str(LARGE))
        seen = hashlib.sha256(response.read(1024 * 1024))
        time.sleep(1)
        grown = tamis.process.resident() - before
        case.check(f"{path}: a slow client costs no memory", grown < MEMORY, f"{grown // 1024} KiB more")
        begun = time.monotonic()
        while part := response.read(1024 * 1024):
            seen.update(part)
        took = time.monotonic() - begun
        connection.close()
        case.equal(f"{path}: 96 MiB arrive as they were sent", seen.hexdigest(), digest)
        case.note(f"{path}: {LARGE / took / 1e6:.0f} MB/s")
    grown = tamis.process.resident() - before
    case.check("large answers leave no memory behind", grown < MEMORY, f"{grown // 1024} KiB more")


# -- packed bodies --------------------------------------------------------------------------


def packed(case, nginx, tamis):
    accepts = {"accept-encoding": "gzip"}
    for path in ("/plain/people.json", "/watched/people.json", "/plain/mail.txt"):
        direct = web.fetch(nginx.url + path, headers=accepts)
        case.need(f"nginx packs {path}", direct.headers.get("content-encoding") == "gzip", direct)
        through = tamis.fetch(path, headers=accepts)
        case.equal(f"{path}: stays packed", through.headers.get("content-encoding"), "gzip")
        case.check(f"{path}: nobody asks for it, and every byte is nginx's", through.body == direct.body,
                   f"{len(through.body)} bytes, nginx {len(direct.body)}")

    for name, unpack in (("gzip", gzip.decompress), (None, lambda body: body)):
        for file, original in (("people.json", document()), ("mail.txt", letter())):
            path = f"/redacted/{file}"
            answer = tamis.fetch(path, headers={"accept-encoding": name} if name else {})
            what = f"{path} ({name or 'not packed'})"
            case.equal(f"{what}: status", answer.status, 200)
            case.equal(f"{what}: coding", answer.headers.get("content-encoding"), name)
            try:
                text = unpack(answer.body).decode()
            except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
                case.check(f"{what}: can be unpacked", False, f"{error!r} {answer}")
                continue
            case.check(f"{what}: holds no address", MAIL not in text, text[:500])
            case.check(f"{what}: all else is as it was", text == redacted(original, text), text[:700])
            length = answer.headers.get("content-length")
            case.check(f"{what}: no wrong length", length in (None, str(len(answer.body))), answer.headers)
    # 80 KB packed two hundredfold: over the limit for what may be unpacked, so there is no answer, but that
    # is said and not shown by a connection that breaks.
    answer = tamis.fetch("/redacted/same.txt", headers=accepts)
    case.check("what may not be unpacked is answered with 502, if not with 200", answer.status in (200, 502),
               answer)
    case.check("what may not be unpacked does not come through", MAIL.encode() not in answer.body, answer)


def redacted(original, seen):
    """The original with the marker for addresses that is in `seen`."""
    begin = original.index(MAIL)
    end = original[begin + len(MAIL):][:1]
    marker = seen[begin:].split(end)[0]
    return original.replace(MAIL, marker) if 0 < len(marker) <= 40 else None


# -- parts of bodies ------------------------------------------------------------------------


def parts(case, nginx, tamis):
    whole = (nginx.files / "plain" / "large.bin").read_bytes()[: 4 * 1024 * 1024]
    for wanted, expected in (("bytes=0-0", whole[:1]), ("bytes=1000-1999", whole[1000:2000]),
                             ("bytes=1048570-1048585", whole[1048570:1048586])):
        answer = tamis.fetch("/plain/large.bin", headers={"range": wanted})
        case.equal(f"{wanted}: 206", answer.status, 206)
        case.equal(f"{wanted}: the very bytes", answer.body, expected)
        begin, end = wanted.removeprefix("bytes=").split("-")
        case.equal(f"{wanted}: named", answer.headers.get("content-range"), f"bytes {begin}-{end}/{LARGE}")
    answer = tamis.fetch("/plain/large.bin", headers={"range": f"bytes={LARGE}-"})
    case.equal("a range beyond the end: 416", answer.status, 416)
    several = {"range": "bytes=0-9,100-109"}
    direct = web.fetch(f"{nginx.url}/plain/large.bin", headers=several)
    through = tamis.fetch("/plain/large.bin", headers=several)
    case.equal("several ranges: as many bytes as nginx sends", (through.status, len(through.body)),
               (direct.status, len(direct.body)))

    # A part could cut an address in two, so what is redacted comes whole.
    begin = letter().index(MAIL) + 4
    answer = tamis.fetch("/redacted/mail.txt", headers={"range": f"bytes={begin}-{begin + 400}"})
    case.check("a part of what is redacted: the whole, or nothing", answer.status in (200, 416), answer)
    case.check("a part of what is redacted: no piece of an address", b"canary@shop" not in answer.body, answer)

    direct = web.fetch(f"{nginx.url}/plain/small.txt")
    for name, header in (("etag", "if-none-match"), ("last-modified", "if-modified-since")):
        answer = tamis.fetch("/plain/small.txt", headers={header: direct.headers[name]})
        case.equal(f"{header}: 304 without a body", (answer.status, answer.body), (304, b""))
    head = tamis.fetch("/plain/small.txt", method="HEAD")
    case.equal("HEAD: the length, and no body", (head.headers.get("content-length"), head.body),
               (direct.headers["content-length"], b""))


# -- bodies in time -------------------------------------------------------------------------


class Held:
    """Events that wait until the client has seen those before them."""

    FIRST = b"data: first\n\n"
    # The address is cut where a chunk ends.
    SECOND = (f"data: write to {MAIL[:9]}".encode(), f"{MAIL[9:]} now\n\n".encode())
    LAST = b"data: last\n\n"

    def __init__(self):
        self.event = threading.Event()
        self.sent_last = False

    def let_go(self):
        self.event.set()

    def pages(self):
        return {"/events/": self.send, "/events-redacted/": self.send, "/upload": self.take}

    def send(self, page):
        self.event.clear()
        self.sent_last = False
        page.send_response(200)
        page.send_header("content-type", "text/event-stream")
        page.send_header("cache-control", "no-store")
        page.send_header("transfer-encoding", "chunked")
        page.end_headers()
        page.chunk(self.FIRST)
        self.event.wait(20)
        for piece in self.SECOND:
            page.chunk(piece)
        self.sent_last = True
        page.chunk(self.LAST)
        page.wfile.write(b"0\r\n\r\n")

    def take(self, page):
        digest = hashlib.sha256(page.body).hexdigest()
        page.answer(json.dumps({"length": len(page.body), "sha256": digest}).encode(),
                    headers=[("content-type", "application/json")])


def flushing(case, tamis, held):
    for path in ("/events/", "/events-redacted/"):
        connection = http.client.HTTPConnection("127.0.0.1", tamis.port, timeout=10)
        connection.request("GET", path, headers={"accept": "text/event-stream"})
        try:
            begun = time.monotonic()
            response = connection.getresponse()
            first = response.read1(65536)
            took = time.monotonic() - begun
            case.equal(f"{path}: the first event arrives", first, Held.FIRST)
            case.check(f"{path}: before the last is sent", not held.sent_last)
            case.note(f"{path}: the first event took {took * 1000:.1f} ms")
        except TimeoutError:
            case.check(f"{path}: the first event arrives before the last is sent", False, "nothing in 10 s")
        held.let_go()
        rest = b""
        try:
            while part := response.read1(65536):
                rest += part
        except (TimeoutError, http.client.HTTPException) as error:
            case.check(f"{path}: the rest arrives", False, repr(error))
        connection.close()
        expected = b"".join(Held.SECOND) + Held.LAST
        if path == "/events/":
            case.equal(f"{path}: the rest is as it was sent", rest, expected)
        else:
            case.check(f"{path}: an address in two chunks is no hiding place", MAIL.encode() not in rest, rest)
            case.check(f"{path}: the rest is all there", rest.startswith(b"data: write to ")
                       and rest.endswith(b" now\n\n" + Held.LAST), rest)


def uploads(case, tamis):
    body = os.urandom(24 * 1024 * 1024)
    path = case.folder / "upload.bin"
    path.write_bytes(body)
    expected = {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    # curl sends `Expect: 100-continue` with a body of that size.
    for protocol in ("--http1.1", "--http2-prior-knowledge"):
        done = curl(protocol, "-X", "POST", "--data-binary", f"@{path}", f"{tamis.url}/upload")
        case.check(f"an upload of 24 MiB arrives as it was sent ({protocol})",
                   done.returncode == 0 and json.loads(done.stdout) == expected, done)


# -- other protocols ------------------------------------------------------------------------


def curl(*arguments):
    argv = ["curl", "--silent", "--show-error", "--max-time", "60", *map(str, arguments)]
    return subprocess.run(argv, capture_output=True)


def websocket(case, tamis, python, helper):
    url = f"ws://127.0.0.1:{tamis.port}"
    done = subprocess.run([python, helper, "try", f"{url}/ws"], capture_output=True, text=True)
    if not case.check("WebSocket: the tunnel works", done.returncode == 0, done.stderr):
        return
    found = json.loads(done.stdout)
    case.equal("WebSocket: the subprotocol is agreed on", found["subprotocol"], "chat")
    for what in ("texts", "binary"):
        case.equal(f"WebSocket: {what} come back as they were sent", found[what], True)
    case.equal("WebSocket: silence is no end", found["after_a_pause"], "still there?")
    case.equal("WebSocket: the close code passes", found["close"], [4001, "as you wish"])
    # Frames pass no plugin, so where one changes bodies a tunnel has to be asked for.
    for path, passes in (("ws-by-default", True), ("no-ws-by-default", False), ("no-ws", False)):
        tried = subprocess.run([python, helper, "try", f"{url}/{path}"], capture_output=True, text=True)
        case.check(f"WebSocket: /{path} {'passes' if passes else 'does not pass'}",
                   (tried.returncode == 0) == passes, tried.stdout or tried.stderr)


def http2(case, nginx, tamis):
    authority = case.folder / "certificate.pem"
    ways = [
        ("HTTP/2 in clear text", ["--http2-prior-knowledge"], tamis.url, b"2"),
        ("HTTP/2 over TLS", ["--http2", "--cacert", authority], tamis.tls_url, b"2"),
        ("HTTP/1.1 over TLS", ["--http1.1", "--cacert", authority], tamis.tls_url, b"1.1"),
    ]
    small = (nginx.files / "plain" / "small.txt").read_bytes()
    large = hashlib.sha256((nginx.files / "plain" / "large.bin").read_bytes()).hexdigest()
    for name, options, url, version in ways:
        written = ["-w", "\n%{http_version} %{http_code}"]
        done = curl(*options, *written, f"{url}/plain/small.txt")
        body, _, said = done.stdout.rpartition(b"\n")
        case.equal(f"{name}: version and status", said, version + b" 200")
        case.equal(f"{name}: the body", body, small)
        target = case.folder / "large.out"
        curl(*options, "-o", target, f"{url}/plain/large.bin")
        digest = hashlib.sha256(target.read_bytes()).hexdigest() if target.exists() else None
        case.equal(f"{name}: 96 MiB arrive as they were sent", digest, large)
        target.unlink(missing_ok=True)
        cleaned = curl(*options, f"{url}/redacted/mail.txt").stdout
        case.check(f"{name}: redacted, too", MAIL.encode() not in cleaned and b"write to" in cleaned,
                   cleaned[:300])
    # Thirty at a time over one connection. Over TLS only: this curl cannot use a connection twice that it
    # was told to be HTTP/2, whoever the server is.
    many = curl("--http2", "--cacert", authority, "--parallel", "--parallel-max", "30", "-w", "%{http_code}\n",
                "-o", "/dev/null", f"{tamis.tls_url}/plain/small.txt?[1-300]")
    statuses = many.stdout.split()
    case.check("HTTP/2 over TLS: 300 requests, thirty at a time, are all answered", statuses == [b"200"] * 300,
               f"{statuses.count(b'200')} of {len(statuses)}, {many.stderr[-500:]!r}")


def coming_and_going(case, nginx, tamis):
    """nginx ends every seventh connection, and is restarted: nobody hears of it."""
    statuses = [tamis.fetch(f"/plain/small.txt?{number}").status for number in range(200)]
    case.equal("connections that nginx closes cost no request", statuses.count(200), 200)
    nginx.stop()
    down = tamis.fetch("/plain/small.txt")
    case.equal("nginx is down: 502", down.status, 502)
    nginx.start()
    case.until("nginx is back: 200", 10, lambda: tamis.fetch("/plain/small.txt").status == 200)
    statuses = [tamis.fetch(f"/plain/small.txt?{number}").status for number in range(50)]
    case.equal("nginx is back: every request is answered", statuses.count(200), 50)
