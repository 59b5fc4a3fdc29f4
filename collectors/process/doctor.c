/* SPDX-License-Identifier: Apache-2.0 */
/* What `modelwatch doctor` is told of what the collector can and cannot see. */
#include "collectors/process/doctor.h"

#include <errno.h>
#include <linux/capability.h>

#include "collectors/process/tell.h"
#include "daemon/base/cleanup.h"
#include "schema/records.h"

/* Why there are no process events, by the error of connector_open(), and what helps. */
static const struct {
	int error;
	const char *text, *remedy;
} obstacles[] = {
	{-EPERM, "This kernel tells of process events to who has CAP_NET_ADMIN alone.",
		"Start the daemon by its unit, which has them opened by modelwatch-grant, or run Linux "
		"6.6 or later."},
	{-ECONNREFUSED, "There are no process events in a network namespace other than the host's.",
		"Start the daemon in the host's network namespace (a container: --network=host)."},
	{-ENODATA, "The kernel gives no process events to a pid or user namespace other than the "
		   "host's, or was built without CONFIG_PROC_EVENTS.",
		"Start the daemon in the host's pid and user namespaces (a container: --pid=host)."},
	{-EPROTONOSUPPORT, "This kernel was built without CONFIG_CONNECTOR: it has no process "
			   "events.",
		"Run a kernel with CONFIG_CONNECTOR and CONFIG_PROC_EVENTS."},
	{0, "The kernel's process events cannot be read.",
		"Start the daemon by its unit, or as root, outside of containers."},
};

static void put(struct collector *c, const char *subject, const char *state,
	const char *text, const char *remedy)
{
	const char *const facts[][2] = {{"state", state}, {"text", text}, {"remedy", remedy}};
	const struct sink *sink = c->sink;

	for (size_t i = 0; i < ELEMENTS(facts); i++) {
		int r = sink->fact(sink->userdata, "doctor", subject, facts[i][0], facts[i][1]);

		if (r < 0)
			collector_fail(c, r);
	}
}

static void put_check(struct collector *c, const char *subject, enum check_state state,
	const char *text, const char *remedy)
{
	put(c, subject, check_state_name(state), text, remedy);
}

static void tell_events(struct collector *c)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	size_t i = 0;

	if (c->options.connector >= 0) {
		put_check(c, COLLECTOR_EVENTS, CHECK_OK,
			"The kernel tells of every process that starts or ends.", "");
		return;
	}
	while (obstacles[i].error != 0 && obstacles[i].error != c->options.connector)
		i++;
	buf_printf(&text, "%s Why a process ended may stay unknown, and a new one is found at the "
			  "next interval.",
		obstacles[i].text);
	put_check(c, COLLECTOR_EVENTS, CHECK_MISSING,
		text.data ? text.data : obstacles[i].text, obstacles[i].remedy);
}

void doctor_rights(struct collector *c)
{
	/* Other users' processes show everything to who has both. */
	const uint64_t needed = UINT64_C(1) << CAP_SYS_PTRACE | UINT64_C(1) << CAP_DAC_READ_SEARCH;
	uint64_t held;

	tell_events(c);
	c->sees_all =
		proc_read_capabilities(c->root, &held) == 0 && (held & needed) == needed;
	if (!c->sees_all)
		doctor_denied(c);
}

void doctor_denied(struct collector *c)
{
	if (c->told_denied)
		return;
	c->told_denied = true;
	put_check(c, COLLECTOR_DETAILS, CHECK_LIMITED,
		"Executable, open files, I/O and memory of other users' processes cannot be read.",
		"Give the daemon CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, as its unit does.");
}

/* REMEDY ends with where it is to be found; NULL takes back what was said of the service. */
static void put_service(struct service *s, const char *text, const char *remedy)
{
	struct collector *c = s->collector;
	_cleanup_buf_ struct buf subject = BUF_INIT, full = BUF_INIT;

	buf_printf(&subject, "service %s", s->name);
	buf_printf(&full, "%s in [service %s].", remedy ? remedy : "", s->name);
	if (buf_error(&subject) < 0 || buf_error(&full) < 0)
		collector_fail(c, -ENOMEM);
	else if (remedy)
		put_check(c, subject.data, CHECK_LIMITED, text, full.data);
	else
		put(c, subject.data, "", "", "");
}

void doctor_unseen(struct service *s)
{
	s->unseen = s->doubted = true;
	put_service(s,
		"Whether it runs cannot be seen: it may be a process of another user whose "
		"executable and open files cannot be read.",
		"Give the daemon CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, as its unit does, or find it by "
		"nothing but 'command-line', 'user' and 'cgroup'");
	if (s->missing)
		tell_not_missing(s);
}

void doctor_unnamed(struct service *s)
{
	s->doubted = true;
	put_service(s,
		"There is no container of that name, as far as can be seen: the names of Docker's "
		"containers are known to Docker alone.",
		"Give 12 or more digits of its id (docker inspect --format '{{.Id}}' NAME), or "
		"'command-line', 'executable' or 'listen-port' instead,");
}

void doctor_seen(struct service *s)
{
	s->unseen = s->doubted = false;
	put_service(s, NULL, NULL);
}

void doctor_crowded(struct collector *c)
{
	if (c->told_crowded)
		return;
	c->told_crowded = true;
	put_check(c, COLLECTOR_DISCOVERY, CHECK_LIMITED,
		"Model servers were found under so many names (kind and port) that those of new "
		"names are no longer taken up.",
		"Name your servers in [service] sections; a reload or restart counts anew.");
}

void doctor_many_sockets(struct collector *c)
{
	if (c->told_sockets)
		return;
	c->told_sockets = true;
	put_check(c, COLLECTOR_SOCKETS, CHECK_LIMITED,
		"So many TCP sockets listen on this host, or in a container of it, that not all of "
		"them were looked at: model servers may stay undiscovered, and of tens of thousands "
		"even one at a service's listen-port.",
		"Find out who listens to so many (ss -tlnp); then reload.");
}

void doctor_stuck(struct collector *c, const char *text)
{
	if (text)
		put_check(c, COLLECTOR_STUCK, CHECK_LIMITED, text,
			"They hang in the kernel, most often upon a file server or device that "
			"does not answer: mend that, or end them.");
	else
		put(c, COLLECTOR_STUCK, "", "", "");
}

void doctor_many_mains(struct service *s)
{
	struct collector *c = s->collector;
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (c->told_mains)
		return;
	c->told_mains = true;
	buf_printf(&text, "Service %s has more than %d main processes: of the others neither start "
			  "nor end is told.",
		s->name, MAINS_MAX);
	put_check(c, COLLECTOR_MAINS, CHECK_LIMITED,
		text.data ? text.data : "A service has too many main processes.",
		"Let its [service] section match the server alone; then reload.");
}
