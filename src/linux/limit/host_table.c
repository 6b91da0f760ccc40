// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buckets for each host that errors go to, for kernels that do not let a module look up
 * the buckets in struct inet_peer.
 *
 * Sources can be spoofed, so their number must cost nothing: a namespace has a fixed
 * number of buckets in sets, and a keyed hash chooses the set for a host. A bucket that is
 * full again is free for another host, since a new host begins with a full bucket. If all
 * buckets of a set are in use, the host shares one of them. So no host gets more errors
 * than the limit, and a sender cannot choose which hosts share a bucket.
 */
#include <icmpx/bucket.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "icmpx.h"
#include "limit/host_table.h"

#define ICMPX_HOST_SETS 256
#define ICMPX_HOST_WAYS 4
/* Tokens of a host that was never sent an error. */
#define ICMPX_HOST_SAVED (60 * HZ)

/**
 * struct icmpx_host - a bucket
 * @id: the host, as icmpx_host_id() or icmpx6_host_id() names it; 0 if the bucket is unused
 * @tokens: tokens that were left at @last
 * @last: jiffies when a token was last asked for
 *
 * Written under the lock of its set.
 */
struct icmpx_host {
	u64 id;
	u32 tokens;
	u32 last;
};

struct icmpx_host_set {
	/* Serialises CPUs that send to hosts of this set. */
	spinlock_t lock;
	struct icmpx_host host[ICMPX_HOST_WAYS];
};

/**
 * struct icmpx_host_table - buckets of a namespace, 18 KiB in all
 * @key: key of the hash that chooses a set
 * @sets: the buckets
 */
struct icmpx_host_table {
	siphash_key_t key;
	struct icmpx_host_set sets[ICMPX_HOST_SETS];
};

/**
 * icmpx_host_table_create() - Give a namespace its buckets, all of them full.
 *
 * Context: process.
 *
 * Return: the table; NULL without memory.
 */
struct icmpx_host_table *icmpx_host_table_create(void)
{
	struct icmpx_host_table *table = kvzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!table)
		return NULL;
	get_random_bytes(&table->key, sizeof(table->key));
	for (i = 0; i < ICMPX_HOST_SETS; i++)
		spin_lock_init(&table->sets[i].lock);
	return table;
}

/**
 * icmpx_host_table_free() - Free a namespace's buckets.
 * @table: the table, or NULL
 *
 * Context: process; no packet of the namespace is in icmpx's code any more.
 */
void icmpx_host_table_free(struct icmpx_host_table *table)
{
	kvfree(table);
}

/**
 * icmpx6_host_id() - Name a host by its address of IPv6.
 * @table: the namespace's buckets
 * @address: the address
 *
 * Two hosts have the same name only if a keyed hash of 64 bits is the same for both.
 *
 * Context: any.
 *
 * Return: the name, which is not 0.
 */
u64 icmpx6_host_id(const struct icmpx_host_table *table, const struct in6_addr *address)
{
	return siphash(address, sizeof(*address), &table->key) ?: 1;
}

/* Whether a bucket holds as much as one that is new. */
static bool icmpx_host_is_idle(const struct icmpx_host *host, u32 now, u32 interval)
{
	return (u64)host->tokens + (u32)(now - host->last) >=
	       min_t(u64, (u64)interval * ICMPX_TOKENS_BURST, ICMPX_HOST_SAVED);
}

/* The bucket of a host: its own, or one that it shares. Under the lock of the set. */
static struct icmpx_host *icmpx_host_find(struct icmpx_host_set *set, u64 hash, u64 id,
					  u32 interval)
{
	const u32 now = (u32)jiffies;
	struct icmpx_host *host, *idle = NULL;

	for (host = set->host; host < set->host + ICMPX_HOST_WAYS; host++) {
		/* No host has the name 0, so that an unused bucket matches none. */
		if (host->id == id)
			return host;
		if (!idle && (!host->id || icmpx_host_is_idle(host, now, interval)))
			idle = host;
	}
	if (!idle)
		return &set->host[hash / ICMPX_HOST_SETS % ICMPX_HOST_WAYS];
	WRITE_ONCE(idle->tokens, ICMPX_HOST_SAVED);
	WRITE_ONCE(idle->last, now);
	WRITE_ONCE(idle->id, id);
	return idle;
}

/**
 * icmpx_host_take() - Take a token out of a host's bucket.
 * @table: the namespace's buckets
 * @id: the host's name
 * @interval: jiffies that a token takes to be earned, more than 0
 *
 * Context: bottom halves disabled.
 *
 * Return: true if there was a token.
 */
bool icmpx_host_take(struct icmpx_host_table *table, u64 id, u32 interval)
{
	const u64 hash = siphash_1u64(id, &table->key);
	struct icmpx_host_set *set = &table->sets[hash % ICMPX_HOST_SETS];
	struct icmpx_host *host;
	bool allowed;
	u32 tokens, now;

	spin_lock(&set->lock);
	/* Under the lock, so that it is never before @last, which another CPU may just have set. */
	now = (u32)jiffies;
	host = icmpx_host_find(set, hash, id, interval);
	tokens = host->tokens;
	allowed = icmpx_tokens_take(&tokens, now - host->last, interval);
	WRITE_ONCE(host->tokens, tokens);
	WRITE_ONCE(host->last, now);
	spin_unlock(&set->lock);
	return allowed;
}

/**
 * icmpx_host_empty() - Ask whether a host has a bucket, and no token in it.
 * @table: the namespace's buckets
 * @id: the host's name
 * @interval: jiffies that a token takes to be earned
 *
 * Takes no lock: while another CPU writes to the bucket, the result may be either one.
 * For an error that this function lets pass, icmpx_host_take() decides.
 *
 * Context: any.
 *
 * Return: true if icmpx_host_take() would return false for the host.
 */
bool icmpx_host_empty(const struct icmpx_host_table *table, u64 id, u32 interval)
{
	const u64 hash = siphash_1u64(id, &table->key);
	const struct icmpx_host_set *set = &table->sets[hash % ICMPX_HOST_SETS];
	const struct icmpx_host *host;

	for (host = set->host; host < set->host + ICMPX_HOST_WAYS; host++) {
		u32 tokens = READ_ONCE(host->tokens);

		if (READ_ONCE(host->id) == id)
			return !icmpx_tokens_take(&tokens, (u32)jiffies - READ_ONCE(host->last),
						  interval);
	}
	return false;
}
