/* SPDX-License-Identifier: Apache-2.0 */
/* Any packet from any sender: the decoder takes it or refuses it, and what it takes can be read. */
#include <stdint.h>

#include "daemon/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a message as its receiver would: by the form of the table. */
static void read_all(struct message *m)
{
	static const char *const forms[] = {
#define MESSAGE(identifier, name, sender, form) form,
#include "daemon/messages.def"
#undef MESSAGE
	};
	const char *form = forms[m->type];
	size_t ignored;

	for (const char *f = form; *f; f++) {
		if (*f == '(' && !message_more(m))
			return;
		if (*f == 'u')
			message_u64(m);
		else if (*f == 'f')
			message_f64(m);
		else if (*f == 's')
			message_string(m);
		else if (*f == 'b')
			message_bytes(m, &ignored);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m;

	if (size < MESSAGE_HEADER)
		return 0;
	for (unsigned sender = 1; sender <= FROM_ROLE; sender <<= 1)
		if (message_decode(data, data + MESSAGE_HEADER, size - MESSAGE_HEADER, sender, &m) == 0)
			read_all(&m);
	return 0;
}
