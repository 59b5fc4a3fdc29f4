/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "tests/unit/units-fixture.h"

static int on_unit(void *userdata, const struct unit_state *u)
{
	struct fixture *f = userdata;
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_true(f->count < TOLD_MAX);
	unit_state_write(u, &b);
	return unit_state_read(b.data, b.size, &f->told[f->count++]);
}

static int on_known(void *userdata, bool known, int why)
{
	struct fixture *f = userdata;

	f->turns += f->known != known;
	f->known = known;
	f->why = why;
	return 0;
}

static void on_crowded(void *userdata, const char *name)
{
	struct fixture *f = userdata;

	f->turns_crowded++;
	snprintf(f->crowded, sizeof(f->crowded), "%s", name ? name : "");
}

static void on_failed(void *userdata, int reason)
{
	fail_msg("the watch failed: %s", strerror(-reason));
}

const struct unit_state *last(const struct fixture *f, const char *name)
{
	for (size_t i = f->count; i > 0; i--)
		if (text_equal(f->told[i - 1].name, name))
			return &f->told[i - 1];
	return NULL;
}

bool is_job(const struct fixture *f, const char *name, const char *job)
{
	const struct unit_state *u = last(f, name);

	return u && text_equal(u->job, job);
}

bool is_sub(const struct fixture *f, const char *name, const char *sub)
{
	const struct unit_state *u = last(f, name);

	return u && text_equal(u->sub, sub);
}

const char *const units_fixture_names[4] = {"a.service", "b.service", "t@*.service", "run-*.scope"};

void begin(struct fixture *f)
{
	f->sink = (struct units_sink){on_unit, on_known, on_crowded, on_failed, f};
	f->options = (struct units_options){f->systemd.address, units_fixture_names,
		ELEMENTS(units_fixture_names)};
	assert_int_equal(units_new(f->event, &f->sink, &f->options, &f->units), 0);
}

void begin_known(struct fixture *f)
{
	fake_systemd_serve(&f->systemd);
	begin(f);
	await(f, f->known);
}

int units_fixture_make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_true(sd_event_new(&f->event) >= 0);
	fake_systemd_make(&f->systemd, f->event);
	*state = f;
	return 0;
}

int units_fixture_remove(void **state)
{
	struct fixture *f = *state;

	units_free(f->units);
	fake_systemd_remove(&f->systemd);
	for (size_t i = 0; i < f->count; i++)
		unit_state_done(&f->told[i]);
	sd_event_unref(f->event);
	free(f);
	return 0;
}
