/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/supervisor/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "build-config.h"
#include "daemon/base/log.h"

static const char usage_text[] =
	"Usage: modelwatchd [OPTION...]\n"
	"\n"
	"The monitoring daemon for hosts that serve AI models.\n"
	"\n"
	"  -c, --config FILE              configuration (" MW_SYSCONFDIR "/modelwatch.conf)\n"
	"      --state-directory DIR      where the database is (" MW_STATEDIR ")\n"
	"      --runtime-directory DIR    where http.sock is (" MW_RUNDIR ")\n"
	"      --check-config             check the configuration and exit\n"
	"      --log-level LEVEL          error warning notice info debug\n"
	"      --version                  print the version and exit\n"
	"  -h, --help                     print this and exit\n"
	"\n"
	"See modelwatchd(8) and modelwatch.conf(5).\n";

int arguments_parse(int argc, char **argv, struct arguments *ret)
{
	enum { STATE = 256, RUNTIME, CHECK, LEVEL, VERSION_OPTION };
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"state-directory", required_argument, NULL, STATE},
		{"runtime-directory", required_argument, NULL, RUNTIME},
		{"check-config", no_argument, NULL, CHECK},
		{"log-level", required_argument, NULL, LEVEL},
		{"version", no_argument, NULL, VERSION_OPTION},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0)
		switch (c) {
		case 'c':
			ret->config = optarg;
			break;
		case STATE:
			ret->state_directory = optarg;
			break;
		case RUNTIME:
			ret->runtime_directory = optarg;
			break;
		case CHECK:
			ret->check_config = true;
			break;
		case LEVEL:
			if (log_level_parse(optarg) < 0) {
				fprintf(stderr, "modelwatchd: no such log level: %s\n", optarg);
				return EX_USAGE;
			}
			log_set_level(log_level_parse(optarg));
			setenv("MODELWATCH_LOG_LEVEL", optarg, 1);
			break;
		case VERSION_OPTION:
			puts(PACKAGE_STRING);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			fputs("Try 'modelwatchd --help'.\n", stderr);
			return EX_USAGE;
		}
	if (optind < argc) {
		fprintf(stderr, "modelwatchd: unexpected argument: %s\n", argv[optind]);
		return EX_USAGE;
	}
	return -1;
}
