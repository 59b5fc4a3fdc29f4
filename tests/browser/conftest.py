# SPDX-License-Identifier: Apache-2.0
"""Run these tests with `tests/run`, or alone with `make integration` in a build folder."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from harness.fixtures import nobody_site, pytest_runtest_makereport, site  # noqa: E402,F401
