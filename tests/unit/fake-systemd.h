/* SPDX-License-Identifier: Apache-2.0 */
/* A system bus with systemd upon it, as far as the watch of units asks: one connection at a time, over a
 * socket in a directory of its own, on the loop of the test. Include after cmocka.h. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#define FAKE_UNITS_MAX 300
#define FAKE_OWNER     ":1.1"
#define FAKE_WAITING   128 /* calls that wait for an answer: the bus takes no more */

struct fake_unit {
	char name[300];
	const char *alias; /* by which it is loaded, too, or NULL */
	const char *load, *active, *sub, *file, *result, *cgroup;
	uint32_t main_pid, job;
	const char *job_type; /* NULL: the job is done already */
	const char *binds_to, *requires; /* one each, or NULL */
	uint64_t inactive_exit, active_exit, inactive_enter; /* monotonic */
	bool unloaded; /* no list has it */
};

struct fake_systemd {
	sd_event *event;
	char directory[64], path[96], address[128];
	int listener;
	sd_event_source *accepting;
	sd_bus *bus; /* of the one that asks, or NULL */
	const char *owner; /* of systemd's name; NULL: nobody */
	struct fake_unit units[FAKE_UNITS_MAX];
	size_t count;
	unsigned connections, loads, lists, gets, gets_all, subscribed, matches;
	const char *odd; /* the property that has a wrong type */
	const char *denied; /* the call that is refused */
	const char *muted; /* the call that is never answered */
	bool slow; /* systemd answers when there is nothing else to do, */
	uint64_t late; /* and so many microseconds after the call or its last answer */
	sd_event_source *answering;
	sd_bus_message *calls[FAKE_WAITING]; /* that it has to answer */
	size_t waiting, queued, most; /* waiting: also muted ones */
};

void fake_systemd_make(struct fake_systemd *f, sd_event *event);
void fake_systemd_remove(struct fake_systemd *f);
/* Serves, or stops it and closes the connection. */
void fake_systemd_serve(struct fake_systemd *f);
void fake_systemd_leave(struct fake_systemd *f);

/* A service that runs, with that main PID; 0: one that does not. */
struct fake_unit *fake_systemd_add(struct fake_systemd *f, const char *name, uint32_t main_pid);

/* Signals from SENDER; FAKE_OWNER is systemd. */
void fake_systemd_changed(struct fake_systemd *f, const struct fake_unit *u, const char *sender);
/* The first of the two signals that systemd sends of a change: what it says of a service. */
void fake_systemd_kind_changed(struct fake_systemd *f, const struct fake_unit *u);
void fake_systemd_job_new(struct fake_systemd *f, const struct fake_unit *u, const char *sender);
void fake_systemd_job_removed(struct fake_systemd *f, const struct fake_unit *u, uint32_t job);
void fake_systemd_unit_removed(struct fake_systemd *f, const struct fake_unit *u);
void fake_systemd_reloading(struct fake_systemd *f, bool active);
/* The name has another owner; NULL: none. */
void fake_systemd_owner(struct fake_systemd *f, const char *owner);
