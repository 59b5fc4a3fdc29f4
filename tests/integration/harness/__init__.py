# SPDX-License-Identifier: Apache-2.0
"""What the integration tests, browser tests and benches stand on.

A `Site` is a host in small: a directory, a configuration, a real daemon, real processes to watch
and real receivers of notifications. Everything in it ends with it. Waiting is for events, with one
deadline for all (`wait.DEADLINE`) that only a hang reaches: no test asserts how long it took.
"""
