# SPDX-License-Identifier: Apache-2.0
"""A language model small enough for pure Python: what comes next, given the last characters.

It is log-linear over hashed character n-grams, as the "direct connections" of Mikolov's RNNME
(Strategies for training large scale neural network language models, 2011). For each order n the
last n characters choose a row of that order's table by a hash; the rows and a bias are summed;
softmax makes probabilities of the sum. The tables are the tensors context.1.weight ...
context.N.weight of the safetensors file, the bias is output.bias, and the vocabulary stands in the
file's metadata.
"""

import math

import weights

ORDERS = 6
ROWS = 384  # of each table; contexts that share a row learn to live with it
FNV_BASIS, FNV_PRIME = 0x811C9DC5, 0x01000193  # FNV-1a, 32 bits
VOCABULARY_MAX = 512
END_OF_TEXT = "\n"


def rows_of(context, orders, rows):
    """The row of each table for CONTEXT, token ids with the newest last."""
    chosen, value = [], FNV_BASIS
    for n in range(1, orders + 1):
        token = context[-n] if n <= len(context) else -1
        value = ((value ^ (token + 1)) * FNV_PRIME) & 0xFFFFFFFF
        chosen.append((value ^ value >> 15) % rows)
    return chosen


def softmax(logits, temperature=1.0):
    top = max(logits)
    powers = [math.exp((x - top) / temperature) for x in logits]
    total = sum(powers)
    return [p / total for p in powers]


class Model:
    """Tables as lists of rows. Reading is all that is done to it once it is loaded."""

    def __init__(self, vocabulary, tables, bias):
        self.vocabulary, self.tables, self.bias = vocabulary, tables, bias
        self._ids = {character: i for i, character in enumerate(vocabulary)}
        self._unknown = self._ids.get(" ", 0)
        self.end_of_text = self._ids.get(END_OF_TEXT, -1)

    def encode(self, text):
        """Token ids, one a character; what the vocabulary lacks becomes a space."""
        return [self._ids.get(character, self._unknown) for character in text]

    def logits(self, context):
        chosen = rows_of(context, len(self.tables), len(self.tables[0]))
        rows = [table[row] for table, row in zip(self.tables, chosen)]
        return [sum(column) for column in zip(self.bias, *rows)]

    def next(self, context, temperature, random):
        """The next token: the likeliest one at temperature 0, else one drawn by RANDOM."""
        logits = self.logits(context)
        if temperature == 0:
            return max(range(len(logits)), key=logits.__getitem__)
        return random.choices(range(len(logits)), softmax(logits, temperature))[0]


def load(path):
    """The model in a safetensors file. Raises OSError or weights.BadWeights."""
    file = weights.load(path)
    vocabulary = file.metadata.get("vocabulary", "")
    width = len(vocabulary)
    if not 1 <= width <= VOCABULARY_MAX or len(set(vocabulary)) != width:
        raise weights.BadWeights("the metadata holds no usable vocabulary")
    tables = []
    for order in range(1, ORDERS + 1):
        name = f"context.{order}.weight"
        numbers = file.values(name)
        shape = file.tensors[name].shape
        if len(shape) != 2 or shape[0] < 1 or shape[1] != width:
            raise weights.BadWeights(f"tensor {name}: shape {shape} does not fit the vocabulary")
        tables.append([numbers[i : i + width] for i in range(0, len(numbers), width)])
    if len({len(table) for table in tables}) != 1:
        raise weights.BadWeights("the tables differ in their rows")
    bias = file.values("output.bias")
    if len(bias) != width:
        raise weights.BadWeights("tensor output.bias does not fit the vocabulary")
    return Model(vocabulary, tables, bias)
