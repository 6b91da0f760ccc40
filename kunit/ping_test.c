// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ping sockets as programs use them: bind, connect, send, receive, and errors
 * about what was sent.
 */
#include <linux/errqueue.h>
#include <linux/in.h>
#include <linux/net.h>
#include <net/sock.h>

#include "ping/internal.h"
#include "wire.h"

#define ID 0x1234

struct fixture {
	struct wire *wire;
	struct socket *sock;
};

static struct sockaddr_in name_of(u32 address, u16 id)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(address),
		.sin_port = htons(id),
	};
}

static int bind_to(struct socket *sock, u32 address, u16 id)
{
	struct sockaddr_in name = name_of(address, id);

	return kernel_bind(sock, (struct sockaddr *)&name, sizeof(name));
}

static int connect_to(struct socket *sock, u32 address)
{
	struct sockaddr_in name = name_of(address, 0);

	return kernel_connect(sock, (struct sockaddr *)&name, sizeof(name), 0);
}

static int send_flags(struct socket *sock, const void *message, size_t len, u32 to, int flags)
{
	struct sockaddr_in name = name_of(to, 0);
	struct msghdr msg = {
		.msg_name = to ? &name : NULL,
		.msg_namelen = to ? sizeof(name) : 0,
		.msg_flags = flags,
	};
	struct kvec vec = { (void *)message, len };

	return kernel_sendmsg(sock, &msg, &vec, 1, len);
}

static int send_to(struct socket *sock, const void *message, size_t len, u32 to)
{
	return send_flags(sock, message, len, to, MSG_DONTWAIT);
}

static int receive(struct socket *sock, u8 *buffer, size_t len, int flags, struct msghdr *msg)
{
	struct kvec vec = { buffer, len };

	return kernel_recvmsg(sock, msg, &vec, 1, len, flags | MSG_DONTWAIT);
}

struct bind_row {
	const char *name;
	u32 address;
	u16 id;
	u16 family;
	u8 len;
	int err;
};

static const struct bind_row binds[] = {
	{ "any", INADDR_ANY, ID, AF_INET, 16, 0 },
	{ "ours", WIRE_US, ID, AF_INET, 16, 0 },
	{ "loopback", INADDR_LOOPBACK, ID, AF_INET, 16, 0 },
	{ "privileged", INADDR_ANY, 1, AF_INET, 16, 0 },
	{ "chosen", INADDR_ANY, 0, AF_INET, 16, 0 },
	{ "somebody_elses", WIRE_PEER, ID, AF_INET, 16, -EADDRNOTAVAIL },
	{ "broadcast", WIRE_BROADCAST, ID, AF_INET, 16, -EADDRNOTAVAIL },
	{ "multicast", 0xe0000001, ID, AF_INET, 16, -EADDRNOTAVAIL },
	{ "no_family_any", INADDR_ANY, ID, AF_UNSPEC, 16, 0 },
	{ "no_family_ours", WIRE_US, ID, AF_UNSPEC, 16, -EAFNOSUPPORT },
	{ "ipv6", INADDR_ANY, ID, AF_INET6, 16, -EAFNOSUPPORT },
	{ "too_short", INADDR_ANY, ID, AF_INET, 15, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(binds, binds, name);

static void bound(struct kunit *test)
{
	const struct bind_row *row = test->param_value;
	struct sockaddr_in name = name_of(row->address, row->id);
	struct fixture *fixture = test->priv;
	const struct inet_sock *inet = inet_sk(fixture->sock->sk);
	const int users = sock_prot_inuse_get(&init_net, &icmpx_ping_prot);

	name.sin_family = row->family;
	KUNIT_EXPECT_EQ(test, icmpx_ping_bind(fixture->sock->sk, (struct sockaddr *)&name,
					      row->len), row->err);
	KUNIT_EXPECT_EQ(test, sock_prot_inuse_get(&init_net, &icmpx_ping_prot), users + !row->err);
	if (row->err) {
		KUNIT_EXPECT_EQ(test, inet->inet_num, 0);
		return;
	}
	KUNIT_EXPECT_NE(test, inet->inet_num, 0);
	if (row->id)
		KUNIT_EXPECT_EQ(test, inet->inet_num, row->id);
	KUNIT_EXPECT_EQ(test, ntohs(inet->inet_sport), inet->inet_num);
	KUNIT_EXPECT_EQ(test, ntohl(inet->inet_saddr), row->address);
	KUNIT_EXPECT_EQ(test, ntohl(inet->inet_rcv_saddr), row->address);
	KUNIT_EXPECT_EQ(test, !!(fixture->sock->sk->sk_userlocks & SOCK_BINDADDR_LOCK),
			!!row->address);
	KUNIT_EXPECT_EQ(test, !!(fixture->sock->sk->sk_userlocks & SOCK_BINDPORT_LOCK), !!row->id);
	/* Once is enough. */
	KUNIT_EXPECT_EQ(test, bind_to(fixture->sock, INADDR_ANY, ID + 1), -EINVAL);
	icmpx_ping_unhash(fixture->sock->sk);
	KUNIT_EXPECT_EQ(test, inet->inet_num, 0);
	KUNIT_EXPECT_EQ(test, sock_prot_inuse_get(&init_net, &icmpx_ping_prot), users);
}

/* As a BPF program does that is asked about a connect(). */
static void bound_where_nobody_sleeps(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct sock *sk = fixture->sock->sk;
	int err;

	rcu_read_lock();
	preempt_disable();
	err = sk->sk_prot->get_port(sk, ID);
	preempt_enable();
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, inet_sk(sk)->inet_num, ID);
}

/* Whoever sees one in the list does so under RCU, even if it gets no identifier in the end. */
static void freed_a_grace_period_later(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_TRUE(test, sock_flag(fixture->sock->sk, SOCK_RCU_FREE));
}

/* With IP_BIND_ADDRESS_NO_PORT an identifier can wait, unless one is asked for. */
static void bound_without_identifier(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct inet_sock *inet = inet_sk(fixture->sock->sk);

	inet_set_bit(BIND_ADDRESS_NO_PORT, fixture->sock->sk);
	KUNIT_EXPECT_EQ(test, bind_to(fixture->sock, WIRE_US, 0), 0);
	KUNIT_EXPECT_EQ(test, inet->inet_num, 0);
	KUNIT_EXPECT_EQ(test, bind_to(fixture->sock, WIRE_US, ID), 0);
	KUNIT_EXPECT_EQ(test, inet->inet_num, ID);
}

static void connected(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct sock *sk = fixture->sock->sk;
	const struct icmpx_ping_sock *psk = icmpx_ping_sk(sk);
	u16 id;

	KUNIT_ASSERT_EQ(test, connect_to(fixture->sock, WIRE_PEER), 0);
	id = inet_sk(sk)->inet_num;
	KUNIT_EXPECT_NE(test, id, 0);
	KUNIT_EXPECT_EQ(test, ntohs(inet_sk(sk)->inet_sport), id);
	KUNIT_EXPECT_EQ(test, sk->sk_state, TCP_ESTABLISHED);
	KUNIT_EXPECT_EQ(test, ntohl(inet_sk(sk)->inet_daddr), WIRE_PEER);
	KUNIT_EXPECT_TRUE(test, psk->has_peer);
	KUNIT_EXPECT_EQ(test, ntohl(psk->peer.address), WIRE_PEER);
	/* To somebody else, with the same identifier. */
	KUNIT_EXPECT_EQ(test, connect_to(fixture->sock, WIRE_PEER + 1), 0);
	KUNIT_EXPECT_EQ(test, inet_sk(sk)->inet_num, id);
	KUNIT_EXPECT_EQ(test, ntohl(psk->peer.address), WIRE_PEER + 1);
	/* Replies from a multicast group come from its members. */
	KUNIT_EXPECT_EQ(test, connect_to(fixture->sock, 0xe0000001), 0);
	KUNIT_EXPECT_FALSE(test, psk->has_peer);
}

static void connected_to_broadcast(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, connect_to(fixture->sock, WIRE_BROADCAST), -EACCES);
	sock_set_flag(fixture->sock->sk, SOCK_BROADCAST);
	KUNIT_EXPECT_EQ(test, connect_to(fixture->sock, WIRE_BROADCAST), 0);
	KUNIT_EXPECT_FALSE(test, icmpx_ping_sk(fixture->sock->sk)->has_peer);
}

static void pre_connect_needs_an_address(struct kunit *test)
{
	struct sockaddr_in name = name_of(WIRE_PEER, 0);
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, icmpx_ping_pre_connect(fixture->sock->sk, (struct sockaddr *)&name,
						     15), -EINVAL);
	KUNIT_EXPECT_EQ(test, icmpx_ping_pre_connect(fixture->sock->sk, (struct sockaddr *)&name,
						     16), 0);
}

struct send_row {
	const char *name;
	u8 message[12];
	unsigned int len;
	u32 to;
	int flags;
	int result;
};

static const struct send_row sends[] = {
	{ "echo", { 8 }, 12, WIRE_PEER, 0, 12 },
	{ "extended_echo", { 42 }, 12, WIRE_PEER, 0, 12 },
	{ "header_alone", { 8 }, 8, WIRE_PEER, 0, 8 },
	{ "too_short", { 8 }, 7, WIRE_PEER, 0, -EINVAL },
	{ "reply", { 0 }, 8, WIRE_PEER, 0, -EINVAL },
	{ "with_code", { 8, 1 }, 8, WIRE_PEER, 0, -EINVAL },
	{ "nowhere", { 8 }, 8, 0, 0, -EDESTADDRREQ },
	{ "out_of_band", { 8 }, 8, WIRE_PEER, MSG_OOB, -EOPNOTSUPP },
	{ "broadcast", { 8 }, 8, WIRE_BROADCAST, 0, -EACCES },
	{ "no_route", { 8 }, 8, 0xc0a80101, 0, -ENETUNREACH },
};

KUNIT_ARRAY_PARAM_DESC(sends, sends, name);

static void sent(struct kunit *test)
{
	const struct send_row *row = test->param_value;
	const u64 failed = stat_of(ICMPX_PING_SEND_FAILED), done = stat_of(ICMPX_PING_SENT);
	const unsigned long out = messages_of(0x100 + row->message[0]);
	struct fixture *fixture = test->priv;
	const bool good = row->result > 0;
	struct sk_buff *skb;
	u8 *message;

	KUNIT_ASSERT_EQ(test, bind_to(fixture->sock, INADDR_ANY, ID), 0);
	KUNIT_EXPECT_EQ(test, send_flags(fixture->sock, row->message, row->len, row->to,
					 row->flags | MSG_DONTWAIT), row->result);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_SEND_FAILED), failed + !good);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_SENT), done + good);
	KUNIT_EXPECT_EQ(test, messages_of(0x100 + row->message[0]), out + good);
	if (!good) {
		KUNIT_EXPECT_TRUE(test, wire_silent(fixture->wire));
		return;
	}
	skb = wire_get(test, fixture->wire);
	message = skb_transport_header(skb);
	KUNIT_EXPECT_EQ(test, skb->len, 20 + row->len);
	KUNIT_EXPECT_EQ(test, ip_hdr(skb)->ttl, 64);
	KUNIT_EXPECT_EQ(test, ip_hdr(skb)->tos, 0);
	KUNIT_EXPECT_EQ(test, ntohl(ip_hdr(skb)->saddr), WIRE_US);
	KUNIT_EXPECT_EQ(test, ntohl(ip_hdr(skb)->daddr), WIRE_PEER);
	KUNIT_EXPECT_EQ(test, ip_compute_csum(message, row->len), 0);
	KUNIT_EXPECT_EQ(test, message[0], row->message[0]);
	/* The identifier is the socket's, whatever the program wrote there. */
	KUNIT_EXPECT_EQ(test, message[4] << 8 | message[5], ID);
}

/* Lengths around the MTU, and around what an IP datagram can hold. */
static void sent_in_pieces(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u8 *message = kunit_kzalloc(test, 65536, GFP_KERNEL);
	struct sk_buff *skb;

	KUNIT_ASSERT_NOT_NULL(test, message);
	message[0] = 8;
	KUNIT_ASSERT_EQ(test, bind_to(fixture->sock, INADDR_ANY, ID), 0);
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 1480, WIRE_PEER), 1480);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, skb->len, 1500);
	KUNIT_EXPECT_EQ(test, ntohs(ip_hdr(skb)->frag_off), IP_DF);
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 1481, WIRE_PEER), 1481);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, skb->len, 1500);
	KUNIT_EXPECT_EQ(test, ntohs(ip_hdr(skb)->frag_off), IP_MF);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, skb->len, 21);
	KUNIT_EXPECT_EQ(test, ntohs(ip_hdr(skb)->frag_off), 1480 / 8);
	KUNIT_EXPECT_TRUE(test, wire_silent(fixture->wire));
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 65515, WIRE_PEER), 65515);
	skb_queue_purge(&fixture->wire->sent);
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 65516, WIRE_PEER), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 65536, WIRE_PEER), -EMSGSIZE);
}

/* Who forbids fragments is told what would have fit. */
static void too_long_for_the_path(struct kunit *test)
{
	static const u8 message[1481] = { 8 };
	struct fixture *fixture = test->priv;
	struct sock *sk = fixture->sock->sk;
	struct sk_buff *error;

	inet_sk(sk)->pmtudisc = IP_PMTUDISC_DO;
	KUNIT_ASSERT_EQ(test, bind_to(fixture->sock, INADDR_ANY, ID), 0);
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 1480, WIRE_PEER), 1480);
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 1481, WIRE_PEER), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&sk->sk_error_queue), 0);
	inet_set_bit(RECVERR, sk);
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 1481, WIRE_PEER), -EMSGSIZE);
	error = skb_peek(&sk->sk_error_queue);
	KUNIT_ASSERT_NOT_NULL(test, error);
	KUNIT_EXPECT_EQ(test, SKB_EXT_ERR(error)->ee.ee_errno, EMSGSIZE);
	KUNIT_EXPECT_EQ(test, SKB_EXT_ERR(error)->ee.ee_origin, SO_EE_ORIGIN_LOCAL);
	KUNIT_EXPECT_EQ(test, SKB_EXT_ERR(error)->ee.ee_info, 1500);
	KUNIT_EXPECT_EQ(test, ntohl(*(__be32 *)(skb_network_header(error) +
						SKB_EXT_ERR(error)->addr_offset)), WIRE_PEER);
}

/* What the socket, or one message, wants of the header. */
static void header_fields(struct kunit *test)
{
	static const u8 message[8] = { 8 };
	struct fixture *fixture = test->priv;
	struct inet_sock *inet = inet_sk(fixture->sock->sk);
	struct sk_buff *skb;

	KUNIT_ASSERT_EQ(test, bind_to(fixture->sock, INADDR_ANY, ID), 0);
	inet->uc_ttl = 9;
	inet->tos = 0x10;
	fixture->sock->sk->sk_mark = 77;
	inet->pmtudisc = IP_PMTUDISC_DONT;
	KUNIT_EXPECT_EQ(test, send_to(fixture->sock, message, 8, WIRE_PEER), 8);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, ip_hdr(skb)->ttl, 9);
	KUNIT_EXPECT_EQ(test, ip_hdr(skb)->tos, 0x10);
	KUNIT_EXPECT_EQ(test, skb->mark, 77);
	KUNIT_EXPECT_EQ(test, ip_hdr(skb)->frag_off, 0);
}

static void put_reply(struct kunit *test, u16 id, u32 from)
{
	const u8 reply[12] = { 0, 0, 0, 0, id >> 8, id, 0, 7, 1, 2, 3, 4 };
	struct fixture *fixture = test->priv;
	const struct wire_packet packet = {
		.message = reply, .len = sizeof(reply), .source = from,
	};

	wire_put(test, fixture->wire, &packet);
}

static void received(struct kunit *test)
{
	static const u8 data[8] = { 0x12, 0x34, 0, 7, 1, 2, 3, 4 };
	struct fixture *fixture = test->priv;
	const u64 delivered = stat_of(ICMPX_DELIVER_PING), nobody = stat_of(ICMPX_DROP_NO_SOCKET);
	struct sockaddr_in name = {};
	struct msghdr msg = { .msg_name = &name };
	u8 buffer[16];

	KUNIT_ASSERT_EQ(test, bind_to(fixture->sock, INADDR_ANY, ID), 0);
	KUNIT_EXPECT_EQ(test, receive(fixture->sock, buffer, 16, 0, &msg), -EAGAIN);
	KUNIT_EXPECT_EQ(test, receive(fixture->sock, buffer, 16, MSG_OOB, &msg), -EOPNOTSUPP);
	put_reply(test, ID + 1, WIRE_PEER);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_DROP_NO_SOCKET), nobody + 1);
	put_reply(test, ID, WIRE_PEER);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_DELIVER_PING), delivered + 1);
	KUNIT_EXPECT_EQ(test, receive(fixture->sock, buffer, 11, MSG_PEEK, &msg), 11);
	KUNIT_EXPECT_TRUE(test, msg.msg_flags & MSG_TRUNC);
	msg = (struct msghdr){ .msg_name = &name };
	KUNIT_EXPECT_EQ(test, receive(fixture->sock, buffer, 16, 0, &msg), 12);
	KUNIT_EXPECT_FALSE(test, msg.msg_flags & MSG_TRUNC);
	KUNIT_EXPECT_MEMEQ(test, buffer + 4, data, sizeof(data));
	KUNIT_EXPECT_EQ(test, ntohl(name.sin_addr.s_addr), WIRE_PEER);
	KUNIT_EXPECT_EQ(test, name.sin_port, 0);
	KUNIT_EXPECT_EQ(test, msg.msg_namelen, (int)sizeof(name));
	KUNIT_EXPECT_EQ(test, receive(fixture->sock, buffer, 16, 0, &msg), -EAGAIN);
}

static void socket_full(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u64 before = stat_of(ICMPX_DROP_SOCKET_FULL);
	struct sock *sk = fixture->sock->sk;

	KUNIT_ASSERT_EQ(test, bind_to(fixture->sock, INADDR_ANY, ID), 0);
	sk->sk_rcvbuf = 1;
	put_reply(test, ID, WIRE_PEER);
	put_reply(test, ID, WIRE_PEER);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_DROP_SOCKET_FULL), before + 1);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&sk->sk_receive_queue), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&sk->sk_drops), 1);
}

static int ping_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	test->priv = fixture;
	fixture->wire = wire_open(test);
	fixture->sock = ping_socket(test);
	return 0;
}

static struct kunit_case ping_cases[] = {
	KUNIT_CASE_PARAM(bound, binds_gen_params),
	KUNIT_CASE(bound_where_nobody_sleeps),
	KUNIT_CASE(freed_a_grace_period_later),
	KUNIT_CASE(bound_without_identifier),
	KUNIT_CASE(connected),
	KUNIT_CASE(connected_to_broadcast),
	KUNIT_CASE(pre_connect_needs_an_address),
	KUNIT_CASE_PARAM(sent, sends_gen_params),
	KUNIT_CASE(sent_in_pieces),
	KUNIT_CASE(too_long_for_the_path),
	KUNIT_CASE(header_fields),
	KUNIT_CASE(received),
	KUNIT_CASE(socket_full),
	{}
};

struct kunit_suite icmpx_ping_suite = {
	.name = "icmpx_ping",
	.init = ping_setup,
	.test_cases = ping_cases,
};
