// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests and what comes back: every field of the reply, every counter.
 */
#include <linux/in.h>
#include <linux/unaligned.h>

#include "wire.h"

/* An echo request of identifier 0x1234, sequence number 7, and data. */
static const u8 echo[] = { 8, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

struct fixture {
	struct wire *wire;
	struct netns_ipv4 *ipv4;
	u8 broadcasts;
};

static bool checksum_right(const struct sk_buff *skb)
{
	return !ip_compute_csum(skb_transport_header(skb), skb->len - ip_hdrlen(skb));
}

static void echo_reply(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = {
		.message = echo, .len = sizeof(echo), .id = 0x4711, .tos = 0x58,
	};
	const u64 in_place = stat_of(ICMPX_REPLY_IN_PLACE);
	const u64 in = stat_of(ICMPX_PACKETS_IN);
	const unsigned long in_msgs = mib_of(ICMP_MIB_INMSGS);
	const unsigned long out_msgs = mib_of(ICMP_MIB_OUTMSGS);
	const unsigned long requests = messages_of(8);
	const unsigned long replies = messages_of(0x100);
	struct sk_buff *skb;
	struct iphdr *iph;

	wire_put(test, fixture->wire, &request);
	skb = wire_get(test, fixture->wire);
	iph = ip_hdr(skb);
	KUNIT_EXPECT_TRUE(test, iph->version == 4 && iph->ihl == 5);
	KUNIT_EXPECT_EQ(test, iph->tos, 0x58);
	KUNIT_EXPECT_EQ(test, ntohs(iph->tot_len), 20 + sizeof(echo));
	KUNIT_EXPECT_EQ(test, skb->len, 20 + sizeof(echo));
	KUNIT_EXPECT_EQ(test, iph->frag_off, 0);
	KUNIT_EXPECT_EQ(test, iph->ttl, 64);
	KUNIT_EXPECT_EQ(test, iph->protocol, IPPROTO_ICMP);
	KUNIT_EXPECT_EQ(test, ntohl(iph->saddr), WIRE_US);
	KUNIT_EXPECT_EQ(test, ntohl(iph->daddr), WIRE_PEER);
	KUNIT_EXPECT_TRUE(test, checksum_right(skb));
	KUNIT_EXPECT_EQ(test, skb_transport_header(skb)[0], 0);
	KUNIT_EXPECT_MEMEQ(test, skb_transport_header(skb) + 4, echo + 4, sizeof(echo) - 4);
	KUNIT_EXPECT_TRUE(test, wire_silent(fixture->wire));

	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_PACKETS_IN), in + 1);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_REPLY_IN_PLACE), in_place + 1);
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_INMSGS), in_msgs + 1);
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_OUTMSGS), out_msgs + 1);
	KUNIT_EXPECT_EQ(test, messages_of(8), requests + 1);
	KUNIT_EXPECT_EQ(test, messages_of(0x100), replies + 1);
}

/* The code is the requester's; the mark is not, unless a setting says so. */
static void echo_with_code_and_mark(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u8 message[sizeof(echo)];
	const struct wire_packet request = { .message = message, .len = sizeof(message) };
	struct sk_buff *skb;
	int reflect;

	memcpy(message, echo, sizeof(message));
	message[1] = 9;
	for (reflect = 0; reflect < 2; reflect++) {
		fixture->ipv4->sysctl_fwmark_reflect = reflect;
		skb = wire_make(test, fixture->wire, &request);
		skb->mark = 77;
		wire_receive(skb);
		skb = wire_get(test, fixture->wire);
		KUNIT_EXPECT_EQ(test, skb->mark, reflect ? 77 : 0);
		KUNIT_EXPECT_EQ(test, skb_transport_header(skb)[1], 9);
		KUNIT_EXPECT_TRUE(test, checksum_right(skb));
	}
	fixture->ipv4->sysctl_fwmark_reflect = 0;
}

/* Somebody else reads the request, so its bytes must stay. */
static void echo_copied(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = { .message = echo, .len = sizeof(echo) };
	struct sk_buff *skb = wire_make(test, fixture->wire, &request);
	struct sk_buff *reader = skb_clone(skb, GFP_KERNEL);
	const u64 copied = stat_of(ICMPX_REPLY_COPIED);

	KUNIT_ASSERT_NOT_NULL(test, reader);
	wire_receive(skb);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_REPLY_COPIED), copied + 1);
	KUNIT_EXPECT_TRUE(test, checksum_right(skb));
	KUNIT_EXPECT_MEMEQ(test, skb_transport_header(skb) + 4, echo + 4, sizeof(echo) - 4);
	KUNIT_EXPECT_EQ(test, reader->data[20], 8);
	kfree_skb(reader);
}

static void echo_ignored(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = { .message = echo, .len = sizeof(echo) };

	fixture->ipv4->sysctl_icmp_echo_ignore_all = 1;
	wire_expect_silence(test, fixture->wire, &request, ICMPX_IGNORE_ECHO);
	fixture->ipv4->sysctl_icmp_echo_ignore_all = 0;
}

/* The setting is of timestamp requests alone. */
static void timestamp_ignored(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const u8 message[20] = { 13, 0, 0xf2, 0xff };
	const struct wire_packet request = { .message = message, .len = sizeof(message) };
	const struct wire_packet other = { .message = echo, .len = sizeof(echo) };

	ours()->v4.ignore_timestamps = 1;
	wire_expect_silence(test, fixture->wire, &request, ICMPX_IGNORE_TIMESTAMP);
	wire_put(test, fixture->wire, &other);
	wire_get(test, fixture->wire);
	ours()->v4.ignore_timestamps = 0;
	wire_put(test, fixture->wire, &request);
	wire_get(test, fixture->wire);
}

/* RFC 1122, 3.2.2.6: the reply's source is an address of this host's. */
static void echo_by_broadcast(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = {
		.message = echo, .len = sizeof(echo), .destination = WIRE_BROADCAST,
	};
	struct sk_buff *skb;

	fixture->ipv4->sysctl_icmp_echo_ignore_broadcasts = 1;
	wire_expect_silence(test, fixture->wire, &request, ICMPX_DROP_BROADCAST);
	fixture->ipv4->sysctl_icmp_echo_ignore_broadcasts = 0;
	wire_put(test, fixture->wire, &request);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, ntohl(ip_hdr(skb)->saddr), WIRE_US);
	KUNIT_EXPECT_EQ(test, ntohl(ip_hdr(skb)->daddr), WIRE_PEER);
}

static u16 next_identification(struct kunit *test, const struct wire_packet *request)
{
	struct fixture *fixture = test->priv;

	wire_put(test, fixture->wire, request);
	return ntohs(ip_hdr(wire_get(test, fixture->wire))->id);
}

/* One more with each reply to a host, from the first one on, whatever its request had. */
static void identification(struct kunit *test)
{
	struct wire_packet request = { .message = echo, .len = sizeof(echo), .id = 5 };
	u16 id = next_identification(test, &request);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		request.tos ^= 4;
		request.id *= 3;
		KUNIT_EXPECT_EQ(test, next_identification(test, &request), ++id);
	}
}

/* A host learns nothing of how many replies another one gets. */
static void identification_of_another(struct kunit *test)
{
	const struct wire_packet request = { .message = echo, .len = sizeof(echo) };
	struct wire_packet other = { .message = echo, .len = sizeof(echo) };
	u16 id;
	u32 i;

	id = next_identification(test, &request);
	id = next_identification(test, &request);
	for (i = 0; i < 2000; i++) {
		other.source = 0x0a050000 + i;
		next_identification(test, &other);
	}
	KUNIT_EXPECT_EQ(test, next_identification(test, &request), (u16)(id + 1));
}

/* Longer than the MTU: pieces that fit, multiples of 8 bytes, one identification. */
static void fragmented(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u8 *message = kunit_kzalloc(test, 1500, GFP_KERNEL);
	const struct wire_packet request = { .message = message, .len = 1400 };
	const u64 before = stat_of(ICMPX_FRAGMENTED_REPLIES);
	struct sk_buff *skb;

	KUNIT_ASSERT_NOT_NULL(test, message);
	message[0] = 8;
	wire_put(test, fixture->wire, &request);
	KUNIT_EXPECT_EQ(test, wire_get(test, fixture->wire)->len, 1420);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_FRAGMENTED_REPLIES), before);
	WRITE_ONCE(fixture->wire->dev->mtu, 1420);
	wire_put(test, fixture->wire, &request);
	KUNIT_EXPECT_EQ(test, wire_get(test, fixture->wire)->len, 1420);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_FRAGMENTED_REPLIES), before);
	WRITE_ONCE(fixture->wire->dev->mtu, 1419);
	wire_put(test, fixture->wire, &request);
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_FRAGMENTED_REPLIES), before + 1);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, skb->len, 20 + 1392);
	KUNIT_EXPECT_EQ(test, ntohs(ip_hdr(skb)->frag_off), IP_MF);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, skb->len, 20 + 8);
	KUNIT_EXPECT_EQ(test, ntohs(ip_hdr(skb)->frag_off), 1392 / 8);
	KUNIT_EXPECT_TRUE(test, wire_silent(fixture->wire));
}

static const unsigned int timestamp_lens[] = { 8, 11, 12, 19, 20, 21, 100 };

static void describe_len(const unsigned int *len, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%u_bytes", *len);
}

KUNIT_ARRAY_PARAM(timestamp_lens, timestamp_lens, describe_len);

/* RFC 792: 20 bytes, whatever the request was; without an originate timestamp it was none. */
static void timestamp(struct kunit *test)
{
	const unsigned int len = *(const unsigned int *)test->param_value;
	static const u8 message[128] = { 13, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9 };
	const struct wire_packet request = { .message = message, .len = len };
	struct fixture *fixture = test->priv;
	const unsigned long errors = mib_of(ICMP_MIB_INERRORS);
	const u8 *reply;
	struct sk_buff *skb;

	if (len < 12) {
		wire_expect_silence(test, fixture->wire, &request, ICMPX_DROP_TRUNCATED);
		KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_INERRORS), errors + 1);
		return;
	}
	wire_put(test, fixture->wire, &request);
	skb = wire_get(test, fixture->wire);
	reply = skb_transport_header(skb);
	KUNIT_EXPECT_EQ(test, skb->len, 20 + 20);
	KUNIT_EXPECT_EQ(test, reply[0], 14);
	KUNIT_EXPECT_TRUE(test, checksum_right(skb));
	KUNIT_EXPECT_MEMEQ(test, reply + 4, message + 4, 8);
	KUNIT_EXPECT_MEMEQ(test, reply + 12, reply + 16, 4);
	KUNIT_EXPECT_NE(test, get_unaligned_be32(reply + 12), 0x09090900);
}

/* Linux counts every reply that a control socket sends as an echo reply. */
static void timestamp_counts_as_echo_reply(struct kunit *test)
{
	static const u8 message[20] = { 13 };
	const struct wire_packet request = { .message = message, .len = sizeof(message) };
	struct fixture *fixture = test->priv;
	const unsigned long replies = messages_of(0x100);

	wire_put(test, fixture->wire, &request);
	wire_get(test, fixture->wire);
	KUNIT_EXPECT_EQ(test, messages_of(0x100), replies + 1);
}

/* A record route option gets our address where the pointer was, and comes back. */
static void with_options(struct kunit *test)
{
	static const u8 route[] = { 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const u8 expected[] = { 7, 11, 12, 10, 0, 0, 1, 10, 0, 0, 1, 0 };
	struct fixture *fixture = test->priv;
	const struct wire_packet request = {
		.message = echo, .len = sizeof(echo), .options = route, .options_len = 12,
	};
	struct sk_buff *skb;

	wire_put(test, fixture->wire, &request);
	skb = wire_get(test, fixture->wire);
	KUNIT_EXPECT_TRUE(test, ip_hdr(skb)->ihl == 8);
	KUNIT_EXPECT_MEMEQ(test, (u8 *)(ip_hdr(skb) + 1), expected, sizeof(expected));
	KUNIT_EXPECT_TRUE(test, checksum_right(skb));
	KUNIT_EXPECT_EQ(test, skb->len, 32 + sizeof(echo));
}

/* A timestamp option with room for a time alone: where to, and that it is one. */
static void with_timestamp_option(struct kunit *test)
{
	static const u8 stamps[] = { 68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct fixture *fixture = test->priv;
	const struct wire_packet request = {
		.message = echo, .len = sizeof(echo), .options = stamps, .options_len = 12,
	};
	const u8 *option;
	struct sk_buff *skb;

	wire_put(test, fixture->wire, &request);
	skb = wire_get(test, fixture->wire);
	option = (const u8 *)(ip_hdr(skb) + 1);
	KUNIT_EXPECT_EQ(test, option[0], 68);
	KUNIT_EXPECT_EQ(test, option[1], 12);
	KUNIT_EXPECT_EQ(test, option[2], 13);
	/* The way in put its time into the first slot, the way out into the second. */
	KUNIT_EXPECT_LE(test, get_unaligned_be32(option + 8) - get_unaligned_be32(option + 4),
			10000u);
}

static int reply_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	fixture->ipv4 = &init_net.ipv4;
	fixture->broadcasts = fixture->ipv4->sysctl_icmp_echo_ignore_broadcasts;
	fixture->wire = wire_open(test);
	test->priv = fixture;
	return 0;
}

static void reply_teardown(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	if (!fixture)
		return;
	fixture->ipv4->sysctl_icmp_echo_ignore_broadcasts = fixture->broadcasts;
}

static struct kunit_case reply_cases[] = {
	KUNIT_CASE(echo_reply),
	KUNIT_CASE(echo_with_code_and_mark),
	KUNIT_CASE(echo_copied),
	KUNIT_CASE(echo_ignored),
	KUNIT_CASE(timestamp_ignored),
	KUNIT_CASE(echo_by_broadcast),
	KUNIT_CASE(identification),
	KUNIT_CASE(identification_of_another),
	KUNIT_CASE(fragmented),
	KUNIT_CASE_PARAM(timestamp, timestamp_lens_gen_params),
	KUNIT_CASE(timestamp_counts_as_echo_reply),
	KUNIT_CASE(with_options),
	KUNIT_CASE(with_timestamp_option),
	{}
};

struct kunit_suite icmpx_reply_suite = {
	.name = "icmpx_reply",
	.init = reply_setup,
	.exit = reply_teardown,
	.test_cases = reply_cases,
};
