-- SPDX-License-Identifier: Apache-2.0
-- What is known of the program that a main process ran when it was found: where its stack begins, new with
-- each exec, 0 for unknown; and the command line that it had then, without secrets.
ALTER TABLE process ADD COLUMN stack INTEGER NOT NULL DEFAULT 0;
ALTER TABLE process ADD COLUMN command_line TEXT NOT NULL DEFAULT '';
