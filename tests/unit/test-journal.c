/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the journal, in which this test is: its call takes the fields. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/journal.h"

#define MESSAGES_MAX 4

/* One field a line, of the messages that came. */
static struct buf messages[MESSAGES_MAX];
static size_t message_count;

int __wrap_sd_journal_sendv(const struct iovec *io, int n);
int __wrap_sd_journal_sendv(const struct iovec *io, int n)
{
	struct buf *b = &messages[message_count++];

	assert_true(message_count <= MESSAGES_MAX);
	for (int i = 0; i < n; i++) {
		buf_add(b, io[i].iov_base, io[i].iov_len);
		buf_add_char(b, '\n');
	}
	return 0;
}

static int set_up(void **state)
{
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) st.st_dev,
		(unsigned long long) st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("modelwatch-test");
	return 0;
}

static int forget(void **state)
{
	log_set_level(LOG_INFO);
	for (size_t i = 0; i < MESSAGES_MAX; i++)
		buf_done(&messages[i]);
	message_count = 0;
	return 0;
}

/* What a message has besides its id, which the table alone says. */
static void check(size_t number, const char *expected)
{
	_cleanup_free_ char *got = NULL;
	char *id, *end;

	assert_true(number < message_count);
	got = strdup(messages[number].data);
	id = strstr(got, "MESSAGE_ID=");
	assert_non_null(id);
	end = strchr(id, '\n');
	assert_int_equal(end - id, (ptrdiff_t) strlen("MESSAGE_ID=") + 32);
	memmove(id, end + 1, strlen(end + 1) + 1);
	assert_string_equal(got, expected);
}

static void test_fields(void **state)
{
	assert_int_equal(journal_write(JOURNAL_READY, NULL, "ready"), 0);
	check(0, "MESSAGE=ready\nPRIORITY=6\nSYSLOG_IDENTIFIER=modelwatch-test\n");
	journal_write(JOURNAL_INCIDENT_OPENED,
		WITH(.level = LOG_WARNING, .incident = 17, .service = "llama", .severity = "critical",
			.state = "open"),
		"incident %d", 17);
	check(1, "MESSAGE=incident 17\nPRIORITY=4\nSYSLOG_IDENTIFIER=modelwatch-test\nSERVICE=llama\n"
		 "SEVERITY=critical\nSTATE=open\nINCIDENT=17\n");
	assert_int_equal(journal_failure(-ENOENT, "cannot find it"), -ENOENT);
	check(2, "MESSAGE=cannot find it: No such file or directory\nPRIORITY=3\n"
		 "SYSLOG_IDENTIFIER=modelwatch-test\nERRNO=2\n");
	journal_write(JOURNAL_WEBHOOK_NOT_USED, WITH(.webhook = "", .rule = NULL), "no field is empty");
	check(3, "MESSAGE=no field is empty\nPRIORITY=3\nSYSLOG_IDENTIFIER=modelwatch-test\n");
}

/* Strangers name services and write titles. */
static void test_forged_fields(void **state)
{
	journal_write(JOURNAL_INCIDENT_RESOLVED, WITH(.service = "a\nPRIORITY=0\nUNIT=b\x1b[2J"),
		"down\nPRIORITY=0\r\xff");
	check(0, "MESSAGE=down?PRIORITY=0??\nPRIORITY=5\nSYSLOG_IDENTIFIER=modelwatch-test\n"
		 "SERVICE=a?PRIORITY=0?UNIT=b?[2J\n");
}

static void test_long_texts(void **state)
{
	enum { LENGTH = 100000 };
	char *text = calloc(1, LENGTH + 1);

	for (size_t i = 0; i < LENGTH; i += 2)
		memcpy(text + i, "ü", 2);
	journal_write(JOURNAL_RULE_NOT_USED, WITH(.rule = text), ".%s", text);
	free(text);
	assert_in_range(messages[0].size, 9000, 10000);
	assert_true(text_is_utf8(messages[0].data, messages[0].size));
}

static void test_levels(void **state)
{
	log_debug("not seen");
	log_set_level(LOG_WARNING);
	assert_int_equal(journal_write(JOURNAL_DATABASE_WRITTEN, WITH(.error = -EIO), "not seen"), -EIO);
	journal_write(JOURNAL_ROLE_DELAYED, WITH(.level = LOG_NOTICE), "not seen");
	assert_int_equal(message_count, 0);
	journal_write(JOURNAL_READY, WITH(.level = LOG_WARNING), "seen");
	assert_int_equal(message_count, 1);
	log_set_level(LOG_DEBUG);
	log_debug("seen");
	assert_string_equal(messages[1].data,
		"MESSAGE=seen\nPRIORITY=7\nSYSLOG_IDENTIFIER=modelwatch-test\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_fields, forget),
		cmocka_unit_test_teardown(test_forged_fields, forget),
		cmocka_unit_test_teardown(test_long_texts, forget),
		cmocka_unit_test_teardown(test_levels, forget),
	};

	return cmocka_run_group_tests_name("journal", tests, set_up, NULL);
}
