// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of ping sockets: who gets which identifier, and whose a packet is.
 *
 * Sockets are memory that looks like one to the table: no file, no protocol. The table is
 * tested with sockets of IPv4 and with those of IPv6.
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
	int family;
};

static __be32 address4(u32 host)
{
	return htonl(0x0a000000 + host);
}

static struct in6_addr address6(u32 host)
{
	return (struct in6_addr){ .s6_addr32 = { htonl(0x20010db8), 0, 0, htonl(host) } };
}

static union icmpx_ping_address address(const struct fixture *fixture, u32 host)
{
	union icmpx_ping_address address = {};

	if (fixture->family == AF_INET6)
		address.v6 = address6(host);
	else
		address.v4 = address4(host);
	return address;
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
		sock_of(fixture, i)->sk_family = fixture->family;
	}
}

static void release(struct fixture *fixture, unsigned int n)
{
	icmpx_ping_release(&fixture->table, sock_of(fixture, n));
}

static int share(struct fixture *fixture, struct sock *sk, u32 peer)
{
	const union icmpx_ping_address wanted = address(fixture, peer);

	return icmpx_ping_share(&fixture->table, sk, &wanted);
}

static void set_peer(struct fixture *fixture, struct sock *sk, u32 peer)
{
	const union icmpx_ping_address connected = address(fixture, peer);

	icmpx_ping_set_peer(&fixture->table, sk, &connected);
}

static int forget_peer(struct fixture *fixture, struct sock *sk, u32 next)
{
	const union icmpx_ping_address wanted = address(fixture, next);

	return icmpx_ping_forget_peer(&fixture->table, sk, &wanted);
}

static struct xarray *by_serial(struct fixture *fixture)
{
	return &icmpx_ping_sockets(&fixture->table, fixture->family)->by_serial;
}

static struct sock *find_query(struct fixture *fixture, const struct icmpx_ping_query *query,
			       bool *ambiguous)
{
	struct sock *sk;

	*ambiguous = false;
	rcu_read_lock();
	if (fixture->family == AF_INET6)
		sk = icmpx_ping6_find(&fixture->table, query, ambiguous);
	else
		sk = icmpx_ping_find(&fixture->table, query, ambiguous);
	rcu_read_unlock();
	return sk;
}

static struct sock *find(struct fixture *fixture, u16 id, u32 peer)
{
	const union icmpx_ping_address source = address(fixture, peer), local = {};
	const struct icmpx_ping_query query = {
		.id = id,
		.peer = &source,
		.local = &local,
		.dif = 1,
	};
	bool ambiguous;

	return find_query(fixture, &query, &ambiguous);
}

static bool ambiguous(struct fixture *fixture, u16 id, u32 peer)
{
	const union icmpx_ping_address source = address(fixture, peer), local = {};
	const struct icmpx_ping_query query = {
		.id = id,
		.peer = &source,
		.local = &local,
		.dif = 1,
	};
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
			set_peer(fixture, sk, i);
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
	/* Each gets its own, nobody what comes from a third. */
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, IDS), more);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, first), sock_of(fixture, first));
	KUNIT_EXPECT_TRUE(test, ambiguous(fixture, id, IDS + 1));
	/* Who shares keeps the peer. */
	KUNIT_EXPECT_EQ(test, forget_peer(fixture, more, IDS), 0);
	KUNIT_EXPECT_EQ(test, forget_peer(fixture, more, IDS + 1), -EADDRINUSE);
	KUNIT_EXPECT_PTR_EQ(test, find(fixture, id, IDS), more);
	/* Who is left alone gets it all. */
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

static int table_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	test->priv = fixture;
	fixture->family = AF_INET;
	return icmpx_ping_table_init(&fixture->table);
}

static int table6_setup(struct kunit *test)
{
	const int err = table_setup(test);

	if (!err)
		((struct fixture *)test->priv)->family = AF_INET6;
	return err;
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
	KUNIT_CASE(asked_for_by_both_families),
	KUNIT_CASE(chosen_for_the_other_family),
	KUNIT_CASE(shared_by_both_families),
	{}
};

/* What does not depend on the family, and takes long, is above alone. */
static struct kunit_case table6_cases[] = {
	KUNIT_CASE(insert_find_remove),
	KUNIT_CASE_PARAM(address_and_device, matches_gen_params),
	KUNIT_CASE(the_last_bound_is_preferred),
	KUNIT_CASE(collision),
	KUNIT_CASE(sharing),
	KUNIT_CASE(asked_for_by_both_families),
	KUNIT_CASE(chosen_for_the_other_family),
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
