-- SPDX-License-Identifier: Apache-2.0
-- What is still to be told of an incident, where its notifications could not be made with it: bits, 1
-- opened, 2 flapping, 4 updated, 8 acknowledged, 16 resolved.
ALTER TABLE incident ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
