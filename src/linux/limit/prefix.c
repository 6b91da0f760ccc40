// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limit of echo replies for each source prefix: settings echo_ratelimit,
 * echo_burst and echo_ratelimit_prefix.
 *
 * Sources can be spoofed, so their number must cost nothing: prefixes share
 * buckets. A keyed hash chooses a bucket in each of two rows for a prefix, and a
 * reply may be sent if one of the two allows it. Two prefixes affect each other
 * only if they share both buckets, and a sender cannot choose the prefixes that
 * it shares buckets with. Under a flood from all prefixes at once, all buckets
 * are empty: the limit then bounds the sum of all replies, and a prefix below
 * its own limit may get no reply.
 *
 * A reply does not take from both buckets in one step. If several CPUs answer the
 * same prefix at once, each CPU but the first may send one reply too many when
 * both buckets become empty.
 */
#include <icmpx/bucket.h>
#include <linux/atomic.h>
#include <linux/inetdevice.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <net/ipv6.h>

#include "limit/limit.h"
#include "limit/places.h"

#define ICMPX_ROWS 2
#define ICMPX_ROW_BITS 12
#define ICMPX_ROW_MASK ((1 << ICMPX_ROW_BITS) - 1)

/**
 * struct icmpx_prefix_table - buckets: 64 KiB in all, however many sources; and places
 * @rcu: for freeing it
 * @key: key of the hash that chooses buckets
 * @rate: replies a second
 * @burst: replies at once
 * @bucket: when the next reply is due, in nanoseconds of the monotonic clock
 * @places: who is refused replies now
 */
struct icmpx_prefix_table {
	struct rcu_head rcu;
	siphash_key_t key;
	u32 rate;
	u32 burst;
	atomic64_t bucket[ICMPX_ROWS][1 << ICMPX_ROW_BITS];
	struct icmpx_places places;
};

static bool icmpx_bucket_allow(atomic64_t *bucket, u64 now, u32 rate, u32 burst)
{
	s64 before = atomic64_read(bucket);
	u64 after;

	do {
		after = before;
		if (!icmpx_flow_allow(&after, now, rate, burst))
			return false;
	} while (!atomic64_try_cmpxchg(bucket, &before, after));
	return true;
}

/* Takes from the two buckets that the hash of a prefix selects. */
static bool icmpx_prefix_take(struct icmpx_prefix_table *table, u64 hash)
{
	const u64 now = ktime_get_ns();
	bool allowed = false;
	int row;

	for (row = 0; row < ICMPX_ROWS; row++) {
		allowed |= icmpx_bucket_allow(&table->bucket[row][hash & ICMPX_ROW_MASK], now,
					      table->rate, table->burst);
		hash >>= ICMPX_ROW_BITS;
	}
	return allowed;
}

/* Remembers who got no reply. Apart, so that the way of a reply has no code of it. */
static noinline void icmpx_prefix_refuse(struct icmpx_prefix_limit *limit,
					 struct icmpx_prefix_table *table,
					 const struct icmpx_source *prefix, u64 hash)
{
	if (icmpx_places_refuse(&table->places, prefix, hash >> (ICMPX_ROWS * ICMPX_ROW_BITS),
				ktime_get_ns()))
		queue_delayed_work(icmpx_wq, &limit->work, ICMPX_LIMIT_DELAY);
}

/**
 * icmpx_prefix_allow() - Ask whether a source prefix may get one more reply.
 * @limit: the limit
 * @source: an address in the prefix, network order
 *
 * Context: rcu_read_lock(). Lock-free.
 *
 * Return: true if it may, and then the reply is accounted for; true if the limit is off.
 */
bool icmpx_prefix_allow(struct icmpx_prefix_limit *limit, __be32 source)
{
	struct icmpx_prefix_table *table = rcu_dereference(limit->table);
	struct icmpx_source prefix = {};
	u64 hash;

	if (!table)
		return true;
	prefix.length = READ_ONCE(limit->length);
	prefix.address.s6_addr32[0] = source & inet_make_mask(prefix.length);
	hash = siphash_1u32((__force u32)prefix.address.s6_addr32[0], &table->key);
	if (icmpx_prefix_take(table, hash))
		return true;
	icmpx_prefix_refuse(limit, table, &prefix, hash);
	return false;
}

/**
 * icmpx6_prefix_allow() - Do what icmpx_prefix_allow() does, for a prefix of IPv6.
 * @limit: the limit
 * @source: an address in the prefix
 *
 * Context: as icmpx_prefix_allow().
 *
 * Return: as icmpx_prefix_allow().
 */
bool icmpx6_prefix_allow(struct icmpx_prefix_limit *limit, const struct in6_addr *source)
{
	struct icmpx_prefix_table *table = rcu_dereference(limit->table);
	struct icmpx_source prefix;
	u64 hash;

	if (!table)
		return true;
	prefix.length = READ_ONCE(limit->length);
	ipv6_addr_prefix(&prefix.address, source, prefix.length);
	hash = siphash(&prefix.address, sizeof(prefix.address), &table->key);
	if (icmpx_prefix_take(table, hash))
		return true;
	icmpx_prefix_refuse(limit, table, &prefix, hash);
	return false;
}

/**
 * icmpx_prefix_limit_set() - Set echo_ratelimit and echo_burst.
 * @limit: the limit
 * @rate: replies a second; 0 turns the limit off and frees its memory
 * @burst: replies at once, at least 1
 *
 * Every prefix starts again with a full burst. A bucket holds the time at which the next
 * reply is due, which has a meaning only with the rate and the burst that it was computed
 * with: a long burst at a low rate may set it days ahead, and a higher rate would not
 * change it. So both are in the table, and no packet uses a table with those of another.
 *
 * The memory is charged to the control group of the task that sets the limit.
 *
 * Context: process, with the lock of @limit held.
 *
 * Return: 0; -ENOMEM, with nothing changed.
 */
int icmpx_prefix_limit_set(struct icmpx_prefix_limit *limit, int rate, int burst)
{
	struct icmpx_prefix_table *old, *fresh = NULL;

	old = rcu_dereference_protected(limit->table, lockdep_is_held(&limit->lock));
	if (rate) {
		fresh = kvzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
		if (!fresh)
			return -ENOMEM;
		get_random_bytes(&fresh->key, sizeof(fresh->key));
		icmpx_places_init(&fresh->places);
		fresh->rate = rate;
		fresh->burst = burst;
	}
	WRITE_ONCE(limit->rate, rate);
	WRITE_ONCE(limit->burst, burst);
	rcu_assign_pointer(limit->table, fresh);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

/* Tells listeners whom the limit has begun to refuse replies, and whom it refuses none any more. */
static void icmpx_prefix_work(struct work_struct *work)
{
	struct icmpx_prefix_limit *limit =
		container_of(to_delayed_work(work), struct icmpx_prefix_limit, work);
	struct icmpx_prefix_table *table;
	unsigned long delay = 0;

	mutex_lock(&limit->lock);
	table = rcu_dereference_protected(limit->table, lockdep_is_held(&limit->lock));
	if (table)
		delay = icmpx_places_tell(&table->places, limit->net, limit->family);
	mutex_unlock(&limit->lock);
	if (delay)
		queue_delayed_work(icmpx_wq, &limit->work, delay);
}

/**
 * icmpx_prefix_limited() - Tell who is refused replies.
 * @limit: the limit
 * @index: where to begin, 0 at first; set to where to go on
 * @limited: set to what is found
 *
 * Context: process.
 *
 * Return: false if there is no one more.
 */
bool icmpx_prefix_limited(struct icmpx_prefix_limit *limit, unsigned int *index,
			  struct icmpx_limited *limited)
{
	struct icmpx_prefix_table *table;
	bool found;

	rcu_read_lock();
	table = rcu_dereference(limit->table);
	found = table && icmpx_places_next(&table->places, index, ktime_get_ns(), limited);
	rcu_read_unlock();
	return found;
}

/**
 * icmpx_prefix_limit_init() - Prepare a namespace's limit, which is off.
 * @limit: the limit
 * @net: the namespace
 * @family: AF_INET or AF_INET6
 *
 * Context: process.
 */
void icmpx_prefix_limit_init(struct icmpx_prefix_limit *limit, struct net *net, u8 family)
{
	limit->net = net;
	limit->family = family;
	mutex_init(&limit->lock);
	INIT_DELAYED_WORK(&limit->work, icmpx_prefix_work);
}

/**
 * icmpx_prefix_limit_exit() - Free a namespace's buckets.
 * @limit: the limit
 *
 * Context: process; the namespace has neither packets nor settings any more.
 */
void icmpx_prefix_limit_exit(struct icmpx_prefix_limit *limit)
{
	cancel_delayed_work_sync(&limit->work);
	kvfree(rcu_dereference_protected(limit->table, true));
}
