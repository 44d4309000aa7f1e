"""A WebSocket echo, and a client that tries it. Runs with the Python of `.venv-e2e`.

`websocket.py serve PORT`; `websocket.py try URL` prints what it found as one JSON object.
"""

import asyncio
import json
import os
import sys

import websockets


async def echo(connection):
    async for message in connection:
        if message == "close with 4001":
            await connection.close(4001, "as you wish")
            return
        await connection.send(message)


async def serve(port):
    async with websockets.serve(echo, "127.0.0.1", port, subprotocols=["chat"], max_size=None):
        await asyncio.get_running_loop().create_future()


async def attempt(url):
    found = {}
    async with websockets.connect(url, subprotocols=["other", "chat"], max_size=None) as connection:
        found["subprotocol"] = connection.subprotocol
        texts = ["hello", "grüße 🌊", ""]
        for text in texts:
            await connection.send(text)
        found["texts"] = [await connection.recv() for _ in texts] == texts
        binary = os.urandom(1024 * 1024)
        await connection.send(binary)
        found["binary"] = await connection.recv() == binary
        found["ping_seconds"] = await (await connection.ping())
        # Longer than a keep-alive connection may be idle here would be too long for a test; a pause shows
        # at least that silence is no end.
        await asyncio.sleep(1.5)
        await connection.send("still there?")
        found["after_a_pause"] = await connection.recv()
        await connection.send("close with 4001")
        try:
            await connection.recv()
        except websockets.ConnectionClosed as closed:
            found["close"] = [closed.rcvd.code, closed.rcvd.reason] if closed.rcvd else None
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(int(sys.argv[2])))
    else:
        asyncio.run(asyncio.wait_for(attempt(sys.argv[2]), 30))
