"""The real programs that tests are made of, each on loopback, with its files where the test says.

Every one can be stopped, frozen and started again on the same port. Nothing here is a stand-in.
"""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

from . import ports, web
from .case import Never


class Server:
    """A program that listens: started, frozen, stopped, started again."""

    name = "server"

    def __init__(self, case):
        self.case = case
        self.port = ports.free()
        self.process = None

    def start(self):
        raise NotImplementedError

    def stop(self, number=signal.SIGTERM):
        self.process.stop(number)

    def freeze(self):
        """It keeps its sockets and answers nothing."""
        self.process.send(signal.SIGSTOP)

    def thaw(self):
        self.process.send(signal.SIGCONT)

    def _run(self, argv, ready=None, **settings):
        self.process = self.case.start(self.name, argv, **settings)
        self.case.need_within(f"{self.name} is up", 30, lambda: self._up(ready))

    def _up(self, ready):
        if self.process.status is not None:
            raise Never(f"ended with {self.process.status}: {self.process.output()[-1500:]}")
        return ports.answers(self.port) and (ready is None or ready())


class Redis(Server):
    """Redis without persistence, with a password if one is given."""

    def __init__(self, case, name="redis", password=None):
        super().__init__(case)
        self.name = name
        self.password = password
        credentials = f":{password}@" if password else ""
        self.url = f"redis://{credentials}127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        argv = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--dir", self.case.folder]
        if self.password:
            argv += ["--requirepass", self.password]
        self._run(argv, lambda: "PONG" in self.command("PING"))

    def command(self, *words):
        """Sends a command and answers with what came back."""
        argv = ["redis-cli", "-p", str(self.port), *words]
        environment = {**os.environ, **({"REDISCLI_AUTH": self.password} if self.password else {})}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=10)
        return done.stdout + done.stderr


class Postgres(Server):
    """PostgreSQL with a fresh cluster and a password for its one user.

    It refuses to run as root, so root starts it as the user of the package; its data lies in a folder
    of its own in the system's temporary one, where that user may be.
    """

    name = "postgres"
    password = "pg-e2e-password"

    def __init__(self, case):
        super().__init__(case)
        self.bin = _postgres_programs()
        self.user = "postgres" if os.geteuid() == 0 else None
        self.data = Path(tempfile.mkdtemp(prefix="tamis-e2e-postgres-"))
        case.at_end(lambda: shutil.rmtree(self.data, ignore_errors=True))
        self.url = self.url_with(self.password)
        self._create()
        self.start()

    def url_with(self, password):
        return f"postgres://postgres:{password}@127.0.0.1:{self.port}/postgres"

    def _create(self):
        password = self.data / "password"
        password.write_text(self.password)
        settings = {}
        if self.user:
            owner = pwd.getpwnam(self.user)
            for path in (self.data, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
            settings = {"user": self.user, "group": self.user, "extra_groups": []}
        argv = [self.bin / "initdb", "-D", self.data / "db", "-U", "postgres", "--no-sync",
                "-A", "scram-sha-256", f"--pwfile={password}"]
        done = subprocess.run(argv, cwd=self.data, capture_output=True, text=True, **settings)
        self.case.need("a PostgreSQL cluster is made", done.returncode == 0, done.stderr)

    def start(self):
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "fsync": "off",
                   "unix_socket_directories": self.data, "log_connections": "on"}
        argv = [self.bin / "postgres", "-D", self.data / "db"]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        self._run(argv, self._answers, cwd=self.data, user=self.user)
        # Before the others end it: frozen sessions would keep it from ending.
        self.case.at_end(self.thaw)

    def _answers(self):
        return self.query("select 1") == "1"

    def query(self, sql):
        argv = [self.bin / "psql", "-X", "-A", "-t", "-c", sql, self.url]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10)
        return done.stdout.strip() if done.returncode == 0 else done.stderr

    def stop(self, number=signal.SIGINT):
        """SIGINT: it ends its sessions and itself."""
        self.process.stop(number)

    def freeze(self):
        self._signal_all(signal.SIGSTOP)

    def thaw(self):
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number):
        if self.process.status is not None:
            return
        # A process per connection: the parent alone would not stop those that are there.
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            sessions = [int(pid) for pid in file.read().split()]
        for pid in [self.process.pid, *sessions]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def connections(self):
        """How many were made since it was first started."""
        return self.process.output().count("connection authorized")


def _postgres_programs():
    on_path = shutil.which("initdb")
    if on_path:
        return Path(os.path.realpath(on_path)).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return versions[-1]


class Nginx(Server):
    """nginx, one worker, with the servers of `blocks` in its `http` section."""

    name = "nginx"

    def __init__(self, case, block):
        super().__init__(case)
        self.url = f"http://127.0.0.1:{self.port}"
        root = case.folder / "nginx"
        self.files = root / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        temporary = "".join(
            f"  {kind}_temp_path {root}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.config = case.write("nginx/nginx.conf", f"""\
daemon off;
worker_processes 1;
pid {root}/pid;
error_log {root}/error.log;
events {{}}
http {{
{temporary}  types {{ text/html html; text/plain txt; application/json json; application/octet-stream bin; }}
  access_log {root}/access.log;
  server {{
    listen 127.0.0.1:{self.port};
    root {self.files};
{block}
  }}
}}
""")
        self.root = root
        self.start()

    def start(self):
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        self._run(["nginx", "-p", self.root, "-c", self.config, "-e", self.root / "error.log", *user])


class Prometheus(Server):
    """Prometheus, scraping one target every second."""

    def __init__(self, case, name, target):
        super().__init__(case)
        self.name = name
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = case.write(f"{name}.yml", f"""\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - {{job_name: tamis, static_configs: [{{targets: ['{target}']}}]}}
""")
        self.start()

    def start(self):
        argv = ["prometheus", f"--config.file={self.config}",
                f"--storage.tsdb.path={self.case.folder / self.name}",
                f"--web.listen-address=127.0.0.1:{self.port}"]
        self._run(argv, lambda: web.works(f"{self.url}/-/ready"))

    def query(self, expression):
        """The answer to an instant query: labels and value of each series."""
        query = urllib.parse.urlencode({"query": expression})
        answer = web.fetch(f"{self.url}/api/v1/query?{query}").json
        if answer["status"] != "success":
            raise RuntimeError(answer)
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]


class Bugsink(Server):
    """Bugsink, a real server for Sentry's protocol: one process, SQLite, tasks at once.

    Every event is held to the official schema. One that fails it is answered with 200 all the same
    and is then missing, so `complaints` has to be asked after each test.
    """

    name = "bugsink"

    def __init__(self, case, programs):
        super().__init__(case)
        self.programs = programs
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = case.folder / "bugsink"
        self.folder.mkdir()
        self._configure()
        self.start()

    def _configure(self):
        config = self.folder / "bugsink_conf.py"
        self._run_program("bugsink-create-conf", "--template=local", "--host=127.0.0.1",
                          f"--port={self.port}", "-o", config)
        with open(config, "a") as file:
            file.write(f"""
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES["default"]["NAME"] = {str(self.folder / "db.sqlite3")!r}
DATABASES["snappea"]["NAME"] = {str(self.folder / "snappea.sqlite3")!r}
# It would tell its makers otherwise.
BUGSINK["PHONEHOME"] = False
BUGSINK["VALIDATE_ON_DIGEST"] = "strict"
BUGSINK["KEEP_ENVELOPES"] = 1000
BUGSINK["INGEST_STORE_BASE_DIR"] = {str(self.folder / "ingestion")!r}
""")
        self._manage("migrate", "-v0")
        self._manage("migrate", "snappea", "--database=snappea", "-v0")
        self.token = self._manage("create_auth_token").split()[-1]

    def _run_program(self, program, *arguments):
        argv = [self.programs / program, *arguments]
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, timeout=180)
        self.case.need(f"{program} {arguments[0]}", done.returncode == 0, done.stdout + done.stderr)
        return done.stdout

    def _manage(self, *arguments):
        return self._run_program("bugsink-manage", *arguments)

    def start(self):
        argv = [self.programs / "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", "1",
                "--threads", "2", "--access-logfile", "-", "bugsink.wsgi"]
        # gunicorn leaves a socket at home.
        self._run(argv, lambda: web.works(f"{self.url}/health/ready"), cwd=self.folder,
                  environment={"HOME": str(self.folder)})

    def project(self, name):
        """Makes a project; answers with its number and its DSN."""
        said = self._manage("shell", "-v0", "-c", f"""
from teams.models import Team
from projects.models import Project
team, _ = Team.objects.get_or_create(name="e2e")
project, _ = Project.objects.get_or_create(name={name!r}, team=team)
print("project", project.id, project.dsn)""")
        _, number, dsn = [line for line in said.splitlines() if line.startswith("project ")][-1].split()
        return int(number), dsn

    def _get(self, path):
        headers = {"authorization": f"Bearer {self.token}"}
        answer = web.fetch(f"{self.url}/api/canonical/0/{path}", headers=headers)
        if answer.status != 200:
            raise RuntimeError(repr(answer))
        return answer.json

    def issues(self, project):
        return self._get(f"issues/?project={project}")["results"]

    def events(self, project):
        """All events of a project, as they were sent, with what Bugsink adds beside `data`."""
        found = []
        for issue in self.issues(project):
            for event in self._get(f"events/?issue={issue['id']}")["results"]:
                found.append(self._get(f"events/{event['id']}/"))
        return found

    def complaints(self):
        """What it refused after having said yes."""
        return [line for line in self.process.output().splitlines() if "ValidationError" in line]


def validate_event(programs, event):
    """What the official schema and Sentry's own normaliser have against an event."""
    script = Path(__file__).with_name("validate_event.py")
    done = subprocess.run([programs / "python", script], input=json.dumps(event), capture_output=True,
                          text=True, timeout=60)
    if done.returncode not in (0, 1):
        return [done.stderr]
    return done.stdout.splitlines()


if sys.version_info < (3, 9):
    raise SystemExit("the end-to-end tests need Python 3.9 or newer")
