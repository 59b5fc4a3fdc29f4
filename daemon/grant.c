/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch-grant: what the unit runs with all rights before the daemon, which has hardly any. It opens
 * the kernel's event sources, leaves them in systemd's descriptor store, and is gone. It reads nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/grants.h"
#include "daemon/journal.h"

#define BARRIER_WAIT (5 * USEC_PER_SEC) /* for systemd to have taken them */

/* What an earlier start left in the store is replaced: what it tells of is long past. */
static int store(enum grant grant)
{
	char text[128];
	int fd = grant_open(grant), r;

	if (fd < 0) {
		/* The daemon works with less, and `modelwatch doctor` says so. */
		journal_write(JOURNAL_EVENTS_NOT_OPENED, WITH(.error = fd), "cannot open %s",
			grant_name(grant));
		return 0;
	}
	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", grant_name(grant));
	r = sd_notify(0, text);
	if (r >= 0) {
		snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", grant_name(grant));
		r = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	}
	close(fd);
	return r;
}

int main(void)
{
	int r = 0;

	log_open("modelwatch-grant");
	if (!getenv("NOTIFY_SOCKET")) {
		journal_write(JOURNAL_STARTED_BY_HAND, NULL,
			"this program is started by systemd, as ExecStartPre= of modelwatchd.service");
		return EX_USAGE;
	}
	for (size_t i = 0; i < GRANTS && r >= 0; i++)
		r = store((enum grant) i);
	if (r >= 0)
		r = sd_notify_barrier(0, BARRIER_WAIT);
	if (r < 0) {
		journal_write(JOURNAL_EVENTS_NOT_HANDED_OVER, WITH(.error = r),
			"cannot hand over the kernel's event sources");
		return EX_OSERR;
	}
	return EXIT_SUCCESS;
}
