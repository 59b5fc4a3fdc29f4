/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/launch.h"

#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

size_t launch_arguments(const struct process_text *p)
{
	return p->argument_count < ARGUMENTS_MAX ? p->argument_count : ARGUMENTS_MAX;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_path_end(const char *rest)
{
	return text_equal(rest, "") || text_equal(rest, " (deleted)");
}

bool launch_base_is(const char *path, const char *name)
{
	const char *rest = text_after(base_name(path), name);

	return rest && is_path_end(rest);
}

static bool is_python(const char *path)
{
	const char *rest = text_after(base_name(path), "python");

	/* python3.13t is the build without the global lock. */
	return rest && is_path_end(rest + strspn(rest, "0123456789.t"));
}

/* The grammar of python(1): options, then -m MODULE, -c CODE, - or a file. */
static struct launch python_launch(const struct process_text *p)
{
	size_t count = launch_arguments(p);

	for (size_t i = 1; i < count; i++) {
		const char *a = p->arguments[i], *letter, *value;

		if (a[0] != '-')
			return (struct launch){SCRIPT, a, i + 1};
		if (a[1] == '-') {
			i += text_equal(a, "--check-hash-based-pycs");
			continue;
		}
		letter = strpbrk(a, "mcWX");
		if (!letter && a[1])
			continue;
		if (!letter || *letter == 'c')
			break;
		value = letter[1] ? letter + 1 : (++i < count ? p->arguments[i] : "");
		if (*letter == 'm')
			return (struct launch){MODULE, value, i + 1};
	}
	return (struct launch){0};
}

/* The grammar of java(1): options, then the class; a -jar says nothing. */
static struct launch java_launch(const struct process_text *p)
{
	static const char *const with_value[] = {
		"-cp",
		"-classpath",
		"--class-path",
		"-p",
		"--module-path",
		"--add-modules",
		"--add-opens",
		"--add-exports",
		"--add-reads",
		"--upgrade-module-path",
	};
	size_t count = launch_arguments(p);

	for (size_t i = 1; i < count; i++) {
		const char *a = p->arguments[i];
		size_t option = 0;

		if (a[0] != '-')
			return (struct launch){CLASS, a, i + 1};
		if (text_equal(a, "-jar"))
			break;
		while (option < ELEMENTS(with_value) && !text_equal(a, with_value[option]))
			option++;
		i += option < ELEMENTS(with_value);
	}
	return (struct launch){0};
}

struct launch launch_read(const struct process_text *p)
{
	const char *name = p->argument_count > 0 ? p->arguments[0] : "";

	if (!*name)
		return (struct launch){0};
	if (strstr(name, "::"))
		return (struct launch){TITLE, name, 1};
	/* A child that was forked and so still has its parent's arguments. */
	if (strstr(p->comm, "::"))
		return (struct launch){TITLE, p->comm, 1};
	if (is_python(name) || is_python(p->executable))
		return python_launch(p);
	if (launch_base_is(name, "java") || launch_base_is(p->executable, "java"))
		return java_launch(p);
	/* Ollama's own copy of llama-server, started for each model. */
	if (strstr(name, "/lib/ollama/") || strstr(p->executable, "/lib/ollama/"))
		return (struct launch){0};
	return (struct launch){PROGRAM, name, 1};
}
