/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets for the suites of the table of ping sockets: memory that looks like a socket to the
 * table. It has no file and no protocol.
 */
#ifndef ICMPX_KUNIT_PING_SOCKETS_H
#define ICMPX_KUNIT_PING_SOCKETS_H

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

static inline struct in6_addr address6(u32 host)
{
	return (struct in6_addr){ .s6_addr32 = { htonl(0x20010db8), 0, 0, htonl(host) } };
}

static inline union icmpx_ping_address address(const struct fixture *fixture, u32 host)
{
	union icmpx_ping_address address = {};

	if (fixture->family == AF_INET6)
		address.v6 = address6(host);
	else
		address.v4 = address4(host);
	return address;
}

static inline struct sock *sock_of(struct fixture *fixture, unsigned int n)
{
	return &fixture->socks[n].inet.sk;
}

static inline void socks_init(struct kunit *test, unsigned int count)
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

static inline void release(struct fixture *fixture, unsigned int n)
{
	icmpx_ping_release(&fixture->table, sock_of(fixture, n));
}

static inline int share(struct fixture *fixture, struct sock *sk, u32 peer)
{
	const union icmpx_ping_address wanted = address(fixture, peer);

	return icmpx_ping_share(&fixture->table, sk, &wanted);
}

static inline void set_peer(struct fixture *fixture, struct sock *sk, u32 peer)
{
	const union icmpx_ping_address connected = address(fixture, peer);

	icmpx_ping_set_peer(&fixture->table, sk, &connected);
}

static inline int forget_peer(struct fixture *fixture, struct sock *sk, u32 next)
{
	const union icmpx_ping_address wanted = address(fixture, next);

	return icmpx_ping_forget_peer(&fixture->table, sk, &wanted);
}

static inline struct xarray *by_serial(struct fixture *fixture)
{
	return &icmpx_ping_sockets(&fixture->table, fixture->family)->by_serial;
}

static inline struct sock *find_query(struct fixture *fixture,
				      const struct icmpx_ping_query *query, bool *ambiguous)
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

static inline struct sock *find(struct fixture *fixture, u16 id, u32 peer)
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

static inline bool ambiguous(struct fixture *fixture, u16 id, u32 peer)
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

/* Takes every identifier; each socket has a peer of its own if @connected. */
static inline void take_all(struct kunit *test, bool connected)
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

static inline void release_all(struct fixture *fixture, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		release(fixture, i);
}

static inline int table_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	test->priv = fixture;
	fixture->family = AF_INET;
	return icmpx_ping_table_init(&fixture->table);
}

static inline int table6_setup(struct kunit *test)
{
	const int err = table_setup(test);

	if (!err)
		((struct fixture *)test->priv)->family = AF_INET6;
	return err;
}

static inline void table_teardown(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	icmpx_ping_table_exit(&fixture->table);
	vfree(fixture->socks);
}

#endif
