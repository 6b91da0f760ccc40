// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of ping sockets: which socket gets an identifier, and which one a packet. It is
 * tested with sockets of IPv4 and with those of IPv6.
 */
#include "ping_sockets.h"

static void insert_find_remove(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct sock *sk;

	socks_init(test, 1);
	sk = sock_of(fixture, 0);
	KUNIT_EXPECT_NULL(test, find(fixture, 7, 1));
	KUNIT_EXPECT_FALSE(test, icmpx_ping_release(&fixture->table, sk));
	KUNIT_ASSERT_EQ(test, icmpx_ping_take(&fixture->table, sk, 7), 0);
	KUNIT_EXPECT_EQ(test, inet_sk(sk)->inet_num, 7);
	KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_refcnt), 2);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, 7, 1), sk);
	KUNIT_EXPECT_NULL(test, find(fixture, 6, 1));
	KUNIT_EXPECT_NULL(test, find(fixture, 0, 1));
	KUNIT_EXPECT_FALSE(test, ambiguous(fixture, 6, 1));
	KUNIT_EXPECT_TRUE(test, icmpx_ping_release(&fixture->table, sk));
	KUNIT_EXPECT_EQ(test, inet_sk(sk)->inet_num, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_refcnt), 1);
	KUNIT_EXPECT_NULL(test, find(fixture, 7, 1));
	KUNIT_EXPECT_TRUE(test, xa_empty(by_serial(fixture)));
	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->table.idents));
}

struct match_row {
	const char *name;
	u32 bound_address;
	int bound_dev;
	u32 local;
	int dif;
	int sdif;
	bool found;
};

static const struct match_row matches[] = {
	{ "wildcard", 0, 0, 5, 2, 0, true },
	{ "its_address", 5, 0, 5, 2, 0, true },
	{ "another_address", 6, 0, 5, 2, 0, false },
	{ "its_device", 0, 2, 5, 2, 0, true },
	{ "a_port_of_its_vrf", 0, 9, 5, 2, 9, true },
	{ "another_device", 0, 3, 5, 2, 9, false },
	{ "its_address_by_another_device", 5, 3, 5, 2, 0, false },
	{ "another_address_by_its_device", 6, 2, 5, 2, 0, false },
};

KUNIT_ARRAY_PARAM_DESC(matches, matches, name);

static void address_and_device(struct kunit *test)
{
	const struct match_row *row = test->param_value;
	struct fixture *fixture = test->priv;
	const union icmpx_ping_address peer = address(fixture, 1);
	const union icmpx_ping_address local = address(fixture, row->local);
	const struct icmpx_ping_query query = {
		.id = 7,
		.peer = &peer,
		.local = &local,
		.dif = row->dif,
		.sdif = row->sdif,
	};
	bool unclear;
	unsigned int i;

	socks_init(test, 2);
	for (i = 0; i < 2; i++) {
		struct sock *sk = sock_of(fixture, i);

		if (row->bound_address && fixture->family == AF_INET6)
			sk->sk_v6_rcv_saddr = address6(row->bound_address);
		else if (row->bound_address)
			inet_sk(sk)->inet_rcv_saddr = address4(row->bound_address);
		sk->sk_bound_dev_if = row->bound_dev;
	}
	/* Once as one that asked for it, once as one that it was chosen for. */
	KUNIT_ASSERT_EQ(test, icmpx_ping_take(&fixture->table, sock_of(fixture, 0), 7), 0);
	KUNIT_EXPECT_PTR_EQ(test, find_query(fixture, &query, &unclear),
			    row->found ? sock_of(fixture, 0) : NULL);
	KUNIT_ASSERT_EQ(test, icmpx_ping_choose(&fixture->table, sock_of(fixture, 1)), 0);
	{
		struct icmpx_ping_query chosen = query;

		chosen.id = fixture->socks[1].inet.inet_num;
		KUNIT_EXPECT_PTR_EQ(test, find_query(fixture, &chosen, &unclear),
				    row->found ? sock_of(fixture, 1) : NULL);
	}
	KUNIT_EXPECT_FALSE(test, unclear);
	release(fixture, 0);
	release(fixture, 1);
}

static void the_last_bound_is_preferred(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct icmpx_ping_table *table = &fixture->table;
	unsigned int i;

	socks_init(test, 3);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, i), 9), 0);
		KUNIT_EXPECT_PTR_EQ(test, find(fixture, 9, 1), sock_of(fixture, i));
	}
	release(fixture, 1);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, 9, 1), sock_of(fixture, 2));
	release(fixture, 2);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, 9, 1), sock_of(fixture, 0));
	release(fixture, 0);
}

static void one_that_was_chosen_gives_way_to_one_that_asked(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct icmpx_ping_table *table = &fixture->table;
	u16 id;

	socks_init(test, 2);
	KUNIT_ASSERT_EQ(test, icmpx_ping_choose(table, sock_of(fixture, 0)), 0);
	id = fixture->socks[0].inet.inet_num;
	KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 1), id), 0);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, 1), sock_of(fixture, 1));
	release(fixture, 1);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, 1), sock_of(fixture, 0));
	release(fixture, 0);
}

static void collision(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct icmpx_ping_table *table = &fixture->table;

	socks_init(test, 3);
	KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 0), 9), 0);
	sock_of(fixture, 1)->sk_reuse = SK_NO_REUSE;
	KUNIT_EXPECT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 1), 9), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 1), 10), 0);
	/* It counts what the other one says now, not what it said then. */
	KUNIT_EXPECT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 2), 10), -EADDRINUSE);
	sock_of(fixture, 1)->sk_reuse = SK_CAN_REUSE;
	KUNIT_EXPECT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 2), 10), 0);
	release(fixture, 0);
	release(fixture, 1);
	release(fixture, 2);
}

/* Of two hundred identifiers, few are the successor of the one before, and they are all over. */
static void chosen_at_random(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i, successors = 0, high = 0;
	const unsigned int count = 200;

	socks_init(test, count);
	for (i = 0; i < count; i++) {
		KUNIT_ASSERT_EQ(test, icmpx_ping_choose(&fixture->table, sock_of(fixture, i)), 0);
		if (i && fixture->socks[i].inet.inet_num == fixture->socks[i - 1].inet.inet_num + 1)
			successors++;
		high += fixture->socks[i].inet.inet_num > IDS / 2;
	}
	KUNIT_EXPECT_LE(test, successors, 3u);
	KUNIT_EXPECT_GT(test, high, count / 4);
	KUNIT_EXPECT_LT(test, high, count * 3 / 4);
	for (i = 0; i < count; i++)
		release(fixture, i);
}

static void exhaustion(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct icmpx_ping_table *table = &fixture->table;
	struct sock *more;
	unsigned int i;
	u16 id;

	socks_init(test, IDS + 1);
	take_all(test, false);
	for (i = 0; i < IDS; i = sample_next(i, IDS - 1))
		KUNIT_ASSERT_PTR_EQ(test, find(fixture, fixture->socks[i].inet.inet_num, 1),
				    sock_of(fixture, i));
	more = sock_of(fixture, IDS);
	KUNIT_EXPECT_EQ(test, icmpx_ping_choose(table, more), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, share(fixture, more, 1), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, inet_sk(more)->inet_num, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&more->sk_refcnt), 1);
	/* The only one that becomes free is found. */
	id = fixture->socks[4711].inet.inet_num;
	release(fixture, 4711);
	KUNIT_EXPECT_EQ(test, icmpx_ping_choose(table, more), 0);
	KUNIT_EXPECT_EQ(test, inet_sk(more)->inet_num, id);
	release_all(fixture, IDS + 1);
	KUNIT_EXPECT_TRUE(test, xa_empty(by_serial(fixture)));
	KUNIT_EXPECT_TRUE(test, xa_empty(&table->idents));
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(insert_find_remove),
	KUNIT_CASE_PARAM(address_and_device, matches_gen_params),
	KUNIT_CASE(the_last_bound_is_preferred),
	KUNIT_CASE(one_that_was_chosen_gives_way_to_one_that_asked),
	KUNIT_CASE(collision),
	KUNIT_CASE(chosen_at_random),
	KUNIT_CASE(exhaustion),
	{}
};

/* What does not depend on the family, and takes long, is above alone. */
static struct kunit_case table6_cases[] = {
	KUNIT_CASE(insert_find_remove),
	KUNIT_CASE_PARAM(address_and_device, matches_gen_params),
	KUNIT_CASE(the_last_bound_is_preferred),
	KUNIT_CASE(collision),
	{}
};

struct kunit_suite icmpx_ping_table_suite = {
	.name = "icmpx_ping_table",
	.init = table_setup,
	.exit = table_teardown,
	.test_cases = table_cases,
};

struct kunit_suite icmpx_ping6_table_suite = {
	.name = "icmpx_ping6_table",
	.init = table6_setup,
	.exit = table_teardown,
	.test_cases = table6_cases,
};
