#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's model on corpus.txt and writes it as a safetensors file.

Stochastic gradient descent over the cross-entropy of the next character, in a few seconds. The
order of the examples comes from a fixed seed, so everybody gets the same weights.
"""

import argparse
import os
import random
import sys

import model
import weights

EPOCHS = 10
RATE_FIRST, RATE_LAST = 0.35, 0.05


def examples(text, ids):
    """(row of each table, next token) for every character of each paragraph."""
    found = []
    for paragraph in text.splitlines():
        tokens = [ids[character] for character in paragraph + model.END_OF_TEXT]
        for i, token in enumerate(tokens):
            context = tokens[max(0, i - model.ORDERS) : i]
            found.append((model.rows_of(context, model.ORDERS, model.ROWS), token))
    return found


def step(tables, bias, example, rate):
    """One example: moves its rows against the gradient, softmax minus the truth."""
    chosen, token = example
    rows = [table[row] for table, row in zip(tables, chosen)]
    gradient = [rate * p for p in model.softmax([sum(c) for c in zip(bias, *rows)])]
    gradient[token] -= rate
    for table, row, old in zip(tables, chosen, rows):
        table[row] = [w - g for w, g in zip(old, gradient)]
    return [b - g for b, g in zip(bias, gradient)]


def train(text, epochs=EPOCHS):
    """Returns (vocabulary, tables, bias)."""
    vocabulary = "".join(sorted(set(text)))
    width = len(vocabulary)
    tables = [[[0.0] * width for _ in range(model.ROWS)] for _ in range(model.ORDERS)]
    bias = [0.0] * width
    order = examples(text, {character: i for i, character in enumerate(vocabulary)})
    shuffle = random.Random(1).shuffle
    for epoch in range(epochs):
        shuffle(order)
        rate = RATE_FIRST + (RATE_LAST - RATE_FIRST) * epoch / max(1, epochs - 1)
        for example in order:
            bias = step(tables, bias, example, rate)
    return vocabulary, tables, bias


def main():
    parser = argparse.ArgumentParser(description="Train the demo's model.")
    parser.add_argument("--output", required=True, help="the safetensors file to write")
    parser.add_argument("--corpus", default=os.path.join(os.path.dirname(__file__), "corpus.txt"))
    options = parser.parse_args()
    with open(options.corpus, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("#")]
    vocabulary, tables, bias = train("".join(lines))
    tensors = [
        (f"context.{n}.weight", [model.ROWS, len(vocabulary)], [w for row in table for w in row])
        for n, table in enumerate(tables, 1)
    ]
    tensors.append(("output.bias", [len(vocabulary)], bias))
    weights.save(options.output, {"vocabulary": vocabulary}, tensors)


if __name__ == "__main__":
    sys.exit(main())
