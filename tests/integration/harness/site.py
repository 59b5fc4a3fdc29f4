# SPDX-License-Identifier: Apache-2.0
"""A host in small: directory, configuration, daemon, servers, receivers.

The benches use it, too: what maps a library that the daemon also maps is imported where it is used,
so that it does not make the daemon's share of that library smaller."""
import json
import os
import shutil
import subprocess

from .daemon import Daemon
from .places import BUILD, as_user, copy_programs, free_port, temporary_directory
from .receiver import Receiver
from .server import Server
from .wait import DEADLINE, eventually


class Site:
    """What one test works on: sections are added, start() writes them and starts the daemon."""

    def __init__(self, user=None, programs=None):
        self.user = user
        self.directory = temporary_directory()
        self.config = self.directory / "modelwatch.conf"
        self.port = free_port()
        self.sections = {}
        self.servers = {}
        self.receivers = {}
        self.section("daemon", interval="200ms", evaluate="200ms", discovery="no")
        self.section("page", listen=f"127.0.0.1:{self.port}")
        if user and not programs:
            programs = copy_programs(self.directory)
        self.daemon = Daemon(programs or BUILD, self.directory, self.config, user)
        for directory in (self.daemon.state, self.daemon.runtime):
            directory.mkdir(mode=0o750)
            if user:
                shutil.chown(directory, user)

    # The configuration.

    def section(self, kind, name="", **options):
        """Adds or changes a section: _ in a key stands for -, None takes the key away, a list
        repeats it."""
        section = self.sections.setdefault((kind, name), {})
        for key, value in options.items():
            section[key.replace("_", "-")] = value
        return section

    def configure(self):
        """Writes the configuration."""
        lines = []
        for (kind, name), options in self.sections.items():
            lines.append(f"[{kind} {name}]" if name else f"[{kind}]")
            for key, values in options.items():
                values = values if isinstance(values, list) else [values]
                lines += [f"{key} = {value}" for value in values if value is not None]
        self.config.write_text("\n".join(lines) + "\n")

    def secret(self, name, text):
        """A file with a secret, as `file:` wants it. Returns the value of the option."""
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text + "\n")
        if self.user:
            shutil.chown(path, self.user)
        return f"file:{path}"

    def server(self, name, arguments=(), **kind):
        """A process to watch, not started, without a section."""
        server = self.servers[name] = Server(self.directory / "bin" / name, arguments, **kind)
        return server

    def service(self, name, start=True, arguments=(), **options):
        """A server and its section, by its executable unless OPTIONS say how."""
        server = self.server(name, arguments)
        self.section("service", name, **(options or {"executable": server.path}))
        if start:
            server.start()
        return server

    def webhook(self, name="oncall", secret="a secret of the receiver", **options):
        """A receiver and its section."""
        receiver = self.receivers[name] = Receiver(secret=secret)
        if secret:
            options["secret"] = self.secret(f"{name}.secret", secret)
        self.section("webhook", name, url=receiver.url, **options)
        return receiver

    # The daemon.

    def start_and_kill(self):
        """The daemon, and a service that died: its server, and the webhook that was told of it."""
        server = self.service("llama")
        hook = self.webhook()
        self.start()
        self.wait_service("llama")
        server.kill()
        hook.wait("incident.opened")
        return server, hook

    def start(self, *options):
        """Writes the configuration and starts the daemon."""
        self.configure()
        return self.daemon.start(*options)

    def reload(self):
        """Writes the configuration and reloads."""
        self.configure()
        self.daemon.reload()

    def run(self, *options):
        """Runs the daemon's program in the foreground to its end."""
        return subprocess.run(self.daemon.command(*options), capture_output=True, text=True,
                              timeout=DEADLINE, check=False, cwd=self.directory)

    @property
    def socket(self):
        return self.daemon.runtime / "http.sock"

    def client(self, address):
        """A client of that address: (host, port), or a unix socket's path."""
        from .client import Client
        return Client(address)

    @property
    def unix(self):
        return self.client(self.socket)

    @property
    def tcp(self):
        return self.client(("127.0.0.1", self.port))

    def cli(self, *arguments, user=None, **environment):
        """The command line, as an SRE types it."""
        command = [str(self.daemon.programs / "modelwatch"), *arguments]
        if user:
            command = as_user(user, command)
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE,
                              check=False, cwd=self.directory,
                              env={**os.environ, "MODELWATCH_SOCKET": str(self.socket),
                                   **environment})

    # What it knows.

    def status(self):
        return self.unix.json("/v1/status")

    def role_states(self):
        """{role: its object in the API}"""
        return {role["name"]: role for role in self.status()["roles"]}

    def service_state(self, name):
        """The service's object in the API, or None."""
        return next((s for s in self.status()["services"] if s["name"] == name), None)

    def wait_service(self, name, state="up"):
        """Waits until the service is in that state; returns its object."""
        def is_so():
            service = self.service_state(name)
            return service if service and service["state"] == state else None
        return eventually(is_so, f"{name} {state}")

    def incidents(self, state="all"):
        return self.unix.json(f"/v1/incidents?state={state}")["incidents"]

    def incident(self, number):
        return self.unix.json(f"/v1/incidents/{number}")

    def wait_incident(self, service, state="open"):
        """Waits for an incident of the service in that state; returns it whole."""
        def is_so():
            return next((i for i in self.incidents() if i["service"] == service
                         and i["state"] == state), None)
        return self.incident(eventually(is_so, f"{state} incident of {service}")["id"])

    @property
    def database(self):
        return self.daemon.state / "modelwatch.db"

    def query(self, sql, *parameters):
        """Rows of the database as dicts, read beside the running daemon."""
        import sqlite3
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=DEADLINE)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(sql, parameters)]
        finally:
            connection.close()

    def execute(self, sql):
        """Changes the database of a daemon that does not run."""
        import sqlite3
        connection = sqlite3.connect(self.database)
        try:
            with connection:
                connection.executescript(sql)
        finally:
            connection.close()

    # The end.

    def faults(self):
        """What must not have happened, whatever the test was about."""
        return [f"{name}: {fault}" for name, receiver in self.receivers.items()
                for fault in receiver.faults] + self.daemon.reports()

    def close(self):
        """Ends everything and removes the directory."""
        self.daemon.close()
        for server in self.servers.values():
            server.close()
        for receiver in self.receivers.values():
            receiver.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def describe(self):
        """Everything that helps to understand a failure."""
        parts = [self.config.read_text() if self.config.exists() else "", self.daemon.log]
        parts += [f"{n}: {json.dumps(r.summary())}" for n, r in self.receivers.items()]
        return "\n----\n".join(parts)
