#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Generates configure and Makefile.in from their sources.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --force
