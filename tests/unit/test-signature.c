/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures, against the published vector of the Standard Webhooks libraries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alerts/signature.h"
#include "daemon/base/cleanup.h"

static void test_vectors(void **state)
{
	/* The first is the libraries' own; the others were made with Python's hmac and base64. */
	static const struct {
		const char *secret, *id;
		int64_t timestamp;
		const char *body, *expected;
	} cases[] = {
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
			1614265330, "{\"test\": 2432232314}",
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{"whsec_AQ==", "a", 1, "", "v1,F5gpeSJ+LSavPeje9Pxrd5fhTYyXgsujZxXE5TslDiI="},
		{"whsec_AQI=", "a", 1, "", "v1,Vl6lhoqd9n5+63CWeoGOsojqohgn7VxZDLSiwNjhzAI="},
		{"plain secret", "a", 1700000000, "{}", "v1,XGLvCsP64wpXw6sZitAZg4k2C/A2RV5orMPAoldn52U="},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *made = NULL;

		assert_int_equal(signature_make(cases[i].secret, strlen(cases[i].secret),
					 cases[i].id, cases[i].timestamp, cases[i].body,
					 strlen(cases[i].body), &made),
			0);
		assert_string_equal(made, cases[i].expected);
	}
}

static void test_raw_secret_may_hold_any_byte(void **state)
{
	static const char secret[] = {'a', 0, 'b', '\xff'};
	_cleanup_free_ char *made = NULL, *cut = NULL;

	assert_int_equal(signature_make(secret, sizeof(secret), "a", 1, "x", 1, &made), 0);
	assert_int_equal(signature_make(secret, 1, "a", 1, "x", 1, &cut), 0);
	assert_string_equal(made, "v1,DcLnY7N0/iDdq4GQvoqku/d49+3hNEcAeP0YclqKaOI=");
	assert_string_not_equal(made, cut);
}

static void test_bad_secrets(void **state)
{
	static const char *const cases[] = {
		"", "whsec_", "whsec_A", "whsec_AQ=", "whsec_AQ", "whsec_A===", "whsec_AQ=A",
		"whsec_A Q=", "whsec_AQ==\n", "whsec_AQI-",
	};
	char long_secret[5000];

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char *made = NULL;

		if (signature_make(cases[i], strlen(cases[i]), "a", 1, "", 0, &made) != -EINVAL)
			fail_msg("%s is taken", cases[i]);
		assert_null(made);
	}
	memset(long_secret, 'x', sizeof(long_secret));
	assert_int_equal(signature_make(long_secret, sizeof(long_secret), "a", 1, "", 0,
				 &(char *){NULL}),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_raw_secret_may_hold_any_byte),
		cmocka_unit_test(test_bad_secrets),
	};

	return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
