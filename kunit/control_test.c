// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control sockets: what they bound, and what they bound apart from each other.
 */
#include "out/control.h"
#include "wire.h"

/* An echo request of identifier 0x1234, sequence number 7, and data. */
static const u8 echo[] = { 8, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
static const struct wire_packet request = { .message = echo, .len = sizeof(echo) };

/* The socket of what leaves by @dev, of this CPU. */
static struct sock *control_of(enum icmpx_kind kind, const struct net_device *dev)
{
	struct sock *sk;

	local_bh_disable();
	sk = icmpx_send_begin() ? icmpx_control(&init_net, &ours()->v4, kind, dev) : NULL;
	icmpx_send_end();
	local_bh_enable();
	return sk;
}

/* Takes from the sockets of replies, on each CPU, all room but @left bytes. */
static void leave_room(const struct net_device *dev, int left)
{
	const unsigned int way = dev->ifindex % ICMPX_WAYS;
	struct sock *sk;
	int cpu;

	for_each_possible_cpu(cpu) {
		sk = per_cpu_ptr(ours()->v4.control, cpu)->sk[ICMPX_REPLIES][way];
		if (sk)
			sk->sk_sndbuf = left;
	}
}

static void sockets_are_clones_of_the_model(struct kunit *test)
{
	struct wire *wire = test->priv;
	struct sock *sk;
	int kind;

	wire_put(test, wire, &request);
	wire_get(test, wire);
	for (kind = 0; kind < ICMPX_KINDS; kind++) {
		sk = control_of(kind, wire->dev);
		KUNIT_ASSERT_NOT_NULL(test, sk);
		KUNIT_EXPECT_EQ(test, sk->sk_sndbuf, 8 * SKB_TRUESIZE(64 * 1024));
		KUNIT_EXPECT_PTR_EQ(test, sock_net(sk), &init_net);
		KUNIT_EXPECT_TRUE(test, sock_flag(sk, SOCK_USE_WRITE_QUEUE));
		KUNIT_EXPECT_TRUE(test, sock_flag(sk, SOCK_DEAD));
		/* No packet is left that is charged to it. */
		KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_wmem_alloc), 1);
		KUNIT_EXPECT_EQ(test, refcount_read(&sk->sk_refcnt), 1);
	}
}

/* A socket holds itself with one byte: with a send buffer of one it has no room, of two it has. */
static void replies_have_a_bound(struct kunit *test)
{
	const unsigned long errors = mib_of(ICMP_MIB_OUTERRORS);
	struct wire *wire = test->priv;

	wire_put(test, wire, &request);
	wire_get(test, wire);
	leave_room(wire->dev, 1);
	wire_expect_silence(test, wire, &request, ICMPX_DROP_NO_BUFFER);
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_OUTERRORS), errors + 1);
	leave_room(wire->dev, 2);
	wire_put(test, wire, &request);
	wire_get(test, wire);
	leave_room(wire->dev, 8 * SKB_TRUESIZE(64 * 1024));
}

static void kinds_are_apart(struct kunit *test)
{
	const struct wire *wire = test->priv;

	KUNIT_EXPECT_PTR_NE(test, control_of(ICMPX_REPLIES, wire->dev),
			    control_of(ICMPX_ERRORS, wire->dev));
}

/* Devices whose indexes follow each other. */
static void devices_are_apart(struct kunit *test)
{
	struct net_device *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);
	struct sock *sk[ICMPX_WAYS + 1];
	unsigned int i, j;

	KUNIT_ASSERT_NOT_NULL(test, dev);
	for (i = 0; i < ARRAY_SIZE(sk); i++) {
		dev->ifindex = i + 1;
		sk[i] = control_of(ICMPX_REPLIES, dev);
		KUNIT_ASSERT_NOT_NULL(test, sk[i]);
		for (j = 0; j < i && j < ICMPX_WAYS; j++)
			KUNIT_EXPECT_EQ(test, sk[i] == sk[j], i == ICMPX_WAYS && !j);
	}
}

static int control_setup(struct kunit *test)
{
	test->priv = wire_open(test);
	return 0;
}

static struct kunit_case control_cases[] = {
	KUNIT_CASE(sockets_are_clones_of_the_model),
	KUNIT_CASE(replies_have_a_bound),
	KUNIT_CASE(kinds_are_apart),
	KUNIT_CASE(devices_are_apart),
	{}
};

struct kunit_suite icmpx_control_suite = {
	.name = "icmpx_control",
	.init = control_setup,
	.test_cases = control_cases,
};
