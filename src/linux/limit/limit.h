/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits of what is sent: in all, to each host, to each prefix. */
#ifndef ICMPX_LIMIT_H
#define ICMPX_LIMIT_H

#include <net/ip6_fib.h>
#include <net/route.h>

#include "icmpx.h"

/* ratelimit.c */
bool icmpx_global_allow(struct net *net);
bool icmpx_host_allow(struct net *net, const struct rtable *rt, __be32 destination);
bool icmpx_host_exhausted(struct net *net, __be32 destination);
void icmpx_global_take(struct net *net);
int icmpx_host_limit_init(struct icmpx_family *family);
void icmpx_host_limit_exit(struct icmpx_family *family);

/* ratelimit6.c */
bool icmpx6_host_allow(struct net *net, const struct rt6_info *rt,
		       const struct in6_addr *destination);

/**
 * struct icmpx_source - a prefix of source addresses
 * @address: its first address, in network order; of IPv4 in the first word
 * @length: how many bits
 */
struct icmpx_source {
	struct in6_addr address;
	u8 length;
};

/**
 * struct icmpx_limited - a prefix that was refused replies
 * @prefix: the prefix
 * @refused: how many replies since the limit began
 * @age: nanoseconds since it began
 * @idle: nanoseconds since the last refusal
 */
struct icmpx_limited {
	struct icmpx_source prefix;
	u64 refused;
	u64 age;
	u64 idle;
};

/* prefix.c */
void icmpx_prefix_limit_init(struct icmpx_prefix_limit *limit, struct net *net, u8 family);
bool icmpx_prefix_limited(struct icmpx_prefix_limit *limit, unsigned int *index,
			  struct icmpx_limited *limited);
bool icmpx_prefix_allow(struct icmpx_prefix_limit *limit, __be32 source);
bool icmpx6_prefix_allow(struct icmpx_prefix_limit *limit, const struct in6_addr *source);
int icmpx_prefix_limit_set(struct icmpx_prefix_limit *limit, int rate, int burst);
void icmpx_prefix_limit_exit(struct icmpx_prefix_limit *limit);

#endif
