/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd's words of a unit mean.
 *
 * Layer: collectors. Pure. Reference: systemd(1), systemctl(1), and for exit statuses systemd.exec(5). */
#pragma once

#include <stdbool.h>

#include "schema/unit.h"

/* It began, and has not been told to end. */
bool unit_is_active(const struct unit_state *u);
/* It begins, or waits for that. */
bool unit_is_starting(const struct unit_state *u);
/* It ended, and systemd begins it again by itself after a while. */
bool unit_waits_to_restart(const struct unit_state *u);
/* Its last run did not fail, as far as it is over. */
bool unit_is_successful(const struct unit_state *u);
/* It ended in failure; systemd may try it again later. */
bool unit_has_failed(const struct unit_state *u);
/* It failed, or was stopped though nobody asked for that. */
bool unit_is_down(const struct unit_state *u);
/* It was stopped, or left, in success. */
bool unit_rests(const struct unit_state *u);
/* A job stops what runs, and somebody wanted that. */
bool unit_is_asked_to_stop(const struct unit_state *u);
/* It is to be there after boot; also where its file does not say so, as one that has no [Install] section. */
bool unit_is_enabled(const struct unit_state *u);

/* "status 203/EXEC": an exit status of a unit's process, with systemd's name of it where it has one. */
void unit_put_status(int64_t status, struct buf *b);
/* "SIGKILL", or "signal 34" of one that has no name. */
void unit_put_signal(int64_t number, struct buf *b);
/* Why it has no process: "vllm.service is inactive (dead)". */
void unit_explain(const struct unit_state *u, struct buf *b);
/* "vllm.service failed: exit-code, status 203/EXEC". */
void unit_explain_failure(const struct unit_state *u, struct buf *b);
