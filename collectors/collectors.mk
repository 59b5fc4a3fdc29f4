# SPDX-License-Identifier: Apache-2.0
# The socket of process events alone: the supervisor opens it.
noinst_LIBRARIES += libconnector.a
libconnector_a_SOURCES = collectors/process/connector.c collectors/process/connector.h
