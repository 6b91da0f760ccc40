// SPDX-License-Identifier: GPL-2.0-only
/* Identifiers that several ping sockets have, of one family or of both. */
#include <linux/kthread.h>

#include "ping_sockets.h"

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
	KUNIT_ASSERT_EQ(test, share(fixture, more, IDS), 0);
	id = inet_sk(more)->inet_num;
	for (first = 0; fixture->socks[first].inet.inet_num != id; first++)
		;
	/* Each socket gets replies of its own peer, and none gets those of a third host. */
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, IDS), more);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, first), sock_of(fixture, first));
	KUNIT_EXPECT_TRUE(test, ambiguous(fixture, id, IDS + 1));
	/* A socket that shares its identifier cannot change its peer. */
	KUNIT_EXPECT_EQ(test, forget_peer(fixture, more, IDS), 0);
	KUNIT_EXPECT_EQ(test, forget_peer(fixture, more, IDS + 1), -EADDRINUSE);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, IDS), more);
	/* A socket that does not share it any more gets replies of all hosts. */
	release(fixture, first);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, first), more);
	KUNIT_EXPECT_EQ(test, forget_peer(fixture, more, IDS + 1), 0);
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
	set_peer(fixture, sock_of(fixture, 7), 7);
	KUNIT_EXPECT_EQ(test, share(fixture, more, 1), -EADDRINUSE);

	release(fixture, 7);
	KUNIT_ASSERT_EQ(test, icmpx_ping_choose(table, sock_of(fixture, 7)), 0);
	KUNIT_EXPECT_EQ(test, share(fixture, more, 1), -EADDRINUSE);
	set_peer(fixture, sock_of(fixture, 7), 7);
	KUNIT_EXPECT_EQ(test, share(fixture, more, 7), -EADDRINUSE);
	KUNIT_EXPECT_EQ(test, share(fixture, more, 1), 0);
	KUNIT_EXPECT_EQ(test, inet_sk(more)->inet_num, 8);
	/* Another one that asks for it, which only SO_REUSEADDR allows, ends the sharing. */
	release(fixture, IDS);
	KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, IDS + 1), 8), 0);
	KUNIT_EXPECT_EQ(test, share(fixture, more, 1), -EADDRINUSE);
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
	set_peer(fixture, reader.expected, 1);

	task = kthread_run(read_all_the_time, &reader, "reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (round = 0; round < rounds; round++) {
		for (i = IDS; i < IDS + 64; i++)
			KUNIT_EXPECT_EQ(test, share(fixture, sock_of(fixture, i), i), 0);
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

/* Gives a socket the other family. */
static void change_family(struct fixture *fixture, struct sock *sk)
{
	sk->sk_family = fixture->family == AF_INET6 ? AF_INET : AF_INET6;
}

static struct sock *find_other(struct fixture *fixture, u16 id)
{
	const union icmpx_ping_address any = {};
	const struct icmpx_ping_query query = { .id = id, .peer = &any, .local = &any, .dif = 1 };
	bool unclear = false;
	struct sock *sk;

	rcu_read_lock();
	if (fixture->family == AF_INET6)
		sk = icmpx_ping_find(&fixture->table, &query, &unclear);
	else
		sk = icmpx_ping6_find(&fixture->table, &query, &unclear);
	rcu_read_unlock();
	return sk;
}

/* One that asks may have what a socket of the other family has, as if it were of its own. */
static void asked_for_by_both_families(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct icmpx_ping_table *table = &fixture->table;

	socks_init(test, 3);
	change_family(fixture, sock_of(fixture, 1));
	KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 0), 9), 0);
	KUNIT_EXPECT_NULL(test, find_other(fixture, 9));
	KUNIT_ASSERT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 1), 9), 0);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, 9, 1), sock_of(fixture, 0));
	KUNIT_EXPECT_PTR_EQ(test, find_other(fixture, 9), sock_of(fixture, 1));
	sock_of(fixture, 1)->sk_reuse = SK_NO_REUSE;
	KUNIT_EXPECT_EQ(test, icmpx_ping_take(table, sock_of(fixture, 2), 9), -EADDRINUSE);
	release_all(fixture, 2);
	KUNIT_EXPECT_TRUE(test, xa_empty(&table->idents));
	KUNIT_EXPECT_TRUE(test, xa_empty(&table->v4.by_serial));
	KUNIT_EXPECT_TRUE(test, xa_empty(&table->v6.by_serial));
}

/* What was chosen for a socket of one family is not found by replies of the other one. */
static void chosen_for_the_other_family(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u16 id;

	socks_init(test, 1);
	KUNIT_ASSERT_EQ(test, icmpx_ping_choose(&fixture->table, sock_of(fixture, 0)), 0);
	id = fixture->socks[0].inet.inet_num;
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, 1), sock_of(fixture, 0));
	KUNIT_EXPECT_NULL(test, find_other(fixture, id));
	release(fixture, 0);
}

/* Where each identifier has a peer, sockets of the other family find room as well. */
static void shared_by_both_families(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct sock *other;
	u16 id;

	socks_init(test, IDS + 1);
	take_all(test, true);
	other = sock_of(fixture, IDS);
	change_family(fixture, other);
	KUNIT_EXPECT_EQ(test, icmpx_ping_choose(&fixture->table, other), -EADDRINUSE);
	fixture->family = other->sk_family;
	KUNIT_EXPECT_EQ(test, share(fixture, other, 1), 0);
	id = inet_sk(other)->inet_num;
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, 1), other);
	KUNIT_EXPECT_NULL(test, find(fixture, id, 2));
	release_all(fixture, IDS + 1);
	KUNIT_EXPECT_TRUE(test, xa_empty(&fixture->table.idents));
}

static struct kunit_case share_cases[] = {
	KUNIT_CASE(sharing),
	KUNIT_CASE(what_is_not_shared),
	KUNIT_CASE(readers_beside_a_writer),
	KUNIT_CASE(asked_for_by_both_families),
	KUNIT_CASE(chosen_for_the_other_family),
	KUNIT_CASE(shared_by_both_families),
	{}
};

/* As table6_cases. */
static struct kunit_case share6_cases[] = {
	KUNIT_CASE(sharing),
	KUNIT_CASE(asked_for_by_both_families),
	KUNIT_CASE(chosen_for_the_other_family),
	{}
};

struct kunit_suite icmpx_ping_share_suite = {
	.name = "icmpx_ping_share",
	.init = table_setup,
	.exit = table_teardown,
	.test_cases = share_cases,
};

struct kunit_suite icmpx_ping6_share_suite = {
	.name = "icmpx_ping6_share",
	.init = table6_setup,
	.exit = table_teardown,
	.test_cases = share6_cases,
};
