# SPDX-License-Identifier: Apache-2.0
"""The OpenAI shapes of POST /v1/completions: the request checked, the answer and errors made.

Reference: https://platform.openai.com/docs/api-reference/completions. What is not supported is
refused, never ignored, where ignoring it would change the answer. Nothing here does I/O.
"""

import json

MAX_TOKENS_DEFAULT = 16
TEMPERATURE_MAX = 2
UNSUPPORTED = ("best_of", "echo", "logit_bias", "logprobs", "stop", "suffix", "top_p",
               "frequency_penalty", "presence_penalty")
NEUTRAL = (None, False, 0, [], {})  # asking for nothing; top_p and best_of are neutral at 1


class BadRequest(Exception):
    """What is wrong, as OpenAI says it: status, message, the parameter at fault, a code."""

    def __init__(self, message, param=None, status=400, code=None):
        super().__init__(message)
        self.status, self.param, self.code = status, param, code

    def body(self):
        return error(str(self), "invalid_request_error", self.param, self.code)


def error(message, kind, param=None, code=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _number(fields, name, default, low, high, integer=False):
    value = fields.get(name)
    if value is None:
        return default
    good = isinstance(value, int if integer else (int, float)) and not isinstance(value, bool)
    if not good or not low <= value <= high:  # NaN is in no range
        kind = "an integer" if integer else "a number"
        raise BadRequest(f"{name} must be {kind} from {low} to {high}", name)
    return value


def _flag(fields, name):
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false", name)
    return bool(value)


def _refuse_unsupported(fields):
    for name in UNSUPPORTED:
        value = fields.get(name)
        if value not in NEUTRAL and not (value == 1 and name in ("best_of", "top_p")):
            raise BadRequest(f"{name} is not supported", name)
    if fields.get("n") not in (None, 1):
        raise BadRequest("n must be 1", "n")


def parse(body, model_name, context_max):
    """The checked fields of a request's BODY (bytes). Raises BadRequest."""
    try:
        fields = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise BadRequest(f"the body is not JSON: {problem}") from None
    if not isinstance(fields, dict):
        raise BadRequest("the body is not a JSON object")
    if fields.get("model") != model_name:
        raise BadRequest(f"the model {fields.get('model')!r} does not exist", "model", 404,
                         "model_not_found")
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise BadRequest("prompt must be a text that is not empty", "prompt")
    _refuse_unsupported(fields)
    max_tokens = _number(fields, "max_tokens", MAX_TOKENS_DEFAULT, 1, context_max, integer=True)
    if len(prompt) + max_tokens > context_max:
        raise BadRequest(f"this model's context holds {context_max} tokens; you asked for "
                         f"{len(prompt)} of the prompt and {max_tokens} of the completion",
                         "max_tokens", code="context_length_exceeded")
    return {
        "prompt": prompt,
        "max_tokens": max_tokens,
        "temperature": _number(fields, "temperature", 1.0, 0, TEMPERATURE_MAX),
        "seed": _number(fields, "seed", None, -(2**63), 2**63 - 1, integer=True),
        "stream": _flag(fields, "stream"),
    }


def chunk(identity, created, model_name, text, reason):
    """An answer without its usage: whole, or one piece of a stream."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
    return {"id": identity, "object": "text_completion", "created": created, "model": model_name,
            "choices": [choice]}


def usage(prompt_tokens, completion_tokens):
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens}
