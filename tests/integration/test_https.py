# SPDX-License-Identifier: Apache-2.0
"""Webhooks over TLS: verified against `ca`, refused without."""
import ssl
import subprocess

import pytest
from harness.receiver import Receiver
from harness.wait import eventually


def certificate(directory, names="IP:127.0.0.1"):
    """A self-signed certificate for these names. Returns its path and its key's."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=receiver", "-addext", f"subjectAltName={names}"],
                   check=True, capture_output=True)
    cert.chmod(0o644)
    return cert, key


def tls_context(cert, key):
    """The receiver's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.fixture
def secure(site):
    """A site whose receiver speaks TLS, and the path of the certificate."""
    cert, key = certificate(site.directory)
    hook = site.receivers["oncall"] = Receiver(tls=tls_context(cert, key))
    site.section("webhook", "oncall", url=hook.url)
    site.service("llama")
    return site, hook, cert


def test_trusted(secure):
    site, hook, cert = secure
    site.section("webhook", "oncall", ca=cert)
    site.start()
    site.wait_service("llama")
    site.servers["llama"].kill()
    hook.wait("incident.opened")


def test_not_trusted(secure):
    site, hook, _ = secure
    site.start()
    site.wait_service("llama")
    site.servers["llama"].kill()
    number = site.wait_incident("llama")["id"]
    error = eventually(lambda: site.incident(number)["notifications"][0]["last_error"], "error")
    assert "certificate" in error.lower() or "ssl" in error.lower()
    assert hook.posts == []


def test_other_name(site):
    cert, key = certificate(site.directory, "DNS:elsewhere.example")
    hook = site.receivers["oncall"] = Receiver(tls=tls_context(cert, key))
    site.section("webhook", "oncall", url=hook.url, ca=cert)
    site.service("llama", start=False)
    site.start()
    number = site.wait_incident("llama")["id"]
    eventually(lambda: site.incident(number)["notifications"][0]["last_error"], "error")
    assert hook.posts == []
