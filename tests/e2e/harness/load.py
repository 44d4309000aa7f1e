"""Clients that notice every failure: requests over HTTP/1.1, counted by the kind of their connection.

Load generators repeat a request whose connection went away, and so hide what this counts. A request is
answered when head and body came as announced; anything else is a failure, with two exceptions that are no
fault of a server that stops: a connection that cannot be made once it was told to stop, and no request at
all on a connection that was announced to be closed.
"""

import asyncio
import random
import time


class Failure:
    """One request that was not answered."""

    def __init__(self, kind, after_stop, error):
        self.kind = kind
        self.after_stop = after_stop
        self.error = error

    def __repr__(self):
        when = "after the stop" if self.after_stop else "before the stop"
        return f"{self.kind} connection, sent {when}: {self.error}"


class Load:
    """Runs clients until none of them can connect any more, or until it is told to end."""

    def __init__(self, port, path, body):
        self.port = port
        self.path = path
        self.body = body
        self.answered = {"fresh": 0, "reused": 0}
        self.answered_after_stop = 0
        self.ids = []
        self.failures = []
        self.refused = 0
        self.announced = 0
        self.stopped_at = None
        self.ending = False

    def stop_is_sent(self):
        self.stopped_at = time.monotonic()

    async def run(self, keeping, fresh):
        clients = [self._client(keeps=True) for _ in range(keeping)]
        clients += [self._client(keeps=False) for _ in range(fresh)]
        await asyncio.gather(*clients)

    async def _client(self, keeps):
        while not self.ending:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError as error:
                if self.stopped_at is None:
                    self.failures.append(Failure("fresh", False, repr(error)))
                    await asyncio.sleep(0.05)
                    continue
                self.refused += 1
                return
            try:
                await self._talk(reader, writer, keeps)
            finally:
                writer.close()

    async def _talk(self, reader, writer, keeps):
        kind = "fresh"
        while not self.ending:
            after_stop = self.stopped_at is not None
            try:
                head = f"GET {self.path} HTTP/1.1\r\nhost: shop.example\r\nuser-agent: e2e\r\n"
                if not keeps:
                    head += "connection: close\r\n"
                writer.write(head.encode() + b"\r\n")
                status, fields, body = await asyncio.wait_for(answer(reader), 30)
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
                self.failures.append(Failure(kind, after_stop, repr(error)))
                return
            if status != 200 or body != self.body:
                self.failures.append(Failure(kind, after_stop, f"{status}, {len(body)} bytes: {body[:120]!r}"))
            else:
                self.answered[kind] += 1
                self.answered_after_stop += after_stop
            self.ids.append(fields.get("x-request-id"))
            if "close" in fields.get("connection", "").lower():
                self.announced += keeps
                return
            kind = "reused"
            await asyncio.sleep(random.uniform(0, 0.02))


async def answer(reader):
    """Status, fields and body of one answer. Raises what it met instead."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise EOFError(f"closed after {len(error.partial)} bytes of a head") from None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    status = int(first.split(" ")[1])
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    length = int(fields["content-length"])
    try:
        return status, fields, await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise EOFError(f"closed after {len(error.partial)} of {length} bytes of a body") from None
