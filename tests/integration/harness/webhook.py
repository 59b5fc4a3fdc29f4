# SPDX-License-Identifier: Apache-2.0
"""The receiver's side of the generic webhook: Standard Webhooks signatures, the published schema.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
import base64
import functools
import hashlib
import hmac
import json

import jsonschema

from .places import SCHEMA


def signing_key(secret):
    """The key's bytes: base64 behind whsec_, else the secret as it is."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret[len("whsec_"):], validate=True)
    return secret.encode()


def signature(secret, message_id, timestamp, body):
    """The value of webhook-signature for this message."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(signing_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


@functools.lru_cache(maxsize=1)
def _validator():
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    return validator(schema, format_checker=jsonschema.FormatChecker())


def faults(headers, body, secret):
    """Everything that is wrong with a notification, as sentences."""
    found = []
    try:
        content = json.loads(body)
    except ValueError as error:
        return [f"the body is not JSON: {error}"]
    found += [f"schema: {'/'.join(map(str, e.absolute_path))}: {e.message}"
              for e in _validator().iter_errors(content)]
    if headers.get("content-type", "").split(";")[0] != "application/json":
        found.append(f"Content-Type is {headers.get('content-type')}")
    message_id, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    if message_id != content.get("id"):
        found.append(f"webhook-id {message_id} is not the body's id {content.get('id')}")
    if not (timestamp or "").isdigit():
        found.append(f"webhook-timestamp is {timestamp}")
    if secret is None:
        if "webhook-signature" in headers:
            found.append("signed without a secret")
    elif signature(secret, message_id, timestamp, body) not in headers.get(
            "webhook-signature", "").split(" "):
        found.append(f"the signature {headers.get('webhook-signature')} is not of this secret")
    return found
