/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/unit_words.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "daemon/base/text.h"

/* What systemd shows of a unit file that is not enabled, though it could be. */
static const char *const not_enabled[] = {"disabled", "masked", "masked-runtime", "indirect", "bad"};

/* By which systemd's own steps before a program say where they failed. */
static const struct {
	int64_t status;
	const char *name;
} statuses[] = {
	{200, "CHDIR"}, {201, "NICE"}, {202, "FDS"}, {203, "EXEC"}, {204, "MEMORY"}, {205, "LIMITS"},
	{206, "OOM_ADJUST"}, {207, "SIGNAL_MASK"}, {208, "STDIN"}, {209, "STDOUT"}, {210, "CHROOT"},
	{211, "IOPRIO"}, {212, "TIMERSLACK"}, {213, "SECUREBITS"}, {214, "SETSCHEDULER"},
	{215, "CPUAFFINITY"}, {216, "GROUP"}, {217, "USER"}, {218, "CAPABILITIES"}, {219, "CGROUP"},
	{220, "SETSID"}, {221, "CONFIRM"}, {222, "STDERR"}, {224, "PAM"}, {225, "NETWORK"},
	{226, "NAMESPACE"}, {227, "NO_NEW_PRIVILEGES"}, {228, "SECCOMP"}, {229, "SELINUX_CONTEXT"},
	{230, "PERSONALITY"}, {231, "APPARMOR_PROFILE"}, {232, "ADDRESS_FAMILIES"},
	{233, "RUNTIME_DIRECTORY"}, {235, "CHOWN"}, {236, "SMACK_PROCESS_LABEL"}, {237, "KEYRING"},
	{238, "STATE_DIRECTORY"}, {239, "CACHE_DIRECTORY"}, {240, "LOGS_DIRECTORY"},
	{241, "CONFIGURATION_DIRECTORY"}, {242, "NUMA_POLICY"}, {243, "CREDENTIALS"}, {245, "BPF"},
};

bool unit_is_active(const struct unit_state *u)
{
	return text_equal(u->active, "active") || text_equal(u->active, "reloading") ||
	       text_equal(u->active, "refreshing");
}

bool unit_is_starting(const struct unit_state *u)
{
	return text_equal(u->job, "start") || text_equal(u->job, "restart") ||
	       text_equal(u->active, "activating");
}

bool unit_waits_to_restart(const struct unit_state *u)
{
	/* Since systemd 254 also "auto-restart-queued". */
	return text_after(u->sub, "auto-restart") != NULL;
}

bool unit_is_successful(const struct unit_state *u)
{
	/* A scope has no result. */
	return !*u->result || text_equal(u->result, "success");
}

bool unit_has_failed(const struct unit_state *u)
{
	return !unit_is_successful(u) && (text_equal(u->active, "failed") || unit_waits_to_restart(u));
}

static bool is_inactive(const struct unit_state *u)
{
	return text_equal(u->active, "inactive");
}

bool unit_is_down(const struct unit_state *u)
{
	return unit_has_failed(u) || (is_inactive(u) && *u->cause);
}

bool unit_rests(const struct unit_state *u)
{
	return is_inactive(u) && unit_is_successful(u) && !*u->cause;
}

bool unit_is_asked_to_stop(const struct unit_state *u)
{
	/* What has a cause nobody asked for; a restart goes on as a start. */
	return (text_equal(u->job, "stop") && !*u->cause) ||
	       (text_equal(u->job, "restart") && !text_equal(u->active, "activating"));
}

bool unit_is_enabled(const struct unit_state *u)
{
	for (size_t i = 0; i < ELEMENTS(not_enabled); i++)
		if (text_equal(u->file, not_enabled[i]))
			return false;
	return true;
}

void unit_put_status(int64_t status, struct buf *b)
{
	buf_printf(b, "status %" PRIi64, status);
	for (size_t i = 0; i < ELEMENTS(statuses); i++)
		if (statuses[i].status == status)
			buf_printf(b, "/%s", statuses[i].name);
}

void unit_put_signal(int64_t number, struct buf *b)
{
	const char *name = number > 0 && number < NSIG ? sigabbrev_np((int) number) : NULL;

	if (name)
		buf_printf(b, "SIG%s", name);
	else
		buf_printf(b, "signal %" PRIi64, number);
}

void unit_explain_failure(const struct unit_state *u, struct buf *b)
{
	buf_printf(b, "%s failed: %s", u->name, u->result);
	if (u->exit_status <= 0)
		return;
	if (u->exit_code == CLD_EXITED) {
		buf_add_string(b, ", ");
		unit_put_status(u->exit_status, b);
	} else if (u->exit_code == CLD_KILLED || u->exit_code == CLD_DUMPED) {
		buf_add_string(b, ", ");
		unit_put_signal(u->exit_status, b);
	}
}

void unit_explain(const struct unit_state *u, struct buf *b)
{
	if (text_equal(u->load, "not-found"))
		buf_printf(b, "there is no unit %s", u->name);
	else if (text_equal(u->load, "masked"))
		buf_printf(b, "%s is masked", u->name);
	else if (!text_equal(u->load, "loaded"))
		buf_printf(b, "%s cannot be loaded: %s", u->name, u->load);
	else if (unit_has_failed(u))
		unit_explain_failure(u, b);
	else if (unit_is_active(u))
		buf_printf(b, "%s is %s (%s), but no process of it %s", u->name, u->active, u->sub,
			text_equal(u->sub, "exited") ? "is left" : "matches");
	else
		buf_printf(b, "%s is %s (%s)%s%s", u->name, u->active, u->sub,
			*u->cause ? ": " : "", u->cause);
}
