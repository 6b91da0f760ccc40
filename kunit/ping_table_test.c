// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of ping sockets: who gets which identifier, and whose a packet is.
 *
 * Sockets are memory that looks like one to the table: no family, no file.
 */
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "ping/table.h"
#include "suites.h"

#define IDS 65535

struct fixture {
	struct icmpx_ping_table table;
	struct icmpx_ping_sock *socks;
};

static __be32 address(u32 host)
{
	return htonl(0x0a000000 + host);
}

static struct sock *sock_of(struct fixture *fixture, unsigned int n)
{
	return &fixture->socks[n].inet.sk;
}

static void socks_init(struct kunit *test, unsigned int count)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	fixture->socks = vzalloc(array_size(count, sizeof(*fixture->socks)));
	KUNIT_ASSERT_NOT_NULL(test, fixture->socks);
	for (i = 0; i < count; i++) {
		refcount_set(&sock_of(fixture, i)->sk_refcnt, 1);
		sock_of(fixture, i)->sk_reuse = SK_CAN_REUSE;
	}
}

static void release(struct fixture *fixture, unsigned int n)
{
	icmpx_ping_release(&fixture->table, sock_of(fixture, n));
}

static struct sock *find_query(struct fixture *fixture, const struct icmpx_ping_query *query,
			       bool *ambiguous)
{
	struct sock *sk;

	*ambiguous = false;
	rcu_read_lock();
	sk = icmpx_ping_find(&fixture->table, query, ambiguous);
	rcu_read_unlock();
	return sk;
}

static struct sock *find(struct fixture *fixture, u16 id, u32 peer)
{
	const struct icmpx_ping_query query = { .id = id, .peer = address(peer), .dif = 1 };
	bool ambiguous;

	return find_query(fixture, &query, &ambiguous);
}

static bool ambiguous(struct fixture *fixture, u16 id, u32 peer)
{
	const struct icmpx_ping_query query = { .id = id, .peer = address(peer), .dif = 1 };
	bool result;

	return !find_query(fixture, &query, &result) && result;
}

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
	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->table.sockets));
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
	const struct icmpx_ping_query query = {
		.id = 7,
		.peer = address(1),
		.local = address(row->local),
		.dif = row->dif,
		.sdif = row->sdif,
	};
	bool unclear;
	unsigned int i;

	socks_init(test, 2);
	for (i = 0; i < 2; i++) {
		struct sock *sk = sock_of(fixture, i);

		if (row->bound_address)
			inet_sk(sk)->inet_rcv_saddr = address(row->bound_address);
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

/* Takes every identifier; each socket has a peer of its own if @connected. */
static void take_all(struct kunit *test, bool connected)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	for (i = 0; i < IDS; i++) {
		struct sock *sk = sock_of(fixture, i);

		KUNIT_ASSERT_EQ(test, icmpx_ping_choose(&fixture->table, sk), 0);
		KUNIT_ASSERT_NE(test, inet_sk(sk)->inet_num, 0);
		if (connected)
			icmpx_ping_set_peer(&fixture->table, sk, address(i));
	}
}

static void release_all(struct fixture *fixture, unsigned int count)
{
	unsigned int i;

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
	KUNIT_EXPECT_EQ(test, icmpx_ping_share(table, more, address(1)), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, inet_sk(more)->inet_num, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&more->sk_refcnt), 1);
	/* The only one that becomes free is found. */
	id = fixture->socks[4711].inet.inet_num;
	release(fixture, 4711);
	KUNIT_EXPECT_EQ(test, icmpx_ping_choose(table, more), 0);
	KUNIT_EXPECT_EQ(test, inet_sk(more)->inet_num, id);
	release_all(fixture, IDS + 1);
	KUNIT_EXPECT_TRUE(test, xa_empty(&table->sockets));
	KUNIT_EXPECT_TRUE(test, xa_empty(&table->idents));
}

static void sharing(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct icmpx_ping_table *table = &fixture->table;
	struct sock *more;
	unsigned int first;
	u16 id;

	socks_init(test, IDS + 1);
	take_all(test, true);
	more = sock_of(fixture, IDS);
	KUNIT_EXPECT_EQ(test, icmpx_ping_choose(table, more), -EADDRINUSE);
	KUNIT_ASSERT_EQ(test, icmpx_ping_share(table, more, address(IDS)), 0);
	id = inet_sk(more)->inet_num;
	for (first = 0; fixture->socks[first].inet.inet_num != id; first++)
		;
	/* Each gets its own, nobody what comes from a third. */
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, IDS), more);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, first), sock_of(fixture, first));
	KUNIT_EXPECT_TRUE(test, ambiguous(fixture, id, IDS + 1));
	/* Who shares keeps the peer. */
	KUNIT_EXPECT_EQ(test, icmpx_ping_forget_peer(table, more, address(IDS)), 0);
	KUNIT_EXPECT_EQ(test, icmpx_ping_forget_peer(table, more, address(IDS + 1)), -EADDRINUSE);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, IDS), more);
	/* Who is left alone gets it all. */
	release(fixture, first);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, first), more);
	KUNIT_EXPECT_EQ(test, icmpx_ping_forget_peer(table, more, address(IDS + 1)), 0);
	release_all(fixture, IDS + 1);
	KUNIT_EXPECT_TRUE(test, xa_empty(&table->idents));
}

/* Only those that were chosen and have a peer share theirs, and no two of one peer. */
static void what_is_not_shared(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct icmpx_ping_table *table = &fixture->table;
	struct sock *more;
	unsigned int i;

	socks_init(test, IDS + 2);
	for (i = 0; i < IDS; i++)
		KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, i), i + 1), 0);
	more = sock_of(fixture, IDS);
	/* It asked for its identifier, so a peer changes nothing. */
	icmpx_ping_set_peer(table, sock_of(fixture, 7), address(7));
	KUNIT_EXPECT_EQ(test, icmpx_ping_share(table, more, address(1)), -EADDRINUSE);

	release(fixture, 7);
	KUNIT_ASSERT_EQ(test, icmpx_ping_choose(table, sock_of(fixture, 7)), 0);
	KUNIT_EXPECT_EQ(test, icmpx_ping_share(table, more, address(1)), -EADDRINUSE);
	icmpx_ping_set_peer(table, sock_of(fixture, 7), address(7));
	KUNIT_EXPECT_EQ(test, icmpx_ping_share(table, more, address(7)), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, icmpx_ping_share(table, more, address(1)), 0);
	KUNIT_EXPECT_EQ(test, inet_sk(more)->inet_num, 8);
	/* Another one that asks for it, which only SO_REUSEADDR allows, ends the sharing. */
	release(fixture, IDS);
	KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, IDS + 1), 8), 0);
	KUNIT_EXPECT_EQ(test, icmpx_ping_share(table, more, address(1)), -EADDRINUSE);
	release_all(fixture, IDS + 2);
}

struct reader {
	struct fixture *fixture;
	struct sock *expected;
	u16 id;
	u32 peer;
	unsigned long lookups;
	unsigned long wrong;
};

static int read_all_the_time(void *data)
{
	struct reader *reader = data;

	while (!kthread_should_stop()) {
		reader->lookups++;
		if (find(reader->fixture, reader->id, reader->peer) != reader->expected)
			reader->wrong++;
		cond_resched();
	}
	return 0;
}

/* A socket finds its replies while others come to share its identifier, and go. */
static void readers_beside_a_writer(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct icmpx_ping_table *table = &fixture->table;
	struct reader reader = { .fixture = fixture, .peer = 1 };
	struct task_struct *task;
	const unsigned int rounds = IS_ENABLED(CONFIG_KASAN) ? 20 : 200;
	unsigned int i, round;

	socks_init(test, IDS + 64);
	for (i = 0; i < IDS - 1; i++)
		KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, i), i + 1), 0);
	reader.expected = sock_of(fixture, IDS - 1);
	KUNIT_ASSERT_EQ(test, icmpx_ping_choose(table, reader.expected), 0);
	reader.id = inet_sk(reader.expected)->inet_num;
	icmpx_ping_set_peer(table, reader.expected, address(1));

	task = kthread_run(read_all_the_time, &reader, "reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (round = 0; round < rounds; round++) {
		for (i = IDS; i < IDS + 64; i++)
			KUNIT_EXPECT_EQ(test, icmpx_ping_share(table, sock_of(fixture, i),
							       address(i)), 0);
		cond_resched();
		for (i = IDS; i < IDS + 64; i++) {
			release(fixture, i);
			/* As SOCK_RCU_FREE does, before the memory is used again. */
			if (i % 16 == 0)
				synchronize_rcu_expedited();
		}
	}
	kthread_stop(task);
	KUNIT_EXPECT_GT(test, reader.lookups, 0ul);
	KUNIT_EXPECT_EQ(test, reader.wrong, 0ul);
	release_all(fixture, IDS + 64);
}

static int table_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	test->priv = fixture;
	return icmpx_ping_table_init(&fixture->table);
}

static void table_teardown(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	icmpx_ping_table_exit(&fixture->table);
	vfree(fixture->socks);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(insert_find_remove),
	KUNIT_CASE_PARAM(address_and_device, matches_gen_params),
	KUNIT_CASE(the_last_bound_is_preferred),
	KUNIT_CASE(one_that_was_chosen_gives_way_to_one_that_asked),
	KUNIT_CASE(collision),
	KUNIT_CASE(chosen_at_random),
	KUNIT_CASE(exhaustion),
	KUNIT_CASE(sharing),
	KUNIT_CASE(what_is_not_shared),
	KUNIT_CASE(readers_beside_a_writer),
	{}
};

struct kunit_suite icmpx_ping_table_suite = {
	.name = "icmpx_ping_table",
	.init = table_setup,
	.exit = table_teardown,
	.test_cases = table_cases,
};
