// SPDX-License-Identifier: GPL-2.0-only
/*
 * What comes in and gets no answer: what is dropped and why, and errors, to
 * the protocols and raw sockets that they are about.
 */
#include <linux/in.h>
#include <linux/net.h>
#include <net/protocol.h>
#include <net/sock.h>

#include "wire.h"

/* A protocol of the suite's own: it remembers the errors that it is told of. */
#define OUR_PROTOCOL 253

static struct {
	unsigned int errors;
	u32 info;
	u8 type;
	u8 code;
} told;

static int our_rcv(struct sk_buff *skb)
{
	kfree_skb(skb);
	return 0;
}

static int our_err(struct sk_buff *skb, u32 info)
{
	told.errors++;
	told.info = info;
	told.type = icmp_hdr(skb)->type;
	told.code = icmp_hdr(skb)->code;
	return 0;
}

static struct net_protocol our_protocol = {
	.handler = our_rcv,
	.err_handler = our_err,
	.no_policy = 1,
};

/* An error around a datagram of ours to WIRE_PEER, which has 8 bytes after its header. */
struct error {
	struct icmphdr icmp;
	struct iphdr ip;
	u8 payload[8];
} __packed;

static struct error error_of(u8 type, u8 code, u32 rest)
{
	return (struct error){
		.icmp = { .type = type, .code = code, .un.gateway = htonl(rest) },
		.ip = {
			.version = 4,
			.ihl = 5,
			.tot_len = htons(28),
			.ttl = 64,
			.protocol = OUR_PROTOCOL,
			.saddr = htonl(WIRE_US),
			.daddr = htonl(WIRE_PEER),
		},
		.payload = { 1, 2, 3, 4, 5, 6, 7, 8 },
	};
}

static void put(struct kunit *test, const void *message, unsigned int len)
{
	const struct wire_packet packet = { .message = message, .len = len };

	wire_put(test, test->priv, &packet);
}

/* What a packet comes to: an outcome, and whether it counts as an error. */
static void expect_outcome(struct kunit *test, const struct wire_packet *packet,
			   enum icmpx_stat stat, bool in_error)
{
	const u64 before = stat_of(stat), in = stat_of(ICMPX_PACKETS_IN);
	const unsigned long errors = mib_of(ICMP_MIB_INERRORS);
	const unsigned long messages = mib_of(ICMP_MIB_INMSGS);

	wire_put(test, test->priv, packet);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PACKETS_IN), in + 1);
	KUNIT_EXPECT_EQ(test, stat_of(stat), before + 1);
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_INMSGS), messages + 1);
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_INERRORS), errors + in_error);
	KUNIT_EXPECT_TRUE(test, wire_silent(test->priv));
}

struct drop_row {
	const char *name;
	u8 message[16];
	u8 len;
	bool bad_checksum;
	enum icmpx_stat stat;
	bool in_error;
};

static const struct drop_row drops[] = {
	/* A sum over nothing is not right. */
	{ "nothing", {}, 0, true, ICMPX_DROP_CHECKSUM, true },
	{ "seven_bytes", { 8, 0, 0xf7, 0xff }, 7, false, ICMPX_DROP_TRUNCATED, true },
	{ "wrong_checksum", { 8 }, 8, true, ICMPX_DROP_CHECKSUM, true },
	{ "unknown_type", { 99 }, 8, false, ICMPX_DROP_UNKNOWN_TYPE, true },
	{ "router_discovery", { 9 }, 8, false, ICMPX_IGNORE_TYPE, false },
	{ "address_mask", { 17 }, 12, false, ICMPX_IGNORE_TYPE, false },
	{ "probe_switched_off", { 42 }, 8, false, ICMPX_IGNORE_PROBE, false },
	{ "error_about_nothing", { 3, 1 }, 8, false, ICMPX_DROP_TRUNCATED, true },
	{ "error_about_a_bit", { 3, 1, 0, 0, 0, 0, 0, 0, 0x45 }, 16, false, ICMPX_DROP_TRUNCATED,
	  true },
	{ "reply_to_nobody", { 0, 0, 0, 0, 0x77, 0x77 }, 8, false, ICMPX_DROP_NO_SOCKET, false },
};

KUNIT_ARRAY_PARAM_DESC(drops, drops, name);

static void dropped(struct kunit *test)
{
	const struct drop_row *row = test->param_value;
	const struct wire_packet packet = {
		.message = row->message, .len = row->len, .bad_checksum = row->bad_checksum,
	};
	const unsigned long checksums = mib_of(ICMP_MIB_CSUMERRORS);
	const unsigned long of_type = messages_of(row->message[0]);

	expect_outcome(test, &packet, row->stat, row->in_error);
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_CSUMERRORS), checksums + row->bad_checksum);
	/* A type counts once it is known to be one. */
	KUNIT_EXPECT_EQ(test, messages_of(row->message[0]),
			of_type + (row->len >= 8 && !row->bad_checksum));
}

static void broadcast_error(struct kunit *test)
{
	const struct error error = error_of(3, 1, 0);
	const struct wire_packet packet = {
		.message = &error, .len = sizeof(error), .destination = WIRE_BROADCAST,
	};

	expect_outcome(test, &packet, ICMPX_DROP_BROADCAST, true);
	KUNIT_EXPECT_EQ(test, told.errors, 0);
}

struct deliver_row {
	const char *name;
	u8 type;
	u8 code;
	u32 rest;
	u32 info;
};

static const struct deliver_row delivered[] = {
	{ "host_unreachable", 3, 1, 0x01020304, 0 },
	{ "last_code", 3, 15, 0, 0 },
	{ "fragmentation_needed", 3, 4, 1280, 1280 },
	{ "source_quench", 4, 0, 0x01020304, 0 },
	{ "redirect", 5, 1, 0x0a000003, 0x0a000003 },
	{ "time_exceeded", 11, 0, 0x01020304, 0 },
	{ "parameter_problem", 12, 0, 0x14000000, 0x14 },
};

KUNIT_ARRAY_PARAM_DESC(delivered, delivered, name);

static void to_its_protocol(struct kunit *test)
{
	const struct deliver_row *row = test->param_value;
	const struct error error = error_of(row->type, row->code, row->rest);
	const struct wire_packet packet = { .message = &error, .len = sizeof(error) };
	const unsigned long exceeded = mib_of(ICMP_MIB_INTIMEEXCDS);

	expect_outcome(test, &packet, ICMPX_DELIVER_ERROR_OTHER, false);
	KUNIT_EXPECT_EQ(test, told.errors, 1);
	KUNIT_EXPECT_EQ(test, told.type, row->type);
	KUNIT_EXPECT_EQ(test, told.code, row->code);
	KUNIT_EXPECT_EQ(test, told.info, row->info);
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_INTIMEEXCDS), exceeded + (row->type == 11));
}

/* Every change to a good error that makes it none, or one for others. */
struct spoil_row {
	const char *name;
	u8 type;
	u8 code;
	/* Of the datagram in it. */
	u8 ihl;
	u8 protocol;
	u32 destination;
	/* Bytes of the message that are there. */
	u8 len;
	enum icmpx_stat stat;
	bool in_error;
};

#define WHOLE sizeof(struct error)

static const struct spoil_row spoiled[] = {
	{ "code_beyond", 3, 16, 5, 253, WIRE_PEER, WHOLE, ICMPX_IGNORE_CODE, false },
	{ "reassembly", 11, 1, 5, 253, WIRE_PEER, WHOLE, ICMPX_IGNORE_REASSEMBLY, false },
	{ "header_too_short", 3, 1, 4, 253, WIRE_PEER, WHOLE, ICMPX_DROP_EMBEDDED, true },
	{ "header_lies_high", 3, 1, 6, 253, WIRE_PEER, WHOLE, ICMPX_DROP_EMBEDDED, true },
	{ "a_byte_of_payload_missing", 3, 1, 5, 253, WIRE_PEER, WHOLE - 1, ICMPX_DROP_EMBEDDED,
	  true },
	{ "a_byte_of_header_missing", 3, 1, 5, 253, WIRE_PEER, 27, ICMPX_DROP_TRUNCATED, true },
	{ "nobodys_protocol", 3, 1, 5, 252, WIRE_PEER, WHOLE, ICMPX_DROP_NO_PROTOCOL, false },
	{ "raw_protocol", 3, 1, 5, 255, WIRE_PEER, WHOLE, ICMPX_DROP_EMBEDDED, true },
	{ "tcp", 3, 1, 5, 6, WIRE_PEER, WHOLE, ICMPX_DELIVER_ERROR_TCP, false },
	{ "udp", 3, 1, 5, 17, WIRE_PEER, WHOLE, ICMPX_DELIVER_ERROR_UDP, false },
	{ "icmp", 3, 1, 5, 1, WIRE_PEER, WHOLE, ICMPX_DELIVER_ERROR_ICMP, false },
};

KUNIT_ARRAY_PARAM_DESC(spoiled, spoiled, name);

static void not_for_our_protocol(struct kunit *test)
{
	const struct spoil_row *row = test->param_value;
	struct error error = error_of(row->type, row->code, 0);
	const struct wire_packet packet = { .message = &error, .len = row->len };
	unsigned long errors = mib_of(ICMP_MIB_INERRORS);
	const u64 before = stat_of(row->stat);

	error.ip.ihl = row->ihl;
	error.ip.protocol = row->protocol;
	error.ip.daddr = htonl(row->destination);
	wire_put(test, test->priv, &packet);
	KUNIT_EXPECT_EQ(test, stat_of(row->stat), before + 1);
	/* TCP and UDP count errors for which they have no socket themselves. */
	if (row->protocol != IPPROTO_TCP && row->protocol != IPPROTO_UDP)
		KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_INERRORS), errors + row->in_error);
	KUNIT_EXPECT_EQ(test, told.errors, 0);
}

/* No host may send an error about a broadcast; whether that is looked at is a setting. */
static void about_a_broadcast(struct kunit *test)
{
	struct error error = error_of(3, 1, 0);
	const struct wire_packet packet = { .message = &error, .len = sizeof(error) };
	u8 *setting = &init_net.ipv4.sysctl_icmp_ignore_bogus_error_responses;
	const u8 before = *setting;

	error.ip.daddr = htonl(WIRE_BROADCAST);
	*setting = 0;
	expect_outcome(test, &packet, ICMPX_IGNORE_BOGUS, false);
	KUNIT_EXPECT_EQ(test, told.errors, 0);
	*setting = 1;
	expect_outcome(test, &packet, ICMPX_DELIVER_ERROR_OTHER, false);
	KUNIT_EXPECT_EQ(test, told.errors, 1);
	/* One about another host is none, whatever the setting. */
	*setting = 0;
	error.ip.daddr = htonl(WIRE_PEER);
	expect_outcome(test, &packet, ICMPX_DELIVER_ERROR_OTHER, false);
	*setting = before;
}

/* Settings of ip_no_pmtu_disc: believed, without the MTU, not at all, by those that check. */
static void path_mtu(struct kunit *test)
{
	const struct error error = error_of(3, 4, 1280);
	const struct wire_packet packet = { .message = &error, .len = sizeof(error) };
	u8 *setting = &init_net.ipv4.sysctl_ip_no_pmtu_disc;
	const u8 before = *setting;

	*setting = 1;
	expect_outcome(test, &packet, ICMPX_DELIVER_ERROR_OTHER, false);
	KUNIT_EXPECT_EQ(test, told.info, 0);
	*setting = 2;
	expect_outcome(test, &packet, ICMPX_IGNORE_PMTU, false);
	*setting = 3;
	expect_outcome(test, &packet, ICMPX_IGNORE_PMTU, false);
	KUNIT_EXPECT_EQ(test, told.errors, 1);
	our_protocol.icmp_strict_tag_validation = 1;
	expect_outcome(test, &packet, ICMPX_DELIVER_ERROR_OTHER, false);
	KUNIT_EXPECT_EQ(test, told.info, 1280);
	our_protocol.icmp_strict_tag_validation = 0;
	*setting = before;
}

static void release_socket(void *sock)
{
	sock_release(sock);
}

static struct sock *raw_socket(struct kunit *test, bool connected)
{
	struct sockaddr_in peer = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(WIRE_PEER),
	};
	struct socket *sock;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_RAW, 252, &sock), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, release_socket, sock), 0);
	if (connected)
		KUNIT_ASSERT_EQ(test, kernel_connect(sock, (struct sockaddr *)&peer, sizeof(peer),
						     0), 0);
	return sock->sk;
}

struct raw_row {
	const char *name;
	bool connected;
	bool wanted;
	u8 type;
	u8 code;
	/* What the socket has pending, and how many errors it has queued. */
	int pending;
	unsigned int queued;
};

static const struct raw_row raws[] = {
	{ "neither", false, false, 3, 2, 0, 0 },
	{ "connected_hard", true, false, 3, 2, ENOPROTOOPT, 0 },
	{ "connected_soft", true, false, 3, 1, 0, 0 },
	{ "connected_parameter_problem", true, false, 12, 0, EPROTO, 0 },
	{ "connected_time_exceeded", true, false, 11, 0, 0, 0 },
	{ "connected_quench", true, false, 4, 0, 0, 0 },
	{ "wanted_hard", false, true, 3, 2, ENOPROTOOPT, 1 },
	{ "wanted_soft", false, true, 3, 1, EHOSTUNREACH, 1 },
	{ "wanted_mtu", false, true, 3, 4, EMSGSIZE, 1 },
	{ "wanted_time_exceeded", false, true, 11, 0, EHOSTUNREACH, 1 },
	{ "wanted_quench", false, true, 4, 0, 0, 0 },
	{ "wanted_redirect", true, true, 5, 1, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(raws, raws, name);

static void to_a_raw_socket(struct kunit *test)
{
	const struct raw_row *row = test->param_value;
	struct sock *sk = raw_socket(test, row->connected);
	struct error error = error_of(row->type, row->code, 0);
	const u64 raw = stat_of(ICMPX_DELIVER_ERROR_RAW);
	const u64 extra = stat_of(ICMPX_ERRORS_TO_RAW_SOCKETS);

	inet_assign_bit(RECVERR, sk, row->wanted);
	error.ip.protocol = 252;
	/* The MTU of an Ethernet, which changes nothing. */
	error.icmp.un.frag.mtu = htons(1500);
	put(test, &error, sizeof(error));
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_DELIVER_ERROR_RAW), raw + 1);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_ERRORS_TO_RAW_SOCKETS), extra + 1);
	KUNIT_EXPECT_EQ(test, sk->sk_err, row->pending);
	KUNIT_EXPECT_EQ(test, skb_queue_len(&sk->sk_error_queue), row->queued);
	/* What the program gets: the payload, unless it makes headers itself. */
	if (row->queued)
		KUNIT_EXPECT_EQ(test, skb_peek(&sk->sk_error_queue)->len, 8);
	sk->sk_err = 0;
	skb_queue_purge(&sk->sk_error_queue);
	if (!row->queued)
		return;
	inet_set_bit(HDRINCL, sk);
	put(test, &error, sizeof(error));
	KUNIT_ASSERT_EQ(test, skb_queue_len(&sk->sk_error_queue), 1);
	KUNIT_EXPECT_EQ(test, skb_peek(&sk->sk_error_queue)->len, 28);
}

/* A socket whose peer is another host did not send the datagram. */
static void not_to_another_raw_socket(struct kunit *test)
{
	struct sock *sk = raw_socket(test, true);
	struct error error = error_of(3, 2, 0);
	const struct wire_packet packet = { .message = &error, .len = sizeof(error) };

	error.ip.protocol = 252;
	error.ip.daddr = htonl(WIRE_PEER + 1);
	expect_outcome(test, &packet, ICMPX_DROP_NO_PROTOCOL, false);
	KUNIT_EXPECT_EQ(test, sk->sk_err, 0);
}

static int deliver_setup(struct kunit *test)
{
	memset(&told, 0, sizeof(told));
	test->priv = wire_open(test);
	return inet_add_protocol(&our_protocol, OUR_PROTOCOL);
}

static void deliver_teardown(struct kunit *test)
{
	inet_del_protocol(&our_protocol, OUR_PROTOCOL);
}

static struct kunit_case deliver_cases[] = {
	KUNIT_CASE_PARAM(dropped, drops_gen_params),
	KUNIT_CASE(broadcast_error),
	KUNIT_CASE_PARAM(to_its_protocol, delivered_gen_params),
	KUNIT_CASE_PARAM(not_for_our_protocol, spoiled_gen_params),
	KUNIT_CASE(about_a_broadcast),
	KUNIT_CASE(path_mtu),
	KUNIT_CASE_PARAM(to_a_raw_socket, raws_gen_params),
	KUNIT_CASE(not_to_another_raw_socket),
	{}
};

struct kunit_suite icmpx_deliver_suite = {
	.name = "icmpx_deliver",
	.init = deliver_setup,
	.exit = deliver_teardown,
	.test_cases = deliver_cases,
};
