/* SPDX-License-Identifier: Apache-2.0 */
/* Entries lie densely in one array; an index of twice as many slots, with linear probing, finds
 * them. Removing swaps the last entry into the hole and closes the probe sequence behind it, so
 * that no tombstones gather. */
#include "daemon/base/map.h"

#include <assert.h>
#include <endian.h>
#include <sys/random.h>

struct entry {
	uint64_t hash;
	void *key;
	size_t size;
	void *value;
};

struct map {
	uint64_t secret[2];
	struct entry *entries;
	size_t count, allocated;
	uint32_t *slots; /* entry number + 1, or 0 */
	size_t mask;	 /* slots - 1, a power of two less one */
};

#define FIRST_SLOTS 16

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

static uint64_t siphash(const uint64_t secret[2], const void *key, size_t size)
{
	const uint8_t *bytes = key;
	uint64_t v[4] = {secret[0] ^ UINT64_C(0x736f6d6570736575),
		secret[1] ^ UINT64_C(0x646f72616e646f6d), secret[0] ^ UINT64_C(0x6c7967656e657261),
		secret[1] ^ UINT64_C(0x7465646279746573)};
	uint64_t word, last = (uint64_t) size << 56;
	size_t whole = size / 8 * 8;

	for (size_t i = 0; i < whole; i += 8) {
		memcpy(&word, bytes + i, 8);
		sip_word(v, le64toh(word));
	}
	for (size_t i = whole; i < size; i++)
		last |= (uint64_t) bytes[i] << (8 * (i - whole));
	sip_word(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
	struct map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->slots = calloc(FIRST_SLOTS, sizeof(*m->slots));
	m->mask = FIRST_SLOTS - 1;
	if (!m->slots || getrandom(m->secret, sizeof(m->secret), 0) != sizeof(m->secret))
		return map_free(m, NULL);
	return m;
}

struct map *map_free(struct map *m, void (*free_value)(void *value))
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->count; i++) {
		free(m->entries[i].key);
		if (free_value)
			free_value(m->entries[i].value);
	}
	free(m->entries);
	free(m->slots);
	free(m);
	return NULL;
}

size_t map_size(const struct map *m)
{
	return m->count;
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t find_slot(const struct map *m, uint64_t hash, const void *key, size_t size)
{
	size_t slot = hash & m->mask;

	for (; m->slots[slot]; slot = (slot + 1) & m->mask) {
		const struct entry *e = &m->entries[m->slots[slot] - 1];

		if (e->hash == hash && e->size == size &&
			(size == 0 || memcmp(e->key, key, size) == 0))
			break;
	}
	return slot;
}

/* The slot that points to entry NUMBER, which exists. */
static size_t slot_of(const struct map *m, size_t number)
{
	size_t slot = m->entries[number].hash & m->mask;

	while (m->slots[slot] != number + 1)
		slot = (slot + 1) & m->mask;
	return slot;
}

static int grow_entries(struct map *m)
{
	size_t wanted = m->allocated > 0 ? 2 * m->allocated : 8;
	struct entry *entries;

	if (m->count < m->allocated)
		return 0;
	if (wanted > UINT32_MAX / 4)
		return -ENOMEM;
	entries = reallocarray(m->entries, wanted, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	m->entries = entries;
	m->allocated = wanted;
	return 0;
}

static int grow_slots(struct map *m)
{
	size_t wanted = 2 * (m->mask + 1);
	uint32_t *slots;

	if (2 * (m->count + 1) <= m->mask + 1)
		return 0;
	slots = calloc(wanted, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(m->slots);
	m->slots = slots;
	m->mask = wanted - 1;
	for (size_t i = 0; i < m->count; i++) {
		size_t slot = m->entries[i].hash & m->mask;

		while (m->slots[slot])
			slot = (slot + 1) & m->mask;
		m->slots[slot] = (uint32_t) (i + 1);
	}
	return 0;
}

int map_put(struct map *m, const void *key, size_t size, void *value, void **ret_old)
{
	uint64_t hash = siphash(m->secret, key, size);
	size_t slot = find_slot(m, hash, key, size);
	void *copy;

	assert(value);
	if (ret_old)
		*ret_old = NULL;
	if (m->slots[slot]) {
		struct entry *e = &m->entries[m->slots[slot] - 1];

		if (ret_old)
			*ret_old = e->value;
		e->value = value;
		return 0;
	}
	if (grow_entries(m) < 0 || grow_slots(m) < 0)
		return -ENOMEM;
	copy = malloc(size > 0 ? size : 1);
	if (!copy)
		return -ENOMEM;
	if (size > 0)
		memcpy(copy, key, size);
	slot = find_slot(m, hash, key, size);
	m->entries[m->count] = (struct entry){hash, copy, size, value};
	m->slots[slot] = (uint32_t) ++m->count;
	return 0;
}

void *map_get(const struct map *m, const void *key, size_t size)
{
	size_t slot = find_slot(m, siphash(m->secret, key, size), key, size);

	return m->slots[slot] ? m->entries[m->slots[slot] - 1].value : NULL;
}

/* Empties SLOT and moves later members of its probe sequence up, as Knuth's algorithm 6.4R. */
static void close_hole(struct map *m, size_t hole)
{
	for (size_t slot = (hole + 1) & m->mask; m->slots[slot]; slot = (slot + 1) & m->mask) {
		size_t home = m->entries[m->slots[slot] - 1].hash & m->mask;

		if (((slot - home) & m->mask) < ((slot - hole) & m->mask))
			continue;
		m->slots[hole] = m->slots[slot];
		hole = slot;
	}
	m->slots[hole] = 0;
}

void *map_remove(struct map *m, const void *key, size_t size)
{
	size_t slot = find_slot(m, siphash(m->secret, key, size), key, size);
	size_t number = m->slots[slot];
	void *value;

	if (number == 0)
		return NULL;
	number--;
	value = m->entries[number].value;
	free(m->entries[number].key);
	close_hole(m, slot);
	if (--m->count != number) {
		m->slots[slot_of(m, m->count)] = (uint32_t) (number + 1);
		m->entries[number] = m->entries[m->count];
	}
	return value;
}

void *map_next(const struct map *m, size_t *position, const void **ret_key, size_t *ret_size)
{
	const struct entry *e;

	if (*position >= m->count)
		return NULL;
	e = &m->entries[(*position)++];
	if (ret_key)
		*ret_key = e->key;
	if (ret_size)
		*ret_size = e->size;
	return e->value;
}
