// SPDX-License-Identifier: GPL-2.0-only
/*
 * PROBE: the interface that a query asks for, and how it is; and its name.
 */
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <linux/unaligned.h>

#include "send/send.h"
#include "wire.h"

/* A query: header with the L bit, extension header, object of so many bytes of identity. */
struct query {
	u8 bytes[64];
	unsigned int len;
};

static struct query query_by(u8 ctype, const void *identity, u8 len)
{
	struct query query = {
		.bytes = { 42, 0, 0, 0, 1, 2, 3, 1, 0x20, 0, 0, 0, 0, 4 + len, 3, ctype },
		.len = 16 + len,
	};

	memcpy(query.bytes + 16, identity, len);
	return query;
}

/* The answer's code and status. */
static void expect_answer(struct kunit *test, const struct query *query, u8 code, u8 status)
{
	const struct wire_packet packet = { .message = query->bytes, .len = query->len };
	struct sk_buff *skb;
	const u8 *reply;

	wire_put(test, test->priv, &packet);
	skb = wire_get(test, test->priv);
	reply = skb_transport_header(skb);
	KUNIT_EXPECT_EQ(test, reply[0], 43);
	KUNIT_EXPECT_EQ(test, reply[1], code);
	KUNIT_EXPECT_EQ(test, reply[7], status);
	KUNIT_EXPECT_EQ(test, ip_compute_csum(reply, query->len), 0);
	KUNIT_EXPECT_EQ(test, skb->len, 20 + query->len);
	KUNIT_EXPECT_MEMEQ(test, reply + 8, query->bytes + 8, query->len - 8);
}

static void expect_found(struct kunit *test, u8 ctype, const void *identity, u8 len)
{
	const struct query query = query_by(ctype, identity, len);

	expect_answer(test, &query, ICMPX_PROBE_FOUND, ICMPX_PROBE_ACTIVE | ICMPX_PROBE_HAS_IPV4);
}

static void expect_none(struct kunit *test, u8 ctype, const void *identity, u8 len)
{
	const struct query query = query_by(ctype, identity, len);

	expect_answer(test, &query, ICMPX_PROBE_NO_SUCH_IF, 0);
}

static struct net_device *dev_of(struct kunit *test)
{
	return ((struct wire *)test->priv)->dev;
}

static void by_name(struct kunit *test)
{
	const char *name = dev_of(test)->name;

	expect_found(test, 1, name, strlen(name));
	expect_found(test, 1, name, strlen(name) + 1);
	expect_none(test, 1, name, strlen(name) - 1);
	expect_none(test, 1, "nobody", 6);
}

static void by_index(struct kunit *test)
{
	__be32 index = htonl(dev_of(test)->ifindex);

	expect_found(test, 2, &index, 4);
	index = htonl(dev_of(test)->ifindex + 1);
	expect_none(test, 2, &index, 4);
	index = 0;
	expect_none(test, 2, &index, 4);
}

static void by_address(struct kunit *test)
{
	static const u8 ours[] = { 0, 1, 4, 0, 10, 0, 0, 1 };
	static const u8 another[] = { 0, 1, 4, 0, 10, 0, 0, 2 };

	expect_found(test, 3, ours, sizeof(ours));
	expect_none(test, 3, another, sizeof(another));
}

/* 127.0.0.1 and ::1. */
static void of_both_families(struct kunit *test)
{
	const struct query query = query_by(1, "lo", 2);

	expect_answer(test, &query, ICMPX_PROBE_FOUND,
		      ICMPX_PROBE_ACTIVE | ICMPX_PROBE_HAS_IPV4 | ICMPX_PROBE_HAS_IPV6);
}

static void by_ipv6_address(struct kunit *test)
{
	static const u8 nobodys[20] = { 0, 2, 16, 0, 0x20, 1, 0xd, 0xb8 };

	expect_none(test, 3, nobodys, sizeof(nobodys));
}

static void malformed(struct kunit *test)
{
	struct query query = query_by(1, "abcdefghijklmnopq", 16);

	expect_answer(test, &query, ICMPX_PROBE_BAD_QUERY, 0);
	query = query_by(9, "lo", 2);
	expect_answer(test, &query, ICMPX_PROBE_BAD_QUERY, 0);
	/* Nothing but a header. */
	query.len = 8;
	expect_answer(test, &query, ICMPX_PROBE_BAD_QUERY, 0);
}

static const struct net_device_ops no_ops = {};

/* Down, too. */
static void without_addresses(struct kunit *test)
{
	struct net_device *dev = alloc_etherdev(0);
	struct query query;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, dev);
	dev->netdev_ops = &no_ops;
	eth_hw_addr_random(dev);
	strscpy(dev->name, "kunit-down", IFNAMSIZ);
	err = register_netdev(dev);
	if (!err) {
		query = query_by(1, dev->name, strlen(dev->name));
		/* IPv6 knows it, and has no address for it. */
		expect_answer(test, &query, ICMPX_PROBE_FOUND, 0);
		unregister_netdev(dev);
	}
	free_netdev(dev);
	KUNIT_EXPECT_EQ(test, err, 0);
}

static void ignored(struct kunit *test)
{
	const struct query query = query_by(1, "lo", 2);
	const struct wire_packet packet = { .message = query.bytes, .len = query.len };

	init_net.ipv4.sysctl_icmp_echo_ignore_all = 1;
	wire_expect_silence(test, test->priv, &packet, ICMPX_IGNORE_ECHO);
	init_net.ipv4.sysctl_icmp_echo_ignore_all = 0;
	init_net.ipv4.sysctl_icmp_echo_enable_probe = 0;
	wire_expect_silence(test, test->priv, &packet, ICMPX_IGNORE_PROBE);
}

static bool has_name(struct kunit *test, const char *expected)
{
	char name[IFNAMSIZ] = "left from before";
	bool known;

	rcu_read_lock();
	known = icmpx_device_name(&init_net, dev_of(test), name);
	rcu_read_unlock();
	KUNIT_EXPECT_STREQ(test, name, expected);
	return known;
}

/* What is written there is not a name yet, nor any more, unless Linux finds the device by it. */
static void renamed(struct kunit *test)
{
	struct net_device *dev = dev_of(test);
	char before[IFNAMSIZ];

	strscpy(before, dev->name, sizeof(before));
	KUNIT_EXPECT_TRUE(test, has_name(test, before));
	strscpy(dev->name, "in the midst", IFNAMSIZ);
	KUNIT_EXPECT_FALSE(test, has_name(test, ""));
	/* That of another device, too. */
	strscpy(dev->name, "lo", IFNAMSIZ);
	KUNIT_EXPECT_FALSE(test, has_name(test, ""));
	strscpy(dev->name, before, IFNAMSIZ);
	KUNIT_EXPECT_TRUE(test, has_name(test, before));
}

static int interface_setup(struct kunit *test)
{
	test->priv = wire_open(test);
	init_net.ipv4.sysctl_icmp_echo_enable_probe = 1;
	return 0;
}

static void interface_teardown(struct kunit *test)
{
	init_net.ipv4.sysctl_icmp_echo_enable_probe = 0;
}

static struct kunit_case interface_cases[] = {
	KUNIT_CASE(by_name),
	KUNIT_CASE(by_index),
	KUNIT_CASE(by_address),
	KUNIT_CASE(of_both_families),
	KUNIT_CASE(by_ipv6_address),
	KUNIT_CASE(malformed),
	KUNIT_CASE(without_addresses),
	KUNIT_CASE(ignored),
	KUNIT_CASE(renamed),
	{}
};

struct kunit_suite icmpx_interface_suite = {
	.name = "icmpx_interface",
	.init = interface_setup,
	.exit = interface_teardown,
	.test_cases = interface_cases,
};
