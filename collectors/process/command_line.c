/* SPDX-License-Identifier: Apache-2.0 */
/* A command line that people may see, without the secrets that it was given. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "collectors/process/discovery.h"
#include "collectors/process/launch.h"
#include "daemon/base/buf.h"
#include "daemon/base/text.h"

/* Bytes of a name that are looked at; the names of options are much shorter. */
#define NAME_MAX_SIZE 128

/* Shorter words that begin like a token are none. */
#define TOKEN_MIN 24

#define HIDDEN "***"

static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

static bool is_one_of(const char *word, const char *const list[])
{
	for (; *list; list++)
		if (text_equal(word, *list))
			return true;
	return false;
}

/* Not "tokens", "tokenizer": those are what a model reads and writes. */
static bool has_token(const char *word)
{
	while ((word = strstr(word, "token"))) {
		word += strlen("token");
		if (*word != 's' && !text_after(word, "iz"))
			return true;
	}
	return false;
}

static bool is_secret_word(const char *word)
{
	static const char *const secret_words[] = {
		"key", "keys", "pass", "pwd", "pw", "auth", "bearer", NULL};

	return has_token(word) || is_one_of(word, secret_words);
}

static bool contains_secret(const char *letters)
{
	static const char *const parts[] = {"secret", "apikey", "accesskey", "password", "passwd",
		"passphrase", "passcode", "credential", "privatekey", "authorization", "apitoken",
		"accesstoken", "authtoken"};

	for (size_t i = 0; i < ELEMENTS(parts); i++)
		if (strstr(letters, parts[i]))
			return true;
	return false;
}

/* Whether what the name is given should not be seen: --hf-token, OPENAI_API_KEY, "apiKey". */
static bool is_secret_name(const char *name, size_t size)
{
	char letters[NAME_MAX_SIZE + 1] = "", word[NAME_MAX_SIZE + 1] = "";
	size_t used = 0, start = 0;

	if (size == strlen("-p") && text_after(name, "-p"))
		return true;
	for (size_t i = 0; i < size && i < NAME_MAX_SIZE; i++) {
		if (isalnum((unsigned char)name[i])) {
			letters[used] = (char)tolower((unsigned char)name[i]);
			word[used - start] = letters[used];
			word[++used - start] = '\0';
			continue;
		}
		if (is_secret_word(word))
			return true;
		word[0] = '\0';
		start = used;
	}
	return is_secret_word(word) || contains_secret(letters);
}

/* Tokens that can be told by their first bytes. */
static bool is_token(const char *name, size_t size)
{
	static const char *const prefixes[] = {
		"hf_", "sk-", "ghp_", "github_pat_", "glpat-", "nvapi-", "xoxb-", "eyJ"};

	for (size_t i = 0; size >= TOKEN_MIN && i < ELEMENTS(prefixes); i++)
		if (text_after(name, prefixes[i]))
			return true;
	return false;
}

/* Whether what stands at TEXT, behind "://", begins with a user: user:password@host */
static bool has_user(const char *text)
{
	return text[strcspn(text, "@/?# \t\n")] == '@';
}

/* Whether the name is the scheme of HTTP that a secret follows: "Bearer abc". */
static bool is_scheme(const char *name, size_t size)
{
	return (size == 6 && strncasecmp(name, "bearer", 6) == 0) ||
	       (size == 5 && strncasecmp(name, "basic", 5) == 0);
}

/* Whether a value stands at once behind "-p", to many a program a password: "-pAbc1", not "-port". */
static bool is_short_password(const char *argument)
{
	const char *value = text_after(argument, "-p");
	size_t word = value ? strspn(value, "abcdefghijklmnopqrstuvwxyz-_") : 0;

	return value && value[word] != '\0' && value[word] != '=';
}

/* How many bytes of REST, which follows a secret name, may be seen before its value; 0 where no
 * value follows. *RET_OPEN is set where the value is the next argument. */
static size_t before_value(const char *name, const char *rest, bool *ret_open)
{
	size_t quotes = strspn(rest, "\"'\\"), spaces = strspn(rest + quotes, " \t\n");

	if (rest[quotes + spaces] == '=' || rest[quotes + spaces] == ':') {
		const char *value = rest + quotes + spaces + 1;

		/* A header or a member of JSON goes on in the next argument, an assignment does not. */
		*ret_open = value[-1] == ':' && !value[strspn(value, " \t\n")];
		return quotes + spaces + 1;
	}
	if (name[0] != '-' || (rest[0] && !spaces))
		return 0;
	*ret_open = !rest[quotes + spaces];
	return quotes + spaces;
}

/* How many bytes of ARGUMENT may be seen; *RET_OPEN is set where its last word is an option whose
 * value is the next argument. */
static size_t visible_size(const char *argument, bool *ret_open)
{
	size_t i = 0, seen;

	if (is_short_password(argument))
		return strlen("-p");
	while (argument[i]) {
		size_t start = i;

		while (is_name_byte(argument[i]))
			i++;
		if (is_token(argument + start, i - start))
			return start;
		if (is_scheme(argument + start, i - start) && isspace((unsigned char)argument[i]))
			return i + strspn(argument + i, " \t\n");
		if (i > start && is_secret_name(argument + start, i - start)) {
			seen = before_value(argument + start, argument + i, ret_open);
			if (seen || *ret_open)
				return i + seen;
		}
		if (text_after(argument + i, "://") && has_user(argument + i + 3))
			return i + 3;
		i += argument[i] != '\0';
	}
	return i;
}

static void add_argument(struct buf *b, const char *argument, bool *hiding)
{
	size_t seen;

	if (b->size > 0)
		buf_add_char(b, ' ');
	if (*hiding) {
		buf_add_string(b, HIDDEN);
		return;
	}
	seen = visible_size(argument, hiding);
	buf_add(b, argument, seen);
	if (argument[seen])
		buf_add_string(b, HIDDEN);
}

char *discovery_command_line(const struct process_text *p, size_t limit)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	bool hiding = false, hidden = false;
	char *text;

	for (size_t i = 0; i < launch_arguments(p) && b.size <= limit; i++) {
		const char *argument = p->arguments[i];

		/* An option may have several values, the first of which may begin with "-". */
		if (hidden && argument[0] == '-')
			hiding = hidden = false;
		if (!*argument)
			continue;
		hidden = hiding;
		add_argument(&b, argument, &hiding);
	}
	if (buf_error(&b) < 0)
		return NULL;
	text = text_printable(b.data ? b.data : "", b.size);
	if (text)
		text_truncate(text, limit);
	return text;
}
