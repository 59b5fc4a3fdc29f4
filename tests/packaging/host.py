# SPDX-License-Identifier: Apache-2.0
"""What a person does on a host that runs the service, whatever kind of machine that host is."""
import json
import subprocess

from harness.wait import eventually

SERVICE = "modelwatchd.service"
SOCKET = "/run/modelwatch/http.sock"
ENVIRONMENT = {
    "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb", "SYSTEMD_PAGER": "", "DEBIAN_FRONTEND": "noninteractive",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class CommandFailed(AssertionError):
    """A command that was expected to succeed did not."""


class Host:
    """A kind of machine says how a program is run in it (execute) and how a file is written (write)."""

    interval = "200ms"  # of looks and evaluations

    def execute(self, arguments) -> subprocess.CompletedProcess:
        """Runs a program as root, with its output as text."""
        raise NotImplementedError

    def write(self, path, text, mode=0o644):
        """Writes a file of the machine."""
        raise NotImplementedError

    def run(self, command, user=None, check=True):
        """Runs a shell's command line as root, or as USER with the groups that user has."""
        become = []
        if user:
            uid, gid = self.run(f"id -u {user}; id -g {user}").stdout.split()
            become = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", "--"]
        done = self.execute([*become, "sh", "-c", command])
        done.args = command
        if check and done.returncode != 0:
            raise CommandFailed(f"{command!r} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def unit(self, name, text):
        """Writes a unit file, and tells systemd."""
        self.write(f"/etc/systemd/system/{name}", text)
        self.run("systemctl daemon-reload")

    def user(self, name, *groups):
        """Adds a user."""
        self.run(f"useradd --create-home {name}" + (f" --groups {','.join(groups)}" if groups else ""))

    def show(self, name, unit=SERVICE):
        """A property of a unit, as systemd shows it."""
        return self.run(f"systemctl show --property={name} --value {unit}").stdout.strip()

    def wait_successor(self, pid, unit=SERVICE):
        """Waits until a unit runs again, and by another main process; returns its pid."""
        def successor():
            found = self.show("MainPID", unit)
            return found if found not in ("0", pid) and self.show("ActiveState", unit) == "active" else None
        return eventually(successor, f"a successor of {pid} of {unit}")

    def journal(self, arguments=f"--unit {SERVICE}"):
        """Messages of the journal."""
        self.run("journalctl --sync", check=False)
        return self.run(f"journalctl --no-pager --output short-monotonic {arguments}").stdout

    # The daemon in it.

    def configure(self, *sections):
        """Writes /etc/modelwatch/modelwatch.conf. The daemon looks for nothing by itself."""
        self.write("/etc/modelwatch/modelwatch.conf", "\n".join((
            f"[daemon]\ninterval = {self.interval}\nevaluate = {self.interval}\ndiscovery = no", *sections)) + "\n")

    def api(self, path):
        """What the daemon answers, as root is answered."""
        return json.loads(self.run(f"curl -sS --unix-socket {SOCKET} 'http://localhost{path}'").stdout)

    def service_state(self, name):
        """The service's object in the API, or None."""
        return next((s for s in self.api("/v1/status")["services"] if s["name"] == name), None)

    def wait_service(self, name, state="up"):
        """Waits until the service is in that state; returns its object."""
        def is_so():
            service = self.service_state(name)
            return service if service and service["state"] == state else None
        return eventually(is_so, f"{name} {state}")

    def incidents(self, state="all"):
        return self.api(f"/v1/incidents?state={state}")["incidents"]

    def wait_incident(self, service, state="open"):
        """Waits for an incident of the service in that state; returns it whole."""
        def is_so():
            return next((i for i in self.incidents() if i["service"] == service and i["state"] == state), None)
        number = eventually(is_so, f"{state} incident of {service}")["id"]
        return self.api(f"/v1/incidents/{number}")

    def describe(self):
        """Everything that helps to understand a failure."""
        return "\n----\n".join(self.run(command, check=False).stdout for command in (
            "grep -vE '^(#|$)' /etc/modelwatch/modelwatch.conf", "systemctl --failed --no-legend",
            f"systemctl status --full --lines 0 {SERVICE}",
            f"journalctl --no-pager --output short-monotonic --lines 100 --unit {SERVICE}",
            "journalctl --no-pager --output short-monotonic --lines 30 --priority warning"))
