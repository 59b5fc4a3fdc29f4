/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over its corpus as a plain test: the main() of every fuzz-NAME without
 * libFuzzer. The corpus is $srcdir/tests/fuzz/corpus/NAME, or the files given as arguments. */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/file.h"

#define INPUT_MAX (16 * 1024 * 1024) /* bytes of one corpus file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	_cleanup_buf_ struct buf input = BUF_INIT;
	int r = file_read(path, INPUT_MAX, &input);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	LLVMFuzzerTestOneInput((const uint8_t *) (input.data ? input.data : ""), input.size);
	return 0;
}

static int replay_directory(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char directory[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
	unsigned count = 0;
	struct dirent *entry;
	DIR *d;

	snprintf(directory, sizeof(directory), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
		name);
	d = opendir(directory);
	if (!d) {
		fprintf(stderr, "%s: %s\n", directory, strerror(errno));
		return 1;
	}
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (replay(path) < 0)
			return 1;
		count++;
	}
	closedir(d);
	printf("%s: %u inputs\n", name, count);
	return count > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/'), *behind;

	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			return 1;
	if (argc > 1)
		return 0;
	name = name ? name + 1 : argv[0];
	behind = strstr(name, "fuzz-");
	return replay_directory(behind ? behind + strlen("fuzz-") : name);
}
