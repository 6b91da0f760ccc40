/* SPDX-License-Identifier: GPL-2.0-only */
/* Which prefixes the limit for each source prefix refuses replies. */
#ifndef ICMPX_LIMIT_PLACES_H
#define ICMPX_LIMIT_PLACES_H

#include <linux/jiffies.h>
#include <linux/spinlock.h>

#include "limit/limit.h"

#define ICMPX_PLACE_SETS 256
#define ICMPX_PLACES_IN_SET 4
#define ICMPX_PLACES (ICMPX_PLACE_SETS * ICMPX_PLACES_IN_SET)

/* How long listeners wait for the news, so that many come together. */
#define ICMPX_LIMIT_DELAY (HZ / 10)

/**
 * struct icmpx_place - a prefix that is refused replies
 * @prefix: the prefix
 * @told: whether listeners have been told that the limit began
 * @refused: how many replies since the limit began; 0 if the place is free
 * @began: nanoseconds of the monotonic clock
 * @last: the same of the last refusal
 */
struct icmpx_place {
	struct icmpx_source prefix;
	bool told;
	u64 refused;
	u64 began;
	u64 last;
};

/**
 * struct icmpx_place_set - the places that a prefix may have
 * @lock: protects them
 * @place: the places
 */
struct icmpx_place_set {
	/* Protects the places; taken with bottom halves disabled. */
	spinlock_t lock;
	struct icmpx_place place[ICMPX_PLACES_IN_SET];
};

/**
 * struct icmpx_places - places for as many prefixes as are of interest
 * @set: the prefix's hash says which one
 * @next_told: number of the place that listeners are told of next; of icmpx_places_tell() alone
 *
 * A prefix without a place takes the one of its set that has the fewest refusals: sources
 * can be forged, and those that send one packet each must not hide one that sends many.
 */
struct icmpx_places {
	struct icmpx_place_set set[ICMPX_PLACE_SETS];
	unsigned int next_told;
};

/* places.c */
void icmpx_places_init(struct icmpx_places *places);
bool icmpx_places_refuse(struct icmpx_places *places, const struct icmpx_source *prefix, u64 hash,
			 u64 now);
bool icmpx_places_next(struct icmpx_places *places, unsigned int *index, u64 now,
		       struct icmpx_limited *limited);
unsigned long icmpx_places_tell(struct icmpx_places *places, struct net *net, u8 family);

#endif
