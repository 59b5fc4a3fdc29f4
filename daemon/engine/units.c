/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd knows of units, as `units` tells it: kept for every `process` that begins. */
#include <string.h>

#include "daemon/engine/engine.h"
#include "daemon/journal.h"
#include "schema/unit.h"

#define UNITS_KEPT_MAX 1024 /* more than `units` watches at one time */

struct unit_entry {
	bool old; /* not told since all were told anew */
	struct buf state;
};

static void free_entry(void *p)
{
	struct unit_entry *entry = p;

	buf_done(&entry->state);
	free(entry);
}

void units_done(struct engine *e)
{
	map_free(e->units, free_entry);
}

/* A `process` that is gone, or does not read, is told anew. */
static int pass(struct peer *process, enum message_type type, const struct buf *state, uint64_t word)
{
	_cleanup_buf_ struct buf packet = BUF_INIT;
	int r;

	if (!process)
		return 0;
	message_begin(&packet, type);
	if (state)
		message_put_bytes(&packet, state->data, state->size);
	else
		message_put_u64(&packet, word);
	r = peer_send(process, &packet);
	return r == -ENOMEM ? r : 0;
}

/* Takes STATE. */
static int keep(struct engine *e, const char *name, struct buf *state)
{
	struct unit_entry *entry = map_get_string(e->units, name);

	if (!entry) {
		if (map_size(e->units) >= UNITS_KEPT_MAX)
			return -EBADMSG;
		entry = calloc(1, sizeof(*entry));
		if (!entry || map_put_string(e->units, name, entry, NULL) < 0) {
			free(entry);
			return -ENOMEM;
		}
	}
	buf_done(&entry->state);
	*entry = (struct unit_entry){.state = *state};
	*state = BUF_INIT;
	return 0;
}

static int take_unit(struct engine *e, struct message *m)
{
	_cleanup_buf_ struct buf state = BUF_INIT;
	struct unit_entry *gone;
	struct unit_state u;
	size_t size;
	const void *bytes = message_bytes(m, &size);
	int r = unit_state_read(bytes, size, &u);

	if (r < 0)
		return r;
	buf_add(&state, bytes, size);
	r = buf_error(&state);
	if (r == 0)
		r = pass(peers_newest(e, ROLE_PROCESS), MESSAGE_UNIT, &state, 0);
	if (r == 0 && !*u.load) {
		gone = map_remove_string(e->units, u.name);
		if (gone)
			free_entry(gone);
	} else if (r == 0)
		r = keep(e, u.name, &state);
	unit_state_done(&u);
	return r;
}

/* What was not told again is gone. */
static int forget(struct engine *e, struct unit_entry *entry)
{
	_cleanup_buf_ struct buf state = BUF_INIT;
	char none[] = "";
	struct unit_state u;
	int r = unit_state_read(entry->state.data, entry->state.size, &u);

	if (r < 0)
		return r;
	free(u.load);
	u.load = none;
	u.main_pid = 0;
	unit_state_write(&u, &state);
	u.load = NULL;
	unit_state_done(&u);
	r = buf_error(&state);
	return r < 0 ? r : pass(peers_newest(e, ROLE_PROCESS), MESSAGE_UNIT, &state, 0);
}

static int take_word(struct engine *e, uint64_t word)
{
	struct unit_entry *entry;
	size_t position = 0, size;
	const void *name;
	int r = 0;

	if (word >= UNITS_WORDS)
		return -EBADMSG;
	while (r == 0 && (entry = map_next(e->units, &position, &name, &size))) {
		if (word != UNITS_KNOWN) {
			entry->old = true;
		} else if (entry->old) {
			r = forget(e, entry);
			if (r == 0)
				free_entry(map_remove(e->units, name, size));
			position--;
		}
	}
	e->units_word = (enum units_word) word;
	return r < 0 ? r : pass(peers_newest(e, ROLE_PROCESS), MESSAGE_UNITS, NULL, word);
}

int units_message(struct peer *p, struct message *m)
{
	if (p->row != &role_rows[ROLE_UNITS])
		return -EBADMSG;
	/* After a reload its successor tells. */
	if (p != peers_newest(p->engine, ROLE_UNITS))
		return 0;
	return m->type == MESSAGE_UNIT ? take_unit(p->engine, m)
				       : take_word(p->engine, message_u64(m));
}

void units_lost(struct engine *e)
{
	if (take_word(e, UNITS_UNTOLD) < 0)
		journal_failure(-ENOMEM, "what systemd knows of units may be old");
}

/* What services are found by, in the order of the configuration. */
static void write_names(const struct config *c, struct buf *b)
{
	const struct section *s = NULL;

	while ((s = config_next(c, SECTION_SERVICE, s))) {
		size_t count;
		const char *const *names = section_list(s, OPTION_SERVICE_UNIT, &count);

		for (size_t i = 0; i < count; i++)
			buf_put_string(b, names[i]);
	}
}

void units_reconfigured(struct engine *e, const struct config *old)
{
	_cleanup_buf_ struct buf before = BUF_INIT, now = BUF_INIT;

	write_names(old, &before);
	write_names(role_config(e->role), &now);
	/* All that was told until now is not all of what is asked for. */
	if (buf_error(&before) < 0 || buf_error(&now) < 0 || before.size != now.size ||
		(now.size > 0 && memcmp(before.data, now.data, now.size) != 0))
		units_lost(e);
}

int units_send(struct peer *process)
{
	struct engine *e = process->engine;
	const struct unit_entry *entry;
	size_t position = 0;
	int r = 0;

	while (r == 0 && (entry = map_next(e->units, &position, NULL, NULL)))
		r = pass(process, MESSAGE_UNIT, &entry->state, 0);
	if (r == 0 && e->units_word != UNITS_UNTOLD)
		r = pass(process, MESSAGE_UNITS, NULL, e->units_word);
	return r;
}
