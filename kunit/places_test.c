// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom a limit refuses replies: which prefixes have a place, and for how long. The clock is the
 * tests' own.
 */
#include <linux/slab.h>
#include <linux/time64.h>

#include "limit/places.h"
#include "suites.h"

#define START (1000 * NSEC_PER_SEC)
/* A limit has ended when it refused nothing for so long. */
#define IDLE (2 * NSEC_PER_SEC)

static struct icmpx_source prefix_of(u32 number)
{
	struct icmpx_source prefix = { .length = 32 };

	prefix.address.s6_addr32[0] = htonl(number);
	return prefix;
}

static bool refuse(struct kunit *test, u32 number, u64 hash, u64 now)
{
	const struct icmpx_source prefix = prefix_of(number);

	return icmpx_places_refuse(test->priv, &prefix, hash, now);
}

/* How often a prefix was refused a reply; 0 if it is in no list. */
static u64 refused(struct kunit *test, u32 number, u64 now, struct icmpx_limited *limited)
{
	const struct icmpx_source prefix = prefix_of(number);
	unsigned int index = 0;

	while (icmpx_places_next(test->priv, &index, now, limited))
		if (ipv6_addr_equal(&limited->prefix.address, &prefix.address) &&
		    limited->prefix.length == prefix.length)
			return limited->refused;
	return 0;
}

static unsigned int count(struct kunit *test, u64 now)
{
	struct icmpx_limited limited;
	unsigned int index = 0, found = 0;

	while (icmpx_places_next(test->priv, &index, now, &limited))
		found++;
	return found;
}

static void a_refusal_is_remembered(struct kunit *test)
{
	struct icmpx_limited limited;

	KUNIT_EXPECT_EQ(test, count(test, START), 0);
	KUNIT_EXPECT_TRUE(test, refuse(test, 7, 5, START));
	KUNIT_EXPECT_FALSE(test, refuse(test, 7, 5, START + 10));
	KUNIT_EXPECT_FALSE(test, refuse(test, 7, 5, START + 30));
	KUNIT_EXPECT_EQ(test, count(test, START + 100), 1);
	KUNIT_EXPECT_EQ(test, refused(test, 7, START + 100, &limited), 3);
	KUNIT_EXPECT_EQ(test, limited.age, 100);
	KUNIT_EXPECT_EQ(test, limited.idle, 70);
}

static void it_is_forgotten(struct kunit *test)
{
	struct icmpx_limited limited;

	refuse(test, 7, 5, START);
	refuse(test, 8, 6, START + 1);
	KUNIT_EXPECT_EQ(test, count(test, START + IDLE), 2);
	KUNIT_EXPECT_EQ(test, count(test, START + IDLE + 1), 1);
	KUNIT_EXPECT_EQ(test, count(test, START + IDLE + 2), 0);
	/* Another refusal begins anew. */
	KUNIT_EXPECT_TRUE(test, refuse(test, 7, 5, START + 2 * IDLE));
	KUNIT_EXPECT_EQ(test, refused(test, 7, START + 2 * IDLE + 9, &limited), 1);
	KUNIT_EXPECT_EQ(test, limited.age, 9);
}

/* Another CPU's clock may be ahead of that of the reader. */
static void time_does_not_go_back(struct kunit *test)
{
	struct icmpx_limited limited;

	refuse(test, 7, 5, START);
	KUNIT_EXPECT_EQ(test, refused(test, 7, START - 5, &limited), 1);
	KUNIT_EXPECT_EQ(test, limited.age, 0);
	KUNIT_EXPECT_EQ(test, limited.idle, 0);
}

/* Those that share a set, of which the least loses its place. */
static void the_fewest_refusals_lose_their_place(struct kunit *test)
{
	struct icmpx_limited limited;
	u32 number, turn;

	for (number = 1; number <= ICMPX_PLACES_IN_SET; number++)
		for (turn = 0; turn < 10 * number; turn++)
			refuse(test, number, 5, START);
	for (number = 100; number < 200; number++)
		refuse(test, number, 5, START);
	KUNIT_EXPECT_EQ(test, count(test, START), ICMPX_PLACES_IN_SET);
	KUNIT_EXPECT_EQ(test, refused(test, 1, START, &limited), 0);
	for (number = 2; number <= ICMPX_PLACES_IN_SET; number++)
		KUNIT_EXPECT_EQ(test, refused(test, number, START, &limited), 10 * number);
	/* The last one that came has the place. */
	KUNIT_EXPECT_EQ(test, refused(test, 199, START, &limited), 1);
}

static void sets_are_apart(struct kunit *test)
{
	u32 number;

	for (number = 0; number < ICMPX_PLACES; number++)
		refuse(test, number, number, START);
	KUNIT_EXPECT_EQ(test, count(test, START), ICMPX_PLACES);
	/* Whatever the hash is, a place is found. */
	refuse(test, 7, U64_MAX, START);
	KUNIT_EXPECT_EQ(test, count(test, START), ICMPX_PLACES);
}

static void lengths_are_apart(struct kunit *test)
{
	struct icmpx_source shorter = prefix_of(7);

	shorter.length = 24;
	refuse(test, 7, 5, START);
	KUNIT_EXPECT_TRUE(test, icmpx_places_refuse(test->priv, &shorter, 5, START));
	KUNIT_EXPECT_EQ(test, count(test, START), 2);
}

/* Whether listeners were told of the limit of a prefix that is refused replies. */
static bool told(struct kunit *test, u32 number, u64 hash)
{
	const struct icmpx_places *places = test->priv;
	const struct icmpx_place_set *set = &places->set[hash % ICMPX_PLACE_SETS];
	const struct icmpx_source prefix = prefix_of(number);
	unsigned int i;

	for (i = 0; i < ICMPX_PLACES_IN_SET; i++)
		if (ipv6_addr_equal(&set->place[i].prefix.address, &prefix.address))
			return set->place[i].told;
	return false;
}

/*
 * Forged sources, one for each set between two calls, are more than listeners are told of. That
 * hides none that is refused more: with 32 messages a call, each of 1,024 places has its turn in
 * 32 calls.
 */
static void news_of_a_flood_do_not_hide_the_last(struct kunit *test)
{
	const u64 last = ICMPX_PLACE_SETS - 1;
	u32 number = 1000, turn;
	u64 hash;

	refuse(test, 7, last, START);
	refuse(test, 7, last, START);
	for (turn = 0; turn < 33 && !told(test, 7, last); turn++) {
		for (hash = 0; hash < ICMPX_PLACE_SETS; hash++)
			refuse(test, number++, hash, START);
		KUNIT_EXPECT_NE(test, icmpx_places_tell(test->priv, &init_net, AF_INET), 0);
	}
	KUNIT_EXPECT_TRUE(test, told(test, 7, last));
}

static int init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct icmpx_places), GFP_KERNEL);
	if (!test->priv)
		return -ENOMEM;
	icmpx_places_init(test->priv);
	return 0;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_refusal_is_remembered),
	KUNIT_CASE(it_is_forgotten),
	KUNIT_CASE(time_does_not_go_back),
	KUNIT_CASE(the_fewest_refusals_lose_their_place),
	KUNIT_CASE(sets_are_apart),
	KUNIT_CASE(lengths_are_apart),
	KUNIT_CASE(news_of_a_flood_do_not_hide_the_last),
	{}
};

struct kunit_suite icmpx_places_suite = {
	.name = "icmpx_places",
	.init = init,
	.test_cases = cases,
};
