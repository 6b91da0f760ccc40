// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that get no answer: limits, and what else is in a reply's way.
 */
#include <net/sock.h>

#include "limit/limit.h"
#include "out/control.h"
#include "wire.h"

static const u8 echo[] = { 8, 0, 0, 0, 0x12, 0x34, 0, 7, 1 };

struct fixture {
	struct wire *wire;
	struct netns_ipv4 *ipv4;
	int ratemask;
};

static void limit_for_a_prefix(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = { .message = echo, .len = sizeof(echo) };
	static const u8 message[20] = { 13 };
	const struct wire_packet other = { .message = message, .len = sizeof(message) };
	struct icmpx_net *ix = ours();

	mutex_lock(&ix->v4.limit.lock);
	KUNIT_EXPECT_EQ(test, icmpx_prefix_limit_set(&ix->v4.limit, 1, 1), 0);
	mutex_unlock(&ix->v4.limit.lock);
	wire_put(test, fixture->wire, &request);
	wire_get(test, fixture->wire);
	wire_expect_silence(test, fixture->wire, &request, ICMPX_LIMIT_PREFIX);
	/* It is about echo replies alone. */
	wire_put(test, fixture->wire, &other);
	wire_get(test, fixture->wire);
	mutex_lock(&ix->v4.limit.lock);
	icmpx_prefix_limit_set(&ix->v4.limit, 0, 50);
	mutex_unlock(&ix->v4.limit.lock);
}

/* The global limit, of types in the mask alone. */
static void limit_global(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = { .message = echo, .len = sizeof(echo) };
	const int per_sec = fixture->ipv4->sysctl_icmp_msgs_per_sec;

	atomic_set(&fixture->ipv4->icmp_global_credit, 0);
	fixture->ipv4->sysctl_icmp_msgs_per_sec = 0;
	wire_put(test, fixture->wire, &request);
	wire_get(test, fixture->wire);
	fixture->ipv4->sysctl_icmp_ratemask = 1;
	wire_expect_silence(test, fixture->wire, &request, ICMPX_LIMIT_GLOBAL);
	fixture->ipv4->sysctl_icmp_msgs_per_sec = per_sec;
}

/* The limit for each host: a burst of 6 messages, each worth a tenth of a second here. */
static void limit_for_a_host(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = {
		.message = echo, .len = sizeof(echo), .source = 0x0a030405,
	};
	const struct wire_packet another = {
		.message = echo, .len = sizeof(echo), .source = 0x0a030406,
	};
	const int ratelimit = fixture->ipv4->sysctl_icmp_ratelimit;
	unsigned int i;

	fixture->ipv4->sysctl_icmp_ratemask = 1;
	fixture->ipv4->sysctl_icmp_ratelimit = 10 * HZ;
	atomic_set(&fixture->ipv4->icmp_global_credit, 1000);
	for (i = 0; i < 6; i++) {
		wire_put(test, fixture->wire, &request);
		wire_get(test, fixture->wire);
	}
	wire_expect_silence(test, fixture->wire, &request, ICMPX_LIMIT_HOST);
	wire_put(test, fixture->wire, &another);
	wire_get(test, fixture->wire);
	fixture->ipv4->sysctl_icmp_ratelimit = ratelimit;
}

/* A CPU that is sending already is not made to send another reply by what its way out brings in. */
static void cpu_busy(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = { .message = echo, .len = sizeof(echo) };
	struct sk_buff *skb = wire_make(test, fixture->wire, &request);
	const u64 before = stat_of(ICMPX_DROP_BUSY);

	local_bh_disable();
	KUNIT_EXPECT_TRUE(test, icmpx_send_begin());
	KUNIT_EXPECT_FALSE(test, icmpx_send_begin());
	netif_receive_skb(skb);
	icmpx_send_end();
	local_bh_enable();
	KUNIT_EXPECT_TRUE(test, wire_silent(fixture->wire));
	KUNIT_EXPECT_EQ(test, stat_of(ICMPX_DROP_BUSY), before + 1);
	wire_put(test, fixture->wire, &request);
	wire_get(test, fixture->wire);
}

static void no_route_back(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct wire_packet request = {
		.message = echo, .len = sizeof(echo), .source = 0xc0a80101,
	};

	wire_expect_silence(test, fixture->wire, &request, ICMPX_DROP_NO_ROUTE);
}

static int reply_limit_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	fixture->ipv4 = &init_net.ipv4;
	fixture->ratemask = fixture->ipv4->sysctl_icmp_ratemask;
	fixture->wire = wire_open(test);
	test->priv = fixture;
	return 0;
}

static void reply_limit_teardown(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	if (fixture)
		fixture->ipv4->sysctl_icmp_ratemask = fixture->ratemask;
}

static struct kunit_case reply_limit_cases[] = {
	KUNIT_CASE(limit_for_a_prefix),
	KUNIT_CASE(limit_global),
	KUNIT_CASE(limit_for_a_host),
	KUNIT_CASE(cpu_busy),
	KUNIT_CASE(no_route_back),
	{}
};

struct kunit_suite icmpx_reply_limit_suite = {
	.name = "icmpx_reply_limit",
	.init = reply_limit_setup,
	.exit = reply_limit_teardown,
	.test_cases = reply_limit_cases,
};
