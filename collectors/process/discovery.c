/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/discovery.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "collectors/process/launch.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

#define SIGNATURES_MAX 8 /* ways to start one kind */
#define WORDS_MAX      2 /* words that must follow a program's name */
#define OPTIONS_MAX    6 /* options of one kind that name weights */

struct signature {
	unsigned as; /* any of enum launched */
	const char *name;
	const char *words[WORDS_MAX]; /* must follow at once */
};

struct server_row {
	struct server_kind kind;
	struct signature signatures[SIGNATURES_MAX];
	const char *weights[OPTIONS_MAX]; /* options that name weights, the strongest first */
	bool positional; /* what follows the signature's words names weights */
	const char *metrics_off; /* option that takes kind.metrics away */
	const char *metrics_on; /* option that gives metrics at optional_metrics */
	const char *optional_metrics;
};

static const struct server_row server_rows[] = {
	{
		.kind = {"vllm", "/health", "/metrics"},
		.signatures = {{PROGRAM | SCRIPT, "vllm", {"serve"}},
			{MODULE, "vllm.entrypoints.openai.api_server", {NULL}},
			{MODULE, "vllm.entrypoints.api_server", {NULL}},
			{MODULE, "vllm.entrypoints.cli.main", {"serve"}}},
		.weights = {"--model"},
		.positional = true,
	},
	{
		.kind = {"sglang", "/health", ""},
		.signatures = {{MODULE, "sglang.launch_server", {NULL}},
			{PROGRAM | SCRIPT, "sglang", {"serve"}}},
		.weights = {"--model-path", "--model"},
		.positional = true,
		.metrics_on = "--enable-metrics",
		.optional_metrics = "/metrics",
	},
	{
		.kind = {"tgi", "/health", "/metrics"},
		.signatures = {{PROGRAM, "text-generation-launcher", {NULL}}},
		.weights = {"--model-id"},
	},
	{
		/* Its metrics have a port of their own. */
		.kind = {"triton", "/v2/health/ready", ""},
		.signatures = {{PROGRAM, "tritonserver", {NULL}}},
		.weights = {"--model-repository", "--model-store"},
	},
	{
		.kind = {"torchserve", "/ping", ""},
		.signatures = {{CLASS, "org.pytorch.serve.ModelServer", {NULL}}},
		.weights = {"--model-store", "-s"},
	},
	{
		.kind = {"tensorflow-serving", "", ""},
		.signatures = {{PROGRAM, "tensorflow_model_server", {NULL}}},
		.weights = {"--model_base_path"},
		.metrics_on = "--monitoring_config_file",
		.optional_metrics = "/monitoring/prometheus/metrics",
	},
	{
		.kind = {"llama.cpp", "/health", ""},
		.signatures = {{PROGRAM, "llama-server", {NULL}}, {PROGRAM, "llama", {"serve"}}},
		.weights = {"--model", "-m", "--hf-repo", "-hf", "-hfr", "--models-dir"},
		.metrics_on = "--metrics",
		.optional_metrics = "/metrics",
	},
	{
		.kind = {"ollama", "/api/version", ""},
		.signatures = {{PROGRAM, "ollama", {"serve"}}},
	},
	{
		/* A gateway: its option --model names a model elsewhere. */
		.kind = {"litellm", "/health/liveliness", ""},
		.signatures = {{PROGRAM | SCRIPT, "litellm", {NULL}}, {MODULE, "litellm", {NULL}},
			{MODULE, "litellm.proxy.proxy_cli", {NULL}}},
	},
	{
		.kind = {"ray-serve", "/-/healthz", ""},
		.signatures = {{TITLE, "ray::ProxyActor", {NULL}},
			{TITLE, "ray::HTTPProxyActor", {NULL}}, {SCRIPT, "serve", {"run"}}},
	},
	{
		.kind = {"tei", "/health", "/metrics"},
		.signatures = {{PROGRAM, "text-embeddings-router", {NULL}}},
		.weights = {"--model-id"},
	},
	{
		.kind = {"lmdeploy", "/health", "/metrics"},
		.signatures = {{PROGRAM | SCRIPT, "lmdeploy", {"serve", "api_server"}},
			{MODULE, "lmdeploy", {"serve", "api_server"}}},
		.positional = true,
		.metrics_off = "--disable-metrics",
	},
	{
		.kind = {"kserve", "/v2/health/ready", "/metrics"},
		.signatures = {{MODULE, "huggingfaceserver", {NULL}},
			{MODULE, "sklearnserver", {NULL}}, {MODULE, "xgbserver", {NULL}},
			{MODULE, "lgbserver", {NULL}}, {MODULE, "paddleserver", {NULL}},
			{MODULE, "pmmlserver", {NULL}}, {MODULE, "predictiveserver", {NULL}}},
		.weights = {"--model_dir", "--model_id"},
	},
	{
		.kind = {"bentoml", "/readyz", "/metrics"},
		.signatures = {{PROGRAM | SCRIPT, "bentoml", {"serve"}},
			{MODULE, "bentoml", {"serve"}}},
	},
	{
		.kind = {"aphrodite", "/health", "/metrics"},
		.signatures = {{PROGRAM | SCRIPT, "aphrodite", {"run"}},
			{MODULE, "aphrodite.endpoints.openai.api_server", {NULL}}},
		.weights = {"--model"},
		.positional = true,
	},
};

/* A title ends, or goes on with what the process does: ray::ProxyActor.check_health() */
static bool title_is(const char *title, const char *name)
{
	const char *rest = text_after(title, name);

	return rest && (!*rest || strchr(".: ", *rest));
}

/* Whether PATH is where a module's source lies: .../package/module.py */
static bool is_module_file(const char *path, const char *module)
{
	size_t size = strlen(path), length = strlen(module);
	const char *file;

	if (!text_ends_with(path, ".py") || size < length + 3)
		return false;
	file = path + size - 3 - length;
	for (size_t i = 0; i < length; i++)
		if (file[i] != (module[i] == '.' ? '/' : module[i]))
			return false;
	/* A short name alone is anybody's file. */
	return strchr(module, '.') && (file == path || file[-1] == '/');
}

static bool name_matches(
	const struct signature *s, const struct launch *l, const struct process_text *p)
{
	switch (l->as) {
	case PROGRAM:
		return (s->as & PROGRAM) &&
		       (launch_base_is(l->name, s->name) || launch_base_is(p->executable, s->name));
	case SCRIPT:
		return (s->as & SCRIPT) ? launch_base_is(l->name, s->name)
					: (s->as & MODULE) && is_module_file(l->name, s->name);
	case TITLE:
		return (s->as & TITLE) && title_is(l->name, s->name);
	default:
		return (s->as & l->as) && text_equal(l->name, s->name);
	}
}

static bool words_follow(const struct signature *s, size_t next, const struct process_text *p)
{
	for (size_t i = 0; i < WORDS_MAX && s->words[i]; i++)
		if (next + i >= launch_arguments(p) ||
			!text_equal(p->arguments[next + i], s->words[i]))
			return false;
	return true;
}

/* The index of the first argument behind the signature in *RET_NEXT. */
static const struct signature *find_signature(const struct server_row *row, const struct launch *l,
	const struct process_text *p, size_t *ret_next)
{
	for (size_t i = 0; i < SIGNATURES_MAX && row->signatures[i].name; i++) {
		const struct signature *s = &row->signatures[i];
		size_t words = 0;

		if (!name_matches(s, l, p) || !words_follow(s, l->next, p))
			continue;
		while (words < WORDS_MAX && s->words[words])
			words++;
		*ret_next = l->next + words;
		return s;
	}
	return NULL;
}

const struct server_kind *discovery_match(const struct process_text *p)
{
	struct launch l = launch_read(p);
	size_t next;

	for (size_t i = 0; l.as && i < ELEMENTS(server_rows); i++)
		if (find_signature(&server_rows[i], &l, p, &next))
			return &server_rows[i].kind;
	return NULL;
}

/* The kinds are handed out as parts of their rows. */
static const struct server_row *row_of(const struct server_kind *kind)
{
	size_t i = 0;

	while (i < ELEMENTS(server_rows) && &server_rows[i].kind != kind)
		i++;
	assert(i < ELEMENTS(server_rows));
	return &server_rows[i];
}

/* What follows the option NAME in ARGUMENT: "", or "=VALUE"; NULL where it is another option. Most
 * servers take - and _ for the same. */
static const char *after_option(const char *argument, const char *name)
{
	for (; *name; name++, argument++)
		if (*argument != *name &&
			!(strchr("-_", *name) && *argument && strchr("-_", *argument)))
			return NULL;
	return *argument && *argument != '=' ? NULL : argument;
}

/* The value that OPTION was given last, as the servers themselves read it. */
static const char *option_value(const struct process_text *p, size_t from, const char *option)
{
	const char *found = NULL;
	size_t count = launch_arguments(p);

	for (size_t i = from; i < count; i++) {
		const char *rest = after_option(p->arguments[i], option);

		if (rest && *rest)
			found = rest + 1;
		else if (rest && i + 1 < count && p->arguments[i + 1][0] != '-')
			found = p->arguments[++i];
	}
	return found && *found ? found : NULL;
}

const char *discovery_metrics(const struct server_kind *kind, const struct process_text *p)
{
	const struct server_row *row = row_of(kind);
	size_t count = launch_arguments(p);

	for (size_t i = 1; i < count; i++) {
		if (row->metrics_off && after_option(p->arguments[i], row->metrics_off))
			return "";
		if (row->metrics_on && after_option(p->arguments[i], row->metrics_on))
			return row->optional_metrics;
	}
	return kind->metrics;
}

int discovery_weights(const struct server_kind *kind, const struct process_text *p, char **ret)
{
	const struct server_row *row = row_of(kind);
	struct launch l = launch_read(p);
	const struct signature *s;
	const char *found = NULL;
	char *copy = NULL;
	size_t next = 1;

	s = find_signature(row, &l, p, &next);
	if (s && s->words[0] && row->positional && next < launch_arguments(p) &&
		p->arguments[next][0] != '-' && p->arguments[next][0])
		found = p->arguments[next];
	for (size_t i = 0; !found && i < OPTIONS_MAX && row->weights[i]; i++)
		found = option_value(p, next, row->weights[i]);
	/* No path is longer: what is cut short would name another file. */
	if (found && strnlen(found, PATH_MAX) < PATH_MAX) {
		copy = strdup(found);
		if (!copy)
			return -ENOMEM;
	}
	*ret = copy;
	return 0;
}
