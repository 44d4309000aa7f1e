"""A running tamis: started as its users start it, asked where they look."""

from . import ports, web
from .case import Never
from .metrics import scrape


class Tamis:
    """`tamis run` with a configuration or without one, and a command behind it or none."""

    def __init__(self, case, config=None, upstream=None, command=None, name="tamis",
                 tls=False, environment=None, cwd=None):
        self.case = case
        self.port = ports.free()
        self.admin_port = ports.free()
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin = f"http://127.0.0.1:{self.admin_port}"
        argv = [case.tamis, "run"]
        if config is not None:
            argv += ["-c", case.write(f"{name}.toml", config)]
        for server in [upstream] if isinstance(upstream, str) else upstream or []:
            argv += ["--upstream", server]
        argv += ["--listen", f"127.0.0.1:{self.port}"]
        if tls:
            # Beside the other; the configuration has the certificate.
            self.tls_url = f"https://127.0.0.1:{ports.free()}"
            argv += ["--listen", self.tls_url]
        argv += ["--admin", f"127.0.0.1:{self.admin_port}"]
        if command is not None:
            argv += ["--", *command]
        self.process = case.start(name, argv, environment=environment, cwd=cwd)
        case.need_within(f"{name} listens", 60, self._listens)

    def _listens(self):
        if self.process.status is not None:
            raise Never(f"ended with {self.process.status}: {self.process.output()[-1500:]}")
        return ports.answers(self.port) and ports.answers(self.admin_port)

    def fetch(self, path, *arguments, **settings):
        """Asks the public side."""
        return web.fetch(self.url + path, *arguments, **settings)

    def page(self, path, **settings):
        """Asks the admin side."""
        return web.fetch(self.admin + path, **settings)

    def metrics(self):
        return scrape(self.admin)

    def stop(self, seconds=40):
        """SIGTERM; the status, negative when it had to be killed."""
        return self.process.stop(seconds=seconds)
