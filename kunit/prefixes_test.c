// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of prefixes: each look-up says what trying one prefix after the other would say.
 */
#include <linux/unaligned.h>

#include "suites.h"

/* The suites run one after the other. */
static struct icmpx_prefixes set;

static struct icmpx_prefix prefix4(u32 address, u8 length)
{
	struct icmpx_prefix prefix = { .address_len = 4, .length = length };

	put_unaligned_be32(address, prefix.address);
	return prefix;
}

/* Whether an address of @len bytes has the first bits of a prefix. */
static bool has(const struct icmpx_prefix *prefix, const u8 *address, u8 len)
{
	if (prefix->address_len != len)
		return false;
	for (u32 bit = 0; bit < prefix->length; bit++)
		if ((prefix->address[bit / 8] ^ address[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static void prefix_lengths(struct kunit *test)
{
	struct icmpx_prefix prefix = {};

	for (u32 len = 0; len <= 255; len++) {
		prefix.address_len = len;
		for (u32 length = 0; length <= 255; length++) {
			prefix.length = length;
			KUNIT_ASSERT_EQ(test, icmpx_prefix_valid(&prefix),
					(len == 4 || len == 16) && length <= 8 * len);
		}
	}
}

/* Each bit is before the end of the prefix, or behind it. */
static void prefix_bits(struct kunit *test)
{
	for (u32 len = 4; len <= 16; len += 12) {
		for (u32 bit = 0; bit < 8 * len; bit++) {
			struct icmpx_prefix prefix = { .address_len = len };

			prefix.address[bit / 8] = 0x80 >> bit % 8;
			for (u32 length = 0; length <= 8 * len; length++) {
				prefix.length = length;
				KUNIT_ASSERT_EQ_MSG(test, icmpx_prefix_valid(&prefix), bit < length,
						    "bit %u of %u, length %u", bit, 8 * len,
						    length);
			}
		}
	}
}

static void set_without_prefixes(struct kunit *test)
{
	static const u8 address[16];

	memset(&set, 0xff, sizeof(set));
	icmpx_prefixes_build(NULL, 0, &set);
	KUNIT_EXPECT_FALSE(test, icmpx_prefixes_have(&set, 0));
	KUNIT_EXPECT_FALSE(test, icmpx6_prefixes_have(&set, address));
}

/* A prefix has its first and its last address, and neither neighbour, whatever its length. */
static void set_of_one(struct kunit *test)
{
	for (u32 length = 0; length <= 32; length++) {
		const u32 mask = length ? U32_MAX << (32 - length) : 0;
		const u32 first = 0x0a7f55aa & mask;
		const u32 last = first | ~mask;
		const struct icmpx_prefix prefix = prefix4(first, length);

		icmpx_prefixes_build(&prefix, 1, &set);
		KUNIT_EXPECT_TRUE(test, icmpx_prefixes_have(&set, first));
		KUNIT_EXPECT_TRUE(test, icmpx_prefixes_have(&set, last));
		KUNIT_EXPECT_EQ(test, icmpx_prefixes_have(&set, first - 1), length == 0);
		KUNIT_EXPECT_EQ(test, icmpx_prefixes_have(&set, last + 1), length == 0);
	}
}

/* In any order, one inside the other, the same twice, more than there is room for. */
static void set_of_many(struct kunit *test)
{
	static struct icmpx_prefix all[ICMPX_PREFIXES_MAX + 1];
	struct rnd_state random;

	prandom_seed_state(&random, 4620);
	for (u32 round = 0; round < 400; round++) {
		const u32 count = prandom_u32_state(&random) % (ICMPX_PREFIXES_MAX + 2);

		for (u32 i = 0; i < count; i++) {
			const u8 len = prandom_u32_state(&random) % 2 ? 4 : 16;

			all[i] = (struct icmpx_prefix){ .address_len = len };
			all[i].length = prandom_u32_state(&random) % (8 * len + 1);
			for (u32 bit = 0; bit < all[i].length; bit++)
				if (bit % 8 > 5 && prandom_u32_state(&random) % 2)
					all[i].address[bit / 8] |= 0x80 >> bit % 8;
		}
		icmpx_prefixes_build(all, count, &set);
		for (u32 i = 0; i < 100; i++) {
			const u8 len = i % 2 ? 4 : 16;
			u8 address[16];
			bool found, expected = false;

			for (u32 at = 0; at < len; at++)
				address[at] = prandom_u32_state(&random) % 4;
			for (u32 n = 0; n < min_t(u32, count, ICMPX_PREFIXES_MAX); n++)
				expected |= has(&all[n], address, len);
			if (len == 4)
				found = icmpx_prefixes_have(&set, get_unaligned_be32(address));
			else
				found = icmpx6_prefixes_have(&set, address);
			KUNIT_ASSERT_EQ(test, found, expected);
		}
	}
}

/* As many as there may be, each apart from the others: each is found, and the gaps are not. */
static void set_is_full(struct kunit *test)
{
	static struct icmpx_prefix all[ICMPX_PREFIXES_MAX];

	for (u32 i = 0; i < ICMPX_PREFIXES_MAX; i++)
		all[ICMPX_PREFIXES_MAX - 1 - i] = prefix4(0x0a000000 + i * 0x200, 24);
	icmpx_prefixes_build(all, ICMPX_PREFIXES_MAX, &set);
	for (u32 i = 0; i < ICMPX_PREFIXES_MAX; i++) {
		KUNIT_EXPECT_TRUE(test, icmpx_prefixes_have(&set, 0x0a000000 + i * 0x200));
		KUNIT_EXPECT_TRUE(test, icmpx_prefixes_have(&set, 0x0a0000ff + i * 0x200));
		KUNIT_EXPECT_FALSE(test, icmpx_prefixes_have(&set, 0x0a000100 + i * 0x200));
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(prefix_lengths),
	KUNIT_CASE(prefix_bits),
	KUNIT_CASE(set_without_prefixes),
	KUNIT_CASE(set_of_one),
	KUNIT_CASE(set_of_many),
	KUNIT_CASE(set_is_full),
	{}
};

struct kunit_suite icmpx_prefixes_suite = {
	.name = "icmpx_prefixes",
	.test_cases = cases,
};
