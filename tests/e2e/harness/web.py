"""HTTP/1.1 requests to loopback, one connection each, with what came back byte for byte.

Nothing is decoded, followed or added beside what the protocol needs.
"""

import http.client
import json
import time
import urllib.parse


class Answer:
    """Status, headers in lower case, body, and how long it took to be complete, in seconds.

    Without an answer the status is 0, and the body says what happened instead.
    """

    def __init__(self, status, headers, body, seconds):
        self.status = status
        self.headers = headers
        self.body = body
        self.seconds = seconds

    @property
    def text(self):
        return self.body.decode(errors="replace")

    @property
    def json(self):
        """The body as JSON; an empty object if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:600]!r}"


def fetch(url, method="GET", headers=None, body=None, timeout=20):
    """Sends one request. A `dict` as body is sent as JSON."""
    parts = urllib.parse.urlsplit(url)
    headers = dict(headers or {})
    if isinstance(body, dict):
        body = json.dumps(body)
        headers.setdefault("content-type", "application/json")
    if isinstance(body, str):
        body = body.encode()
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    begun = time.monotonic()
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        took = time.monotonic() - begun
        fields = {}
        for name, value in response.getheaders():
            known = fields.get(name.lower())
            fields[name.lower()] = value if known is None else f"{known}, {value}"
        return Answer(response.status, fields, content, took)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, {}, repr(error).encode(), time.monotonic() - begun)
    finally:
        connection.close()


def works(url):
    """Whether it answers with a 2xx."""
    return 200 <= fetch(url, timeout=5).status < 300
