// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors about what this host sent with ICMP: to ping sockets, and to nobody.
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
	struct sock *sk;
};

/* An error around a request of ours to WIRE_PEER. */
struct error {
	struct icmphdr icmp;
	struct iphdr ip;
	struct icmphdr request;
	u8 data[4];
} __packed;

static struct error error_of(u8 type, u8 code)
{
	return (struct error){
		/* The MTU of an Ethernet, which changes nothing. */
		.icmp = { .type = type, .code = code, .un.frag.mtu = htons(1500) },
		.ip = {
			.version = 4,
			.ihl = 5,
			.tot_len = htons(32),
			.ttl = 64,
			.protocol = IPPROTO_ICMP,
			.saddr = htonl(WIRE_US),
			.daddr = htonl(WIRE_PEER),
		},
		.request = { .type = 8, .un.echo.id = htons(ID) },
		.data = { 1, 2, 3, 4 },
	};
}

static void put(struct kunit *test, const struct error *error)
{
	const struct wire_packet packet = { .message = error, .len = sizeof(*error) };
	struct fixture *fixture = test->priv;

	wire_put(test, fixture->wire, &packet);
}

struct told_row {
	const char *name;
	u8 type;
	u8 code;
	/* What a socket has pending that asked for errors, and one that is connected. */
	int wanted;
	int connected;
};

static const struct told_row errors[] = {
	{ "net_unreachable", 3, 0, ENETUNREACH, 0 },
	{ "host_unreachable", 3, 1, EHOSTUNREACH, 0 },
	{ "protocol_unreachable", 3, 2, ENOPROTOOPT, ENOPROTOOPT },
	{ "port_unreachable", 3, 3, ECONNREFUSED, ECONNREFUSED },
	{ "fragmentation_needed", 3, 4, EMSGSIZE, EMSGSIZE },
	{ "source_route_failed", 3, 5, EOPNOTSUPP, 0 },
	{ "last_code", 3, 15, EHOSTUNREACH, EHOSTUNREACH },
	{ "source_quench", 4, 0, EREMOTEIO, 0 },
	{ "redirect", 5, 1, EREMOTEIO, 0 },
	{ "time_exceeded", 11, 0, EHOSTUNREACH, 0 },
	{ "parameter_problem", 12, 0, EPROTO, EPROTO },
};

KUNIT_ARRAY_PARAM_DESC(errors, errors, name);

static void to_who_asked_for_errors(struct kunit *test)
{
	const struct told_row *row = test->param_value;
	const struct error error = error_of(row->type, row->code);
	const u64 found = stat_of(ICMPX_PING_ERRORS), queued = stat_of(ICMPX_PING_ERRORS_QUEUED);
	struct fixture *fixture = test->priv;
	struct sock_exterr_skb *serr;
	struct sk_buff *skb;

	inet_set_bit(RECVERR, fixture->sk);
	put(test, &error);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_ERRORS), found + 1);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_ERRORS_QUEUED), queued + 1);
	KUNIT_EXPECT_EQ(test, fixture->sk->sk_err, row->wanted);
	skb = skb_peek(&fixture->sk->sk_error_queue);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	serr = SKB_EXT_ERR(skb);
	KUNIT_EXPECT_EQ(test, serr->ee.ee_errno, row->wanted);
	KUNIT_EXPECT_EQ(test, serr->ee.ee_origin, SO_EE_ORIGIN_ICMP);
	KUNIT_EXPECT_EQ(test, serr->ee.ee_type, row->type);
	KUNIT_EXPECT_EQ(test, serr->ee.ee_code, row->code);
	KUNIT_EXPECT_EQ(test, serr->ee.ee_info,
			row->code == 4 ? 1500 : row->type == 5 ? 1500 : 0);
	/* The program gets its request back, and to whom that went. */
	KUNIT_EXPECT_EQ(test, skb->len, sizeof(error.request) + sizeof(error.data));
	KUNIT_EXPECT_MEMEQ(test, skb->data, &error.request, skb->len);
	KUNIT_EXPECT_EQ(test, *(__be32 *)(skb_network_header(skb) + serr->addr_offset),
			htonl(WIRE_PEER));
}

static void to_who_is_connected(struct kunit *test)
{
	const struct told_row *row = test->param_value;
	const struct error error = error_of(row->type, row->code);
	struct fixture *fixture = test->priv;

	fixture->sk->sk_state = TCP_ESTABLISHED;
	put(test, &error);
	KUNIT_EXPECT_EQ(test, fixture->sk->sk_err, row->connected);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&fixture->sk->sk_error_queue));
	fixture->sk->sk_state = TCP_CLOSE;
}

static void to_neither(struct kunit *test)
{
	const struct told_row *row = test->param_value;
	const struct error error = error_of(row->type, row->code);
	struct fixture *fixture = test->priv;
	const u64 found = stat_of(ICMPX_PING_ERRORS);

	put(test, &error);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_ERRORS), found + 1);
	KUNIT_EXPECT_EQ(test, fixture->sk->sk_err, 0);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&fixture->sk->sk_error_queue));
}

/* Who lets routers fragment is not told that one could not. */
static void no_path_mtu_discovery(struct kunit *test)
{
	const struct error error = error_of(3, 4);
	struct fixture *fixture = test->priv;

	inet_set_bit(RECVERR, fixture->sk);
	inet_sk(fixture->sk)->pmtudisc = IP_PMTUDISC_DONT;
	put(test, &error);
	KUNIT_EXPECT_EQ(test, fixture->sk->sk_err, 0);
	KUNIT_EXPECT_TRUE(test, skb_queue_empty(&fixture->sk->sk_error_queue));
}

static void queue_is_full(struct kunit *test)
{
	const struct error error = error_of(3, 1);
	const u64 dropped = stat_of(ICMPX_PING_ERRORS_DROPPED);
	const u64 queued = stat_of(ICMPX_PING_ERRORS_QUEUED);
	struct fixture *fixture = test->priv;

	inet_set_bit(RECVERR, fixture->sk);
	fixture->sk->sk_rcvbuf = 1;
	put(test, &error);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_ERRORS_DROPPED), dropped + 1);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_ERRORS_QUEUED), queued);
	KUNIT_EXPECT_EQ(test, fixture->sk->sk_err, EHOSTUNREACH);
}

static void expect_nobody(struct kunit *test, const struct error *error, bool unmatched)
{
	struct fixture *fixture = test->priv;
	const u64 found = stat_of(ICMPX_PING_ERRORS);
	const u64 none = stat_of(ICMPX_PING_ERRORS_UNMATCHED);

	inet_set_bit(RECVERR, fixture->sk);
	put(test, error);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_ERRORS), found);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PING_ERRORS_UNMATCHED), none + unmatched);
	KUNIT_EXPECT_EQ(test, fixture->sk->sk_err, 0);
}

static void another_identifier(struct kunit *test)
{
	struct error error = error_of(3, 2);

	error.request.un.echo.id = htons(ID + 1);
	expect_nobody(test, &error, true);
}

/* Neither a reply of this host's, nor what no ping socket sends. */
static void about_no_request(struct kunit *test)
{
	static const u8 types[] = { 0, 13, 14, 43 };
	struct error error = error_of(3, 2);

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		error.request.type = types[i];
		expect_nobody(test, &error, false);
	}
	error.request.type = 8;
	error.request.code = 1;
	expect_nobody(test, &error, false);
}

/* What this host is told of the path of its replies is worth keeping (RFC 1191). */
static void path_of_a_reply(struct kunit *test)
{
	struct error error = error_of(3, 4);
	struct flowi4 fl4 = { .daddr = htonl(WIRE_PEER), .flowi4_proto = IPPROTO_ICMP };
	struct rtable *rt;

	error.request.type = 0;
	error.icmp.un.frag.mtu = htons(1280);
	put(test, &error);
	rt = ip_route_output_key(&init_net, &fl4);
	KUNIT_ASSERT_FALSE(test, IS_ERR(rt));
	KUNIT_EXPECT_EQ(test, dst_mtu(&rt->dst), 1280);
	ip_rt_put(rt);
}

static int ping_error_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(ID) };

	if (!fixture)
		return -ENOMEM;
	test->priv = fixture;
	fixture->wire = wire_open(test);
	fixture->sk = ping_socket(test)->sk;
	return icmpx_ping_bind(fixture->sk, (struct sockaddr *)&name, sizeof(name));
}

static struct kunit_case ping_error_cases[] = {
	KUNIT_CASE_PARAM(to_who_asked_for_errors, errors_gen_params),
	KUNIT_CASE_PARAM(to_who_is_connected, errors_gen_params),
	KUNIT_CASE_PARAM(to_neither, errors_gen_params),
	KUNIT_CASE(no_path_mtu_discovery),
	KUNIT_CASE(queue_is_full),
	KUNIT_CASE(another_identifier),
	KUNIT_CASE(about_no_request),
	KUNIT_CASE(path_of_a_reply),
	{}
};

struct kunit_suite icmpx_ping_error_suite = {
	.name = "icmpx_ping_error",
	.init = ping_error_setup,
	.test_cases = ping_error_cases,
};
