/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatchd: the supervisor's program. Options, directories, configuration; then the loop. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "daemon/supervisor/arguments.h"
#include "daemon/base/log.h"
#include "daemon/config/config.h"
#include "daemon/journal.h"
#include "daemon/paths.h"
#include "daemon/supervisor/supervisor.h"

static void report(void *userdata, int level, const char *text)
{
	const struct arguments *arguments = userdata;

	/* Who checks wants the lines as an editor or a compiler's log has them. */
	if (arguments->check_config && log_takes(level))
		fprintf(stderr, "%s\n", text);
	else if (!arguments->check_config)
		journal_write(level <= LOG_ERR ? JOURNAL_CONFIGURATION_ERROR : JOURNAL_CONFIGURATION_WARNING,
			NULL, "%s", text);
}

/* Returns an exit status. */
static int run(const struct arguments *a, const struct config_paths *paths, struct config *config)
{
	_cleanup_free_ char *state = NULL, *runtime = NULL, *why = NULL;
	struct supervisor_options options = {.paths = *paths};
	int r;

	r = paths_directory(a->state_directory, "STATE_DIRECTORY", MW_STATEDIR, &state, &why);
	if (r == 0)
		r = paths_directory(
			a->runtime_directory, "RUNTIME_DIRECTORY", MW_RUNDIR, &runtime, &why);
	if (r < 0) {
		journal_write(JOURNAL_START_REFUSED, NULL,
			"%s; --state-directory and --runtime-directory name others",
			why ? why : strerror(-r));
		config_free(config);
		return EX_UNAVAILABLE;
	}
	options.state_directory = state;
	options.runtime_directory = runtime;
	return supervisor_run(&options, config);
}

/* The configuration holds secrets: no core dump of them, no look from outside. */
static int hide_memory(void)
{
	const struct rlimit core = {0, 0};

	if (setrlimit(RLIMIT_CORE, &core) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *rules = NULL;
	struct arguments arguments = {0};
	struct config_paths paths = {0};
	struct config *config;
	int status, r;

	log_open("modelwatchd");
	status = arguments_parse(argc, argv, &arguments);
	if (status >= 0)
		return status;
	r = hide_memory();
	if (r < 0) {
		journal_failure(r, "cannot keep secrets");
		return EX_SOFTWARE;
	}
	r = paths_vendor_rules(&rules);
	if (r < 0) {
		journal_failure(r, "cannot find the vendor rules");
		return EX_SOFTWARE;
	}
	paths.file = arguments.config;
	paths.vendor_rules = rules;
	paths.check_only = arguments.check_config;
	r = config_load(&paths, report, &arguments, &config);
	if (r < 0)
		return r == -ENOMEM ? EX_SOFTWARE : EX_CONFIG;
	if (arguments.check_config) {
		config_free(config);
		return EXIT_SUCCESS;
	}
	return run(&arguments, &paths, config);
}
