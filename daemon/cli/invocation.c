/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cli/invocation.h"

#include <getopt.h>
#include <string.h>

#include "daemon/base/text.h"

#define NAMES_MAX 64 /* verbs or options among which the nearest is looked for */

enum { SOCKET = 256, JSON, ALL, VERSION_OPTION };

static const struct option options[] = {
	{"json", no_argument, NULL, JSON},
	{"socket", required_argument, NULL, SOCKET},
	{"all", no_argument, NULL, ALL},
	{"message", required_argument, NULL, 'm'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, VERSION_OPTION},
	{0},
};

static const struct {
	const char *name, *help;
} option_help[] = {
	{"--json", "print what the API answers, unchanged"},
	{"--socket PATH", "the daemon's socket ($MODELWATCH_SOCKET, $RUNTIME_DIRECTORY/http.sock,\n"
			  "                            " MW_RUNDIR "/http.sock)"},
	{"-m, --message TEXT", "what you have to say about it"},
	{"-h, --help", "print this, or what a verb takes, and exit"},
	{"--version", "print the version and exit"},
};

static void offer(struct buf *b, const char *nearest, const char *prefix)
{
	if (nearest)
		buf_printf(b, " (did you mean %s%s?)", prefix, nearest);
}

static int complain_option(char **argv, struct buf *b)
{
	const char *names[ELEMENTS(options)];
	const char *given = argv[optind - 1], *long_name = text_after(given, "--");
	_cleanup_free_ char *name = NULL, *shown = NULL;
	size_t count = 0;

	if (!long_name && optopt > 0 && optopt < 128) {
		buf_printf(b, "there is no option -%c", optopt);
		return -EINVAL;
	}
	while (options[count].name) {
		names[count] = options[count].name;
		count++;
	}
	name = strndup(long_name ? long_name : given, strcspn(long_name ? long_name : given, "="));
	shown = name ? text_printable(name, strlen(name)) : NULL;
	if (!shown)
		return -ENOMEM;
	buf_printf(b, "there is no option --%s", shown);
	offer(b, text_nearest(name, names, count), "--");
	return -EINVAL;
}

static int take_option(int c, char **argv, struct invocation *i, struct buf *complaint)
{
	switch (c) {
	case JSON:
		i->json = true;
		return 0;
	case ALL:
		i->all = true;
		return 0;
	case SOCKET:
		i->socket = optarg;
		return 0;
	case 'm':
		i->message = optarg;
		return 0;
	case 'h':
		i->help = true;
		return 0;
	case VERSION_OPTION:
		i->version = true;
		return 0;
	case ':':
		buf_printf(complaint, "%s needs a value", argv[optind - 1]);
		return -EINVAL;
	default:
		return complain_option(argv, complaint);
	}
}

static int complain_verb(const char *given, struct buf *b)
{
	_cleanup_free_ char *shown = text_printable(given, strlen(given));
	const char *names[NAMES_MAX];

	for (size_t i = 0; i < verb_count && i < NAMES_MAX; i++)
		names[i] = verbs[i].name;
	buf_printf(b, "there is no verb %s", shown ? shown : "?");
	offer(b, text_nearest(given, names, verb_count), "");
	return -EINVAL;
}

static bool says_something(const char *message)
{
	return message && message[strspn(message, " \t\n")] != '\0';
}

/* What the verb takes and what it needs. */
static int check_verb(const struct invocation *i, int arguments, struct buf *b)
{
	const struct verb *v = i->verb;

	if (arguments == 0 && v->argument == ARGUMENT_REQUIRED)
		buf_printf(b, "%s needs an argument: modelwatch %s %s", v->name, v->name,
			v->synopsis);
	else if (arguments > (v->argument == ARGUMENT_NONE ? 0 : 1))
		buf_printf(b, "%s takes %s: modelwatch %s %s", v->name,
			v->argument == ARGUMENT_NONE ? "no argument" : "one argument", v->name,
			v->synopsis);
	else if (i->all && !(v->options & TAKES_ALL))
		buf_printf(b, "%s does not take --all", v->name);
	else if (i->message && !(v->options & TAKES_MESSAGE))
		buf_printf(b, "%s does not take -m", v->name);
	else if (v->options & NEEDS_MESSAGE && !says_something(i->message))
		buf_printf(b, "%s needs -m TEXT", v->name);
	else
		return 0;
	return -EINVAL;
}

int invocation_parse(int argc, char **argv, struct invocation *ret, struct buf *complaint)
{
	struct invocation i = {0};
	int c, r;

	optind = 0; /* glibc: begin again */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":m:h", options, NULL)) >= 0) {
		r = take_option(c, argv, &i, complaint);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		i.verb = verb_find(argv[optind]);
	if (i.help || i.version) {
		*ret = i;
		return 0;
	}
	if (optind == argc) {
		buf_add_string(complaint, "a verb is missing");
		return -EINVAL;
	}
	if (!i.verb)
		return complain_verb(argv[optind], complaint);
	r = check_verb(&i, argc - optind - 1, complaint);
	if (r < 0)
		return r;
	i.argument = optind + 1 < argc ? argv[optind + 1] : NULL;
	*ret = i;
	return 0;
}

static void help_of_verb(const struct verb *v, struct buf *b)
{
	buf_printf(b, "Usage: modelwatch %s%s%s [--json] [--socket PATH]\n\n%s\n", v->name,
		*v->synopsis ? " " : "", v->synopsis, v->help);
}

void invocation_help(const struct verb *verb, struct buf *b)
{
	if (verb) {
		help_of_verb(verb, b);
		return;
	}
	buf_add_string(b, "Usage: modelwatch VERB [ARGUMENT] [OPTION...]\n\n"
			  "Asks the monitoring daemon of this host.\n\nVerbs:\n");
	for (size_t i = 0; i < verb_count; i++) {
		_cleanup_buf_ struct buf left = BUF_INIT;

		buf_printf(&left, "%s %s", verbs[i].name, verbs[i].synopsis);
		buf_printf(b, "  %-24s  %s\n", left.data ? left.data : "", verbs[i].help);
	}
	buf_add_string(b, "\nOptions:\n");
	for (size_t i = 0; i < ELEMENTS(option_help); i++)
		buf_printf(b, "  %-24s  %s\n", option_help[i].name, option_help[i].help);
	buf_add_string(b, "\nSee modelwatch(1).\n");
}
