// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is being limited: the prefixes that the limit for each source prefix refused replies
 * lately. Only a refusal writes here; a reply that is sent costs nothing.
 *
 * The limit of a prefix begins with the first refusal, and has ended when it was refused
 * nothing for ICMPX_LIMIT_IDLE.
 */
#include <linux/ktime.h>

#include "limit/places.h"
#include "netlink/netlink.h"

#define ICMPX_LIMIT_IDLE (2 * NSEC_PER_SEC)
/* Messages that listeners get at once: a flood of packets must not become one of messages. */
#define ICMPX_LIMIT_MESSAGES 32

static bool icmpx_place_is_over(const struct icmpx_place *place, u64 now)
{
	/* Another CPU's clock may be a little ahead. */
	return now > place->last && now - place->last > ICMPX_LIMIT_IDLE;
}

static bool icmpx_place_is(const struct icmpx_place *place, const struct icmpx_source *prefix)
{
	return place->refused && place->prefix.length == prefix->length &&
	       ipv6_addr_equal(&place->prefix.address, &prefix->address);
}

static struct icmpx_limited icmpx_place_read(const struct icmpx_place *place, u64 now)
{
	return (struct icmpx_limited){
		.prefix = place->prefix,
		.refused = place->refused,
		.age = now > place->began ? now - place->began : 0,
		.idle = now > place->last ? now - place->last : 0,
	};
}

/* The place of a prefix, or the one that it may take from another. */
static struct icmpx_place *icmpx_place_for(struct icmpx_place_set *set,
					   const struct icmpx_source *prefix)
{
	struct icmpx_place *place, *least = set->place;

	for (place = set->place; place < set->place + ICMPX_PLACES_IN_SET; place++) {
		if (icmpx_place_is(place, prefix))
			return place;
		if (place->refused < least->refused)
			least = place;
	}
	return least;
}

/**
 * icmpx_places_init() - Prepare places, all of which are free.
 * @places: memory that is 0
 *
 * Context: process.
 */
void icmpx_places_init(struct icmpx_places *places)
{
	unsigned int i;

	for (i = 0; i < ICMPX_PLACE_SETS; i++)
		spin_lock_init(&places->set[i].lock);
}

/**
 * icmpx_places_refuse() - Remember that a prefix was refused a reply.
 * @places: the places
 * @prefix: the prefix
 * @hash: a keyed hash of it
 * @now: nanoseconds of the monotonic clock
 *
 * Context: any but hard interrupts.
 *
 * Return: true if this is the first of its refusals that listeners may not know of.
 */
bool icmpx_places_refuse(struct icmpx_places *places, const struct icmpx_source *prefix, u64 hash,
			 u64 now)
{
	struct icmpx_place_set *set = &places->set[hash % ICMPX_PLACE_SETS];
	struct icmpx_place *place;
	bool fresh;

	spin_lock_bh(&set->lock);
	place = icmpx_place_for(set, prefix);
	fresh = !icmpx_place_is(place, prefix) ||
		(!place->told && icmpx_place_is_over(place, now));
	if (fresh)
		*place = (struct icmpx_place){ .prefix = *prefix, .began = now };
	place->refused++;
	place->last = now;
	spin_unlock_bh(&set->lock);
	return fresh;
}

/**
 * icmpx_places_next() - Find the next prefix that is limited.
 * @places: the places
 * @index: number of the place to begin at; set to the one after what was found
 * @now: nanoseconds of the monotonic clock
 * @limited: set to what is found
 *
 * Context: any but hard interrupts.
 *
 * Return: false if there is none.
 */
bool icmpx_places_next(struct icmpx_places *places, unsigned int *index, u64 now,
		       struct icmpx_limited *limited)
{
	for (; *index < ICMPX_PLACES; ++*index) {
		struct icmpx_place_set *set = &places->set[*index / ICMPX_PLACES_IN_SET];
		const struct icmpx_place *place = &set->place[*index % ICMPX_PLACES_IN_SET];
		bool found;

		spin_lock_bh(&set->lock);
		found = place->refused && !icmpx_place_is_over(place, now);
		if (found)
			*limited = icmpx_place_read(place, now);
		spin_unlock_bh(&set->lock);
		if (found) {
			++*index;
			return true;
		}
	}
	return false;
}

/* What listeners are to be told of a place: the command of the message, 0 for nothing. */
static u8 icmpx_place_news(struct icmpx_place_set *set, struct icmpx_place *place,
			   struct icmpx_limited *limited)
{
	const u64 now = ktime_get_ns();
	u8 news = 0;

	spin_lock_bh(&set->lock);
	if (place->refused && icmpx_place_is_over(place, now)) {
		if (place->told)
			news = ICMPX_CMD_LIMIT_ENDED_NTF;
		*limited = icmpx_place_read(place, now);
		place->refused = 0;
	} else if (place->refused && !place->told) {
		news = ICMPX_CMD_LIMIT_BEGAN_NTF;
		*limited = icmpx_place_read(place, now);
		place->told = true;
	}
	spin_unlock_bh(&set->lock);
	return news;
}

/**
 * icmpx_places_tell() - Tell listeners whose limit began, and whose has ended.
 * @places: the places
 * @net: the namespace
 * @family: AF_INET or AF_INET6
 *
 * Each call begins where the last one had to stop: in a flood from forged sources there are
 * more news each time than may be told, and all places must have their turn.
 *
 * Context: process; one at a time.
 *
 * Return: jiffies after which this is to be called again; 0 if nobody is limited.
 */
unsigned long icmpx_places_tell(struct icmpx_places *places, struct net *net, u8 family)
{
	const unsigned int first = places->next_told;
	unsigned int i, messages = 0;
	bool limited = false;

	for (i = 0; i < ICMPX_PLACES; i++) {
		const unsigned int number = (first + i) % ICMPX_PLACES;
		struct icmpx_place_set *set = &places->set[number / ICMPX_PLACES_IN_SET];
		struct icmpx_place *place = &set->place[number % ICMPX_PLACES_IN_SET];
		struct icmpx_limited who;
		u8 news;

		if (!READ_ONCE(place->refused))
			continue;
		limited = true;
		news = icmpx_place_news(set, place, &who);
		if (!news)
			continue;
		icmpx_netlink_limit(net, family, news, &who);
		if (++messages == ICMPX_LIMIT_MESSAGES) {
			places->next_told = (number + 1) % ICMPX_PLACES;
			return ICMPX_LIMIT_DELAY;
		}
	}
	return limited ? HZ : 0;
}
