# SPDX-License-Identifier: Apache-2.0
# Unit tests and fuzz targets are registered in the .mk of the folder that they test; what they share
# is here.

# A fuzz target is tests/fuzz/fuzz-NAME.c with LLVMFuzzerTestOneInput(). `make check` replays its corpus
# tests/fuzz/corpus/NAME/; configured with --enable-fuzzing it is a libFuzzer program.
if FUZZING
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
endif

AM_TESTS_ENVIRONMENT = \
	srcdir='$(srcdir)'; export srcdir; \
	top_builddir='$(top_builddir)'; export top_builddir;
