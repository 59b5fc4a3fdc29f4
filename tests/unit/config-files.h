/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of configuration files for one test, and what loading them reported. */
#pragma once

#include "daemon/config/model.h"

struct files {
	char directory[64];
	struct buf reports; /* one a line; the directory's name is left out */
	unsigned errors;
};

/* Makes an empty directory. */
void files_make(struct files *f);
void files_remove(struct files *f);
/* Writes DIRECTORY/NAME, and the directory that it is in; mode 0600. */
void files_write(const struct files *f, const char *name, const void *data, size_t size);
void files_write_text(const struct files *f, const char *name, const char *text);
/* Loads DIRECTORY/modelwatch.conf with DIRECTORY/vendor as the vendor's rules. */
int files_load(struct files *f, bool check_only, struct config **ret);
/* As a config_report_fn; USERDATA is the files. */
void files_report(void *userdata, int level, const char *text);
