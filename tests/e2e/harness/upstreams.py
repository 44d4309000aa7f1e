"""A small HTTP server inside the runner, for what no real program does on request.

It answers from a table of paths, holds an answer back until the test says so, and remembers what it was
asked. One thread per connection, keep-alive, chunked where no length is known.
"""

import http.server
import threading


class Upstream:
    """Serves `pages`: path to a function that gets the handler."""

    def __init__(self, case, port, pages):
        self.pages = pages
        self.asked = []
        self.lock = threading.Lock()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Small answers must not wait for the acknowledgement of their head.
            disable_nagle_algorithm = True

            def do_GET(self):
                length = int(self.headers.get("content-length") or 0)
                self.body = self.rfile.read(length) if length else b""
                with owner.lock:
                    owner.asked.append((self.command, self.path, dict(self.headers)))
                page = owner.pages.get(self.path.split("?")[0], not_found)
                page(self)

            do_POST = do_PUT = do_HEAD = do_GET

            def answer(self, body, status=200, headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def chunk(self, body):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
                self.wfile.flush()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 512

            def handle_error(self, *_):
                # A client that goes away is none of the test's business here.
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{port}"
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.daemon = True
        thread.start()
        case.at_end(self.stop)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def not_found(handler):
    handler.answer(b"there is no such page\n", 404)
