/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/secret.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "alerts/refuse.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "daemon/config/value.h"

#define CREDENTIAL "credential:"
#define FILE_PATH  "file:"

static bool is_credential_name(const char *name)
{
	return *name && strlen(name) <= NAME_MAX && !strchr(name, '/') && !text_equal(name, ".") &&
	       !text_equal(name, "..");
}

int secret_form(enum option option, const char *text, enum secret_form *ret, const char **ret_why)
{
	unsigned flags = option_rows[option].flags;
	const char *name = text_after(text, CREDENTIAL), *path = text_after(text, FILE_PATH);

	*ret_why = NULL;
	if (name && !is_credential_name(name))
		*ret_why = "credential: expects the name of a credential, without '/'";
	else if (path && path[0] != '/')
		*ret_why = "file: expects an absolute path";
	else if (name)
		*ret = SECRET_CREDENTIAL;
	else if (path)
		*ret = SECRET_FILE;
	else if (flags & IS_LITERAL)
		*ret = SECRET_LITERAL;
	else if ((flags & IS_PUBLIC_FILE) && text[0] == '/')
		*ret = SECRET_PUBLIC_FILE;
	else if (flags & IS_PUBLIC_FILE)
		*ret_why = "expects credential:NAME, file:PATH or an absolute path";
	else
		*ret_why = "a secret does not stand in the configuration; name it with "
			   "credential:NAME or file:PATH";
	return *ret_why ? -EINVAL : 0;
}

/* Others must not be able to read or change it. Whoever only checks need not own it. */
static int check_owner(int fd, const char *path, bool check_only, char **ret_why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse(ret_why, "%s: %s", path, strerror(errno));
	if (st.st_mode & 077)
		return refuse(ret_why, "%s has mode %04o: others may use it; chmod 0600 it", path,
			st.st_mode & 07777);
	if (!check_only && st.st_uid != 0 && st.st_uid != geteuid())
		return refuse(ret_why, "%s belongs to uid %u, neither to root nor to uid %u", path,
			(unsigned) st.st_uid, (unsigned) geteuid());
	return 0;
}

static int check_regular(int fd, const char *path, char **ret_why)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return refuse(ret_why, "%s is not a regular file", path);
}

/* Cuts one newline and refuses what cannot be a value. */
static int take_content(struct buf *b, const char *path, char **ret, char **ret_why)
{
	if (b->size > 0 && b->data[b->size - 1] == '\n')
		b->data[--b->size] = '\0';
	if (b->size == 0)
		return refuse(ret_why, "%s is empty", path);
	if (memchr(b->data, '\0', b->size))
		return refuse(ret_why, "%s holds a NUL byte", path);
	*ret = buf_take(b);
	return 0;
}

static int read_content(
	const char *path, enum secret_form form, bool check_only, char **ret, char **ret_why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_buf_ struct buf b = BUF_INIT;
	int r;

	if (fd < 0 && check_only && errno == EACCES) {
		r = refuse(ret_why, "%s is not checked: %s", path, strerror(errno));
		return r == -EINVAL ? 0 : r;
	}
	if (fd < 0)
		return refuse(ret_why, "%s: %s", path, strerror(errno));
	r = check_regular(fd, path, ret_why);
	if (r == 0 && form == SECRET_FILE)
		r = check_owner(fd, path, check_only, ret_why);
	if (r < 0)
		return r;
	r = file_read_fd(fd, CONFIG_CONTENT_MAX, &b);
	if (r == -EFBIG)
		return refuse(ret_why, "%s is larger than %d bytes", path, CONFIG_CONTENT_MAX);
	if (r == 0)
		r = take_content(&b, path, ret, ret_why);
	else if (r != -ENOMEM)
		r = refuse(ret_why, "%s: %s", path, strerror(-r));
	if (b.data)
		explicit_bzero(b.data, b.allocated);
	return r;
}

static int read_credential(const char *name, bool check_only, char **ret, char **ret_why)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_free_ char *path = NULL;
	int r;

	if (!directory || !*directory) {
		r = refuse(ret_why,
			"credential:%s is not %s: there is no $CREDENTIALS_DIRECTORY "
			"(LoadCredential= in the unit makes it)",
			name, check_only ? "checked" : "there");
		return check_only && r == -EINVAL ? 0 : r;
	}
	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return read_content(path, SECRET_CREDENTIAL, check_only, ret, ret_why);
}

/* Reads what TEXT, which secret_form() accepted, names, and cuts one trailing newline. 0 and the text in
 * *RET (free() it), NULL for a literal.
 *
 * With CHECK_ONLY, whoever asks is not the daemon: where only the daemon may read it, 0 with *RET NULL
 * and the reason in *RET_WHY.
 *
 * -EINVAL with the reason in *RET_WHY (free() it), -ENOMEM. */
static int read_secret(
	enum option option, const char *text, bool check_only, char **ret, char **ret_why)
{
	enum secret_form form = SECRET_LITERAL;
	const char *why;
	char *content = NULL;
	int r = secret_form(option, text, &form, &why);

	*ret_why = NULL;
	if (r < 0)
		return refuse(ret_why, "%s", why);
	switch (form) {
	case SECRET_LITERAL:
		break;
	case SECRET_CREDENTIAL:
		r = read_credential(text_after(text, CREDENTIAL), check_only, &content, ret_why);
		break;
	case SECRET_FILE:
		r = read_content(text_after(text, FILE_PATH), form, check_only, &content, ret_why);
		break;
	case SECRET_PUBLIC_FILE:
		r = read_content(text, form, check_only, &content, ret_why);
		break;
	}
	if (r == 0)
		*ret = content;
	return r;
}

/* The content must be what the option takes, as a literal must. */
static int check_content(enum option option, const char *content, char **ret_why)
{
	struct number number;

	return content ? value_check(option, content, &number, ret_why) : 0;
}

static void read_value(struct config *c, struct option_value *v, enum option option, size_t i,
	bool check_only, struct problems *p)
{
	_cleanup_free_ char *why = NULL, *wrong = NULL;
	char *content = NULL;
	int r = read_secret(option, v->texts[i], check_only, &content, &why);

	if (r == 0 && why)
		problem_add(p, LOG_NOTICE, &v->places[i], "'%s': %s", option_rows[option].key, why);
	if (r == 0)
		r = check_content(option, content, &wrong);
	if (r < 0 && wrong)
		problem_add(p, LOG_ERR, &v->places[i], "%s, and what it names is none", wrong);
	else if (r < 0 && why)
		problem_add(p, LOG_ERR, &v->places[i], "'%s': %s", option_rows[option].key, why);
	if (r == -ENOMEM)
		p->failure = r;
	if (content && value_set_content(c, v, i, content) < 0)
		problem_add(p, LOG_ERR, &v->places[i], "'%s': the configuration is larger than %d "
			"bytes", option_rows[option].key, CONFIG_TOTAL_MAX);
}

void config_read_secrets(struct config *c, bool check_only, struct problems *p)
{
	for (enum option option = 0; option < OPTIONS; option++) {
		if (!(option_rows[option].flags & IS_SECRET))
			continue;
		for (struct section *s = c->first[option_rows[option].kind]; s; s = s->next) {
			struct option_value *v = section_value(s, option);

			for (size_t i = 0; i < v->count; i++)
				read_value(c, v, option, i, check_only, p);
		}
	}
}
