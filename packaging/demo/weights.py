# SPDX-License-Identifier: Apache-2.0
"""Reads and writes safetensors files, checking every rule of the format.

The format: https://github.com/huggingface/safetensors#format. A file is an unsigned 64-bit little
endian length N, N bytes of JSON that name the tensors, and the tensors' bytes without holes. What
is refused here is what the reference implementation refuses, and a file that is refused is never
used in part.
"""

import json
import math
import os
import struct

HEADER_MAX = 100_000_000  # bytes of JSON, as in the reference implementation
FILE_MAX = 64 * 1024 * 1024  # bytes; the demo's models have some hundred KiB
ELEMENTS_MAX = 2**64 - 1  # a tensor's size in bits must fit, too

BITS = {
    "F4": 4,
    "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}
UNPACK = {"F16": "e", "F32": "f", "F64": "d"}  # what values() can turn into numbers


class BadWeights(Exception):
    """The file breaks a rule of the format; the text says which."""


class Tensor:
    """Where one tensor lies in the file's data and how it is to be read."""

    def __init__(self, name, dtype, shape, begin, end):
        self.name, self.dtype, self.shape, self.begin, self.end = name, dtype, shape, begin, end


class Weights:
    """A checked file: METADATA (text by name) and TENSORS (Tensor by name)."""

    def __init__(self, metadata, tensors, data):
        self.metadata, self.tensors, self._data = metadata, tensors, data

    def values(self, name):
        """The tensor's numbers in row-major order. NaN and infinity are refused."""
        tensor = self.tensors.get(name)
        if tensor is None:
            raise BadWeights(f"tensor {name} is missing")
        code = UNPACK.get(tensor.dtype)
        if code is None:
            raise BadWeights(f"tensor {name}: {tensor.dtype} is not a type to compute with here")
        count = (tensor.end - tensor.begin) * 8 // BITS[tensor.dtype]
        numbers = struct.unpack_from(f"<{count}{code}", self._data, tensor.begin)
        if not all(map(math.isfinite, numbers)):
            raise BadWeights(f"tensor {name} holds NaN or infinity")
        return numbers


def _no_duplicates(pairs):
    names = dict(pairs)
    if len(names) != len(pairs):
        raise BadWeights("the header names something twice")
    return names


def _natural(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= ELEMENTS_MAX


def _tensor(name, entry):
    """One entry of the header, without its place among the others."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise BadWeights(f"tensor {name}: not dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise BadWeights(f"tensor {name}: unknown dtype {dtype!r}")
    if not isinstance(shape, list) or not all(map(_natural, shape)):
        raise BadWeights(f"tensor {name}: bad shape")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_natural, offsets)):
        raise BadWeights(f"tensor {name}: bad data_offsets")
    bits = math.prod(shape) * BITS[dtype]
    if bits > ELEMENTS_MAX:
        raise BadWeights(f"tensor {name}: too large")
    begin, end = offsets
    if end < begin or bits % 8 or bits // 8 != end - begin:
        raise BadWeights(f"tensor {name}: its bytes do not match its shape")
    return Tensor(name, dtype, shape, begin, end)


def _metadata(entry):
    if not isinstance(entry, dict) or not all(isinstance(v, str) for v in entry.values()):
        raise BadWeights("__metadata__ is not text by name")
    return entry


def _header(text):
    if not text.startswith(b"{"):
        raise BadWeights("the header does not begin with {")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise BadWeights(f"the header is not JSON: {error}") from None
    metadata = _metadata(header.pop("__metadata__", {}))
    return metadata, {name: _tensor(name, entry) for name, entry in header.items()}


def parse(content):
    """Checks the bytes of a whole file and returns its Weights, or raises BadWeights."""
    if len(content) < 8:
        raise BadWeights("shorter than the header's length")
    (length,) = struct.unpack_from("<Q", content)
    if length > HEADER_MAX:
        raise BadWeights(f"a header of {length} bytes is too large")
    if 8 + length > len(content):
        raise BadWeights("shorter than its header")
    metadata, tensors = _header(content[8 : 8 + length])
    data = memoryview(content)[8 + length :]
    position = 0
    for tensor in sorted(tensors.values(), key=lambda t: (t.begin, t.end)):
        if tensor.begin != position:
            raise BadWeights(f"tensor {tensor.name}: a hole or an overlap before it")
        position = tensor.end
    if position != len(data):
        raise BadWeights(f"{len(data)} bytes of tensors where the header promises {position}")
    return Weights(metadata, tensors, data)


def load(path):
    """Reads and checks the file at PATH. Raises OSError or BadWeights."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > FILE_MAX:
            raise BadWeights(f"larger than {FILE_MAX} bytes")
        return parse(file.read(FILE_MAX))


def save(path, metadata, tensors):
    """Writes (name, shape, numbers) as F32. PATH is the old file or the whole new one, always."""
    header, chunks, position = {"__metadata__": metadata}, [], 0
    for name, shape, numbers in tensors:
        chunk = struct.pack(f"<{len(numbers)}f", *numbers)
        end = position + len(chunk)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [position, end]}
        chunks.append(chunk)
        position = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    temporary = f"{path}.new"
    with open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
