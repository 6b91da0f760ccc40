// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet path's look at the table of ping sockets, while that changes.
 */
#include "ping/table.h"
#include "suites.h"

static struct sock *find(struct icmpx_ping_table *table, u16 id)
{
	const union icmpx_ping_address any = {};
	const struct icmpx_ping_query query = { .id = id, .peer = &any, .local = &any };
	bool ambiguous = false;
	struct sock *sk;

	rcu_read_lock();
	sk = icmpx_ping_find(table, &query, &ambiguous);
	rcu_read_unlock();
	return sk;
}

/* Who walks a list may meet a socket that has another identifier by now. */
static void expect_left_alone(struct kunit *test, struct icmpx_ping_table *table,
			      struct icmpx_ping_sock *psk)
{
	struct sock *sk = &psk->inet.sk;
	const u16 id = psk->inet.inet_num;

	KUNIT_EXPECT_PTR_EQ(test, find(table, id), sk);
	psk->inet.inet_num = id ^ 1;
	KUNIT_EXPECT_NULL(test, find(table, id));
	psk->inet.inet_num = id;
	icmpx_ping_release(table, sk);
}

static void one_that_has_moved_on(struct kunit *test)
{
	struct icmpx_ping_sock *psk = kunit_kzalloc(test, sizeof(*psk), GFP_KERNEL);
	struct icmpx_ping_table *table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, psk);
	KUNIT_ASSERT_NOT_NULL(test, table);
	refcount_set(&psk->inet.sk.sk_refcnt, 1);
	psk->inet.sk.sk_family = AF_INET;
	KUNIT_ASSERT_EQ(test, icmpx_ping_table_init(table), 0);
	KUNIT_EXPECT_EQ(test, icmpx_ping_take(table, &psk->inet.sk, 9), 0);
	expect_left_alone(test, table, psk);
	KUNIT_EXPECT_EQ(test, icmpx_ping_choose(table, &psk->inet.sk), 0);
	expect_left_alone(test, table, psk);
	icmpx_ping_table_exit(table);
}

static struct kunit_case find_cases[] = {
	KUNIT_CASE(one_that_has_moved_on),
	{}
};

struct kunit_suite icmpx_ping_find_suite = {
	.name = "icmpx_ping_find",
	.test_cases = find_cases,
};
