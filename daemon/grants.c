/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/grants.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "collectors/process/connector.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

/* Files are told by their handles, who opened them by a pidfd: no descriptor of a file comes with an event,
 * which would open it to whoever reads events. */
static int open_file_events(void)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_REPORT_PIDFD | FAN_CLOEXEC |
				       FAN_NONBLOCK,
		O_RDONLY | O_LARGEFILE | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static const struct {
	const char *name;
	int (*open)(void);
} grants[] = {
	[GRANT_PROCESS_EVENTS] = {"proc-events", connector_open},
	[GRANT_PROCESS_EXITS] = {"proc-exits", connector_open_exits},
	[GRANT_FILE_EVENTS] = {"fanotify", open_file_events},
};

const char *grant_name(enum grant grant)
{
	return grants[grant].name;
}

int grant_open(enum grant grant)
{
	return grants[grant].open();
}

/* Takes FD. */
static void take(int fds[static GRANTS], const char *name, int fd)
{
	for (size_t i = 0; i < GRANTS; i++)
		if (fds[i] < 0 && text_equal(name, grants[i].name)) {
			fds[i] = fd;
			return;
		}
	close(fd);
}

void grants_take(int fds[static GRANTS])
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);

	for (size_t i = 0; i < GRANTS; i++)
		fds[i] = -ENOENT;
	for (int i = 0; i < count; i++) {
		take(fds, names[i], SD_LISTEN_FDS_START + i);
		free(names[i]);
	}
	free(names);
	for (size_t i = 0; i < GRANTS; i++)
		if (fds[i] < 0)
			fds[i] = grant_open((enum grant) i);
}
