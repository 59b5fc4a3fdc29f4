/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli/verbs.h"

#include <stdlib.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define STATUS_UNKNOWN 3 /* of monitoring plugins */

const struct verb verbs[] = {
	{"status", "", ARGUMENT_NONE, 0, verb_status, STATUS_UNKNOWN,
		"the host at a glance; exit status 0 ok, 1 warning, 2 critical, 3 unknown"},
	{"incidents", "[--all]", ARGUMENT_NONE, TAKES_ALL, verb_incidents, EXIT_FAILURE,
		"open incidents, or all of them"},
	{"incident", "ID", ARGUMENT_REQUIRED, 0, verb_incident, EXIT_FAILURE,
		"everything known of one incident"},
	{"ack", "ID [-m TEXT]", ARGUMENT_REQUIRED, TAKES_MESSAGE, verb_acknowledge, EXIT_FAILURE,
		"say that you are on it"},
	{"resolve", "ID [-m TEXT]", ARGUMENT_REQUIRED, TAKES_MESSAGE, verb_resolve, EXIT_FAILURE,
		"say that it is over"},
	{"note", "ID -m TEXT", ARGUMENT_REQUIRED, TAKES_MESSAGE | NEEDS_MESSAGE, verb_note,
		EXIT_FAILURE, "add a note to an incident"},
	{"discover", "", ARGUMENT_NONE, 0, verb_discover, EXIT_FAILURE,
		"the model servers found here, as configuration ready to paste"},
	{"doctor", "", ARGUMENT_NONE, 0, verb_doctor, EXIT_FAILURE,
		"what the daemon can and cannot see or do, and how to change it"},
	{"check-config", "[FILE]", ARGUMENT_OPTIONAL, 0, verb_check_config, EXIT_FAILURE,
		"check a configuration, without a daemon"},
	{"test-webhook", "NAME", ARGUMENT_REQUIRED, 0, verb_test_webhook, EXIT_FAILURE,
		"send a test notification and print what the receiver answered"},
};
const size_t verb_count = ELEMENTS(verbs);

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < verb_count; i++)
		if (text_equal(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}
