# SPDX-License-Identifier: Apache-2.0
# The shared words (libschema.a, no SQL) and the store (libstore.a, the only user of SQLite).
