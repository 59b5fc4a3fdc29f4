# SPDX-License-Identifier: Apache-2.0
"""pytest's side of the harness, for every conftest.py that stands on it."""
import os

import pytest

from .site import Site


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets fixtures see how their test went."""
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


def _site(request, **kind):
    site = Site(**kind)
    try:
        yield site
        report = getattr(request.node, "report_call", None)
        if report is None or not report.passed:
            print(site.describe())
            return
        site.daemon.stop()
        faults = site.faults()
        assert not faults, "\n".join(faults[:20]) + "\n" + site.describe()
    finally:
        site.close()


@pytest.fixture
def site(request):
    """A site of the user who runs the tests. A test that passes has to leave a daemon that stops
    cleanly, without a word of the sanitizers and without a bad notification."""
    yield from _site(request)


@pytest.fixture
def nobody_site(request):
    """A site whose daemon runs as an ordinary user."""
    if os.getuid() != 0:
        pytest.skip("changes users")
    yield from _site(request, user="nobody")
