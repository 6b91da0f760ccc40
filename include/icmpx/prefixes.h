/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of address prefixes. A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_PREFIXES_H
#define ICMPX_CORE_PREFIXES_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most prefixes of a set, both families together. */
#define ICMPX_PREFIXES_MAX 64

/**
 * struct icmpx_prefix - a prefix
 * @address: network order; the first @address_len bytes are used
 * @address_len: 4 for a prefix of IPv4, 16 for one of IPv6
 * @length: bits
 */
struct icmpx_prefix {
	u8 address[16];
	u8 address_len;
	u8 length;
};

/**
 * struct icmpx_range4 - the addresses of a prefix of IPv4
 * @first: host order
 * @last: host order
 */
struct icmpx_range4 {
	u32 first;
	u32 last;
};

/**
 * struct icmpx_range6 - the addresses of a prefix of IPv6
 * @first: two halves, the higher one first, each in host order
 * @last: the same
 */
struct icmpx_range6 {
	u64 first[2];
	u64 last[2];
};

/**
 * struct icmpx_prefixes - a set of prefixes
 * @v4: the prefixes of IPv4, in ascending order; none is inside another one
 * @v6: the same of IPv6
 * @count4: how many are in @v4
 * @count6: how many are in @v6
 */
struct icmpx_prefixes {
	struct icmpx_range4 v4[ICMPX_PREFIXES_MAX];
	struct icmpx_range6 v6[ICMPX_PREFIXES_MAX];
	u32 count4;
	u32 count6;
};

/**
 * icmpx_prefix_valid() - Check a prefix.
 * @prefix: the prefix
 *
 * Return: false if it is longer than its address, or if the address has bits behind it.
 */
bool icmpx_prefix_valid(const struct icmpx_prefix *prefix);

/**
 * icmpx_prefixes_build() - Make a set of prefixes.
 * @prefixes: valid ones
 * @count: how many; more than %ICMPX_PREFIXES_MAX are left out
 * @set: all of it is written
 */
void icmpx_prefixes_build(const struct icmpx_prefix *prefixes, size_t count,
			  struct icmpx_prefixes *set);

/**
 * icmpx_prefixes_have() - Look up an IPv4 address.
 * @set: the prefixes
 * @address: host order
 *
 * Return: true if a prefix has the address.
 */
bool icmpx_prefixes_have(const struct icmpx_prefixes *set, u32 address);

/**
 * icmpx6_prefixes_have() - Look up an IPv6 address.
 * @set: the prefixes
 * @address: 16 bytes
 *
 * Return: true if a prefix has the address.
 */
bool icmpx6_prefixes_have(const struct icmpx_prefixes *set, const u8 *address);

#ifdef __cplusplus
}
#endif

#endif
