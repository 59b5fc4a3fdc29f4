/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of webhooks.
 *
 * Layer: alerts. Reference: github.com/standard-webhooks/standard-webhooks, spec, "Signature
 * scheme". */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The value of `webhook-signature`: "v1," and base64 of HMAC-SHA256 over ID.TIMESTAMP.BODY, in
 * *RET (free() it). TIMESTAMP is the try's, in Unix seconds. A SECRET that begins with "whsec_" is
 * decoded from base64, any other is raw bytes. -EINVAL where that is no base64 or no key, -ENOMEM. */
int signature_make(const void *secret, size_t secret_size, const char *id, int64_t timestamp,
	const void *body, size_t body_size, char **ret);
