/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that listen to the ports of services: what search_ports.c looks for the holders of.
 *
 * Layer: collectors; of this folder alone. There are as many as a table of sockets has: nobody's crowd out
 * another's. */
#pragma once

#include "collectors/process/model.h"

/* A port that a service is found by. */
struct port_entry {
	uint16_t port;
	struct service *service; /* a configured one: it stays */
};

/* Of all services that are found by port; in order. */
struct port_index {
	struct port_entry *entries;
	size_t count;
};

struct wanted {
	uint64_t inode;
	uid_t owner;
	struct service *service;
	bool seen; /* among the open files of some process */
};

/* By inode, and each once for every service. */
struct wanted_list {
	struct wanted *items;
	size_t count;
};

/* 0 or -ENOMEM. */
int port_index_make(struct collector *c, struct port_index *ret);
void port_index_done(struct port_index *index);
bool port_index_has(const struct port_index *index, uint16_t port);

/* What listens to the ports of ONLY, or (NULL) of all services that nobody is known of: where there are none
 * not even the table of sockets is read. 0 or -ENOMEM. */
int wanted_list_make(struct socket_tables *tables, const struct port_index *index,
	const struct service *only, struct wanted_list *ret);
void wanted_list_done(struct wanted_list *l);
/* Position of the first one of that inode, or of one after it. */
size_t wanted_list_find(const struct wanted_list *l, uint64_t inode);
/* True where all of L are in KNOWN. */
bool wanted_are_known(const struct wanted_list *l, const struct wanted_list *known);

/* The users who most likely have them, each once; freed by the caller. Who made a socket that is no user of
 * its service is none. 0 or -ENOMEM. */
int wanted_list_owners(const struct wanted_list *l, uid_t **ret, size_t *ret_count);
bool wanted_is_owner(const uid_t *owners, size_t count, uid_t user);
