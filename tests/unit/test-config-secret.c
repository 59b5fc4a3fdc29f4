/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of a configuration: whose files and credentials are read, and that nothing of them is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/config-files.h"

/* What is secret is in no report, right or wrong. */
static void test_secrets_stay_out_of_reports(void **state)
{
	static const char *const texts[] = {
		"[webhook a]\nurl = httpx://hunter2",
		"[webhook a]\nurl = http://a\nsecret = hunter2",
		"[webhook a]\nurl = http://a\nheader = hunter2",
		"[webhook a]\nurl = http://a\nproxy = hunter2",
		"[page]\npassword = hunter2",
		"[heartbeat a]\nurl = hunter2",
		"[webhook a]\nurl = file:SECRET",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct config *c = NULL;
		struct files f;

		files_make(&f);
		files_write_text(&f, "modelwatch.conf", texts[i]);
		assert_int_equal(files_load(&f, false, &c), -EINVAL);
		assert_null(strstr(f.reports.data, "hunter2"));
		files_remove(&f);
	}
}

static int load_webhook(struct files *f, const char *secret, mode_t mode, struct config **ret)
{
	char path[128], text[256];

	snprintf(path, sizeof(path), "%s/secret", f->directory);
	snprintf(text, sizeof(text), "[webhook a]\nurl = http://a\nsecret = %s%s",
		secret, strcmp(secret, "file:") == 0 ? path : "");
	chmod(path, mode);
	files_write_text(f, "modelwatch.conf", text);
	return files_load(f, false, ret);
}

static void test_secret_files(void **state)
{
	static const struct {
		const char *content;
		size_t size;
		mode_t mode;
		const char *secret; /* NULL: refused */
		const char *report;
	} files[] = {
		{"hunter2\n", 8, 0600, "hunter2", NULL},
		{"hunter2\n\n", 9, 0400, "hunter2\n", NULL},
		{"\xff\x01", 2, 0600, "\xff\x01", NULL},
		{"whsec_aGVsbG8=", 14, 0600, "whsec_aGVsbG8=", NULL},
		{"whsec_!", 7, 0600, NULL, "'secret' expects base64 behind whsec_, and what it names is "
					   "none"},
		{"hunter2", 7, 0640, NULL, "secret has mode 0640: others may use it"},
		{"hunter2", 7, 0604, NULL, "secret has mode 0604: others may use it"},
		{"", 0, 0600, NULL, "secret is empty"},
		{"\n", 1, 0600, NULL, "secret is empty"},
		{"a\0b", 3, 0600, NULL, "secret holds a NUL byte"},
	};

	for (size_t i = 0; i < ELEMENTS(files); i++) {
		_cleanup_config_ struct config *c = NULL, *sliced = NULL;
		_cleanup_buf_ struct buf b = BUF_INIT;
		const struct section *s;
		struct files f;

		files_make(&f);
		files_write(&f, "secret", files[i].content, files[i].size);
		load_webhook(&f, "file:", files[i].mode, &c);
		assert_true(!c == !files[i].secret);
		if (files[i].report)
			assert_non_null(strstr(f.reports.data, files[i].report));
		if (c) {
			assert_int_equal(config_slice(c, FOR_NOTIFY, &b), 0);
			assert_int_equal(config_unslice(b.data, b.size, &sliced), 0);
			s = config_find(sliced, SECTION_WEBHOOK, "a");
			assert_string_equal(section_string(s, OPTION_WEBHOOK_SECRET), files[i].secret);
		}
		files_remove(&f);
	}
}

/* A secret of somebody else's is none: they could change it. */
static void test_secret_owner(void **state)
{
	struct config *c = NULL;
	char path[128];
	struct files f;

	if (geteuid() != 0)
		skip();
	files_make(&f);
	files_write(&f, "secret", "hunter2", 7);
	snprintf(path, sizeof(path), "%s/secret", f.directory);
	assert_int_equal(chown(path, 12345, (gid_t) -1), 0);
	/* Root without CAP_DAC_OVERRIDE cannot read it at all. */
	if (access(path, R_OK) < 0) {
		files_remove(&f);
		skip();
	}
	assert_int_equal(load_webhook(&f, "file:", 0600, &c), -EINVAL);
	assert_non_null(strstr(f.reports.data, "secret belongs to uid 12345, neither to root nor"));
	/* Root that checks for the daemon's user sees a file of that user. */
	assert_int_equal(files_load(&f, true, &c), 0);
	config_free(c);
	files_remove(&f);
}

static void test_credentials(void **state)
{
	struct config *c = NULL;
	struct files f;

	files_make(&f);
	files_write(&f, "secret", "hunter2\n", 8);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(load_webhook(&f, "credential:secret", 0400, &c), -EINVAL);
	assert_non_null(strstr(f.reports.data, "conf:3: 'secret': credential:secret is not there"));
	/* Whoever only checks cannot see the service's credentials. */
	assert_int_equal(files_load(&f, true, &c), 0);
	assert_non_null(strstr(f.reports.data, "credential:secret is not checked"));
	config_free(c);

	setenv("CREDENTIALS_DIRECTORY", f.directory, 1);
	assert_int_equal(load_webhook(&f, "credential:secret", 0400, &c), 0);
	assert_int_equal(f.reports.size, 0);
	config_free(c);
	assert_int_equal(load_webhook(&f, "credential:other", 0400, &c), -EINVAL);
	assert_non_null(strstr(f.reports.data, "other: No such file or directory"));
	unsetenv("CREDENTIALS_DIRECTORY");
	files_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets_stay_out_of_reports),
		cmocka_unit_test(test_secret_files),
		cmocka_unit_test(test_secret_owner),
		cmocka_unit_test(test_credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
