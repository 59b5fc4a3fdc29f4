# SPDX-License-Identifier: Apache-2.0
"""Run these tests with `tests/run`, or alone with `make integration` in a build folder."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.fixtures import nobody_site, pytest_runtest_makereport, site  # noqa: E402,F401


def pytest_collection_modifyitems(items):
    """Tests that look at the servers of the whole host stay out of each other's way."""
    for item in items:
        if any(word in item.nodeid for word in ("discover", "demo", "quickstart")):
            item.add_marker(pytest.mark.xdist_group("discovery"))
