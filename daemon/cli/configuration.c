/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch check-config: without a daemon, everything that is wrong at once. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/cli/client.h"
#include "daemon/config/config.h"
#include "daemon/paths.h"

struct findings {
	bool json;
	json_t *errors, *warnings;
};

static void on_finding(void *userdata, int level, const char *text)
{
	struct findings *f = userdata;
	bool error = level <= LOG_ERR;
	_cleanup_free_ char *printable = text_printable(text, strlen(text));

	if (!printable)
		return;
	if (f->json)
		json_array_append_new(error ? f->errors : f->warnings, json_string(printable));
	else
		fprintf(stderr, "%s%s\n", error ? "" : "warning: ", printable);
}

static void print_json(const struct findings *f, bool valid)
{
	json_t *body = json_pack(
		"{s:b, s:O, s:O}", "valid", valid, "errors", f->errors, "warnings", f->warnings);

	json_dumpf(body, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(body);
}

static int check(const char *file, struct findings *f)
{
	_cleanup_free_ char *rules = NULL;
	struct config_paths paths = {.file = file, .check_only = true};
	struct config *config = NULL;
	int r = paths_vendor_rules(&rules);

	if (r < 0)
		return r;
	paths.vendor_rules = rules;
	r = config_load(&paths, on_finding, f, &config);
	config_free(config);
	return r;
}

static void print_valid(const char *file)
{
	if (!file && access(CONFIG_DEFAULT_FILE, F_OK) < 0)
		puts(CONFIG_DEFAULT_FILE ": not there, so that all defaults hold");
	else
		printf("%s: valid\n", file ? file : CONFIG_DEFAULT_FILE);
}

int verb_check_config(const struct invocation *i)
{
	struct findings f = {i->json, json_array(), json_array()};
	int r = check(i->argument, &f);

	if (i->json)
		print_json(&f, r == 0);
	else if (r == 0)
		print_valid(i->argument);
	else if (r != -EINVAL)
		fprintf(stderr, "modelwatch: cannot check the configuration: %s\n", strerror(-r));
	json_decref(f.errors);
	json_decref(f.warnings);
	return r < 0 ? i->verb->failure : EXIT_SUCCESS;
}
