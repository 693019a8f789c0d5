/* SPDX-License-Identifier: MIT */
/*
 * service.h - how a client's request is served.  On the way: entrance -> service -> contract, search.
 */
#ifndef LAB_SERVICE_H
#define LAB_SERVICE_H

#include "client.h"
#include "search.h"

/* Its contract, then the commons and its share of the reserves, then what it offered.  Charged where it is served. */
int service(struct labyrinth *lab, struct lab_client *client, struct lab_way *way, struct lab_find *find);

/* How it ended, for the client's statistics. */
void service_count(struct lab_client *client, const struct lab_find *find, int error);

/*
 * A page as a request gets it, charged to its client, but nobody's yet: in the caller's hand, its tags FREE.  0, or the request's
 * refusal.
 */
int service_take(struct labyrinth *lab, const struct lab_request *request, struct lab_page **page);

#endif
