/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/signature.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "daemon/base/buf.h"

#define PREFIX	   "whsec_"
#define SECRET_MAX 4096 /* bytes of a secret as written */
#define DIGEST	   32	/* bytes of SHA-256 */
#define DIGEST_TEXT 45	/* the same in base64, with the final NUL */

struct key {
	unsigned char bytes[SECRET_MAX + 1];
	size_t size;
};

static bool is_base64(const char *text, size_t size)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t padding = 0;

	while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < size - padding; i++)
		if (!text[i] || !strchr(alphabet, text[i]))
			return false;
	return size > 0 && size % 4 == 0;
}

static int decode_key(const char *text, size_t size, struct key *ret)
{
	int decoded;

	if (!is_base64(text, size))
		return -EINVAL;
	decoded = EVP_DecodeBlock(ret->bytes, (const unsigned char *) text, (int) size);
	if (decoded < 0)
		return -EINVAL;
	/* The padding was decoded, too. */
	ret->size = (size_t) decoded;
	for (size_t i = size; i > size - 2 && text[i - 1] == '='; i--)
		ret->size--;
	return 0;
}

static int make_key(const char *secret, size_t size, struct key *ret)
{
	const size_t prefix = strlen(PREFIX);

	if (size > SECRET_MAX)
		return -EINVAL;
	if (size >= prefix && memcmp(secret, PREFIX, prefix) == 0)
		return decode_key(secret + prefix, size - prefix, ret);
	memcpy(ret->bytes, secret, size);
	ret->size = size;
	return size > 0 ? 0 : -EINVAL;
}

int signature_make(const void *secret, size_t secret_size, const char *id, int64_t timestamp,
	const void *body, size_t body_size, char **ret)
{
	_cleanup_buf_ struct buf content = BUF_INIT, value = BUF_INIT;
	unsigned char digest[DIGEST], text[DIGEST_TEXT];
	struct key key = {0};
	const unsigned char *made;
	int r = make_key(secret, secret_size, &key);

	if (r < 0)
		return r;
	buf_printf(&content, "%s.%" PRId64 ".", id, timestamp);
	buf_add(&content, body, body_size);
	r = buf_error(&content);
	made = r < 0 ? NULL
		     : HMAC(EVP_sha256(), key.bytes, (int) key.size,
			       (const unsigned char *) content.data, content.size, digest, NULL);
	OPENSSL_cleanse(&key, sizeof(key));
	if (r < 0)
		return r;
	if (!made)
		return -ENOMEM;
	EVP_EncodeBlock(text, digest, DIGEST);
	buf_printf(&value, "v1,%s", (const char *) text);
	*ret = buf_take(&value);
	return *ret ? 0 : -ENOMEM;
}
