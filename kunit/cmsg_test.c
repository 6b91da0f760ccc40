// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control messages of sendmsg(): each one, with lengths and values around
 * those that are right.
 */
#include <linux/errqueue.h>
#include <linux/net.h>
#include <linux/slab.h>

#include "ping/internal.h"
#include "shell.h"

struct fixture {
	struct socket *sock;
	struct ipcm_cookie ipc;
};

/* Gives icmpx_cmsg_send() @count bytes of control messages. */
static int send_control(struct fixture *fixture, void *control, size_t count)
{
	struct msghdr msg = { .msg_control = control, .msg_controllen = count };

	return icmpx_cmsg_send(fixture->sock->sk, &msg, &fixture->ipc);
}

/* The same for one message of @len bytes of data. */
static int send_one(struct fixture *fixture, int level, int type, const void *data, size_t len)
{
	u8 control[CMSG_SPACE(64)] __aligned(8) = {};
	struct cmsghdr *cmsg = (struct cmsghdr *)control;

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	return send_control(fixture, control, CMSG_SPACE(len));
}

/* A message that carries an int, or the first bytes of one. */
struct int_row {
	const char *name;
	int type;
	int value;
	u8 len;
	int err;
};

static const struct int_row ints[] = {
	{ "ttl_0", IP_TTL, 0, 4, -EINVAL },
	{ "ttl_1", IP_TTL, 1, 4, 0 },
	{ "ttl_255", IP_TTL, 255, 4, 0 },
	{ "ttl_256", IP_TTL, 256, 4, -EINVAL },
	{ "ttl_negative", IP_TTL, -1, 4, -EINVAL },
	{ "ttl_of_a_byte", IP_TTL, 7, 1, -EINVAL },
	{ "ttl_of_3_bytes", IP_TTL, 7, 3, -EINVAL },
	{ "ttl_of_5_bytes", IP_TTL, 7, 5, -EINVAL },
	{ "tos_0", IP_TOS, 0, 4, 0 },
	{ "tos_255", IP_TOS, 255, 4, 0 },
	{ "tos_256", IP_TOS, 256, 4, -EINVAL },
	{ "tos_negative", IP_TOS, -1, 4, -EINVAL },
	{ "tos_of_a_byte", IP_TOS, 0x10, 1, 0 },
	{ "tos_of_a_high_byte", IP_TOS, 0xff, 1, 0 },
	{ "tos_of_nothing", IP_TOS, 0, 0, -EINVAL },
	{ "tos_of_2_bytes", IP_TOS, 0x10, 2, -EINVAL },
	{ "tos_of_5_bytes", IP_TOS, 0x10, 5, -EINVAL },
	{ "protocol_0", IP_PROTOCOL, 0, 4, -EINVAL },
	{ "protocol_1", IP_PROTOCOL, 1, 4, 0 },
	{ "protocol_255", IP_PROTOCOL, 255, 4, 0 },
	{ "protocol_256", IP_PROTOCOL, 256, 4, -EINVAL },
	{ "protocol_of_a_byte", IP_PROTOCOL, 1, 1, -EINVAL },
	{ "unknown", IP_MTU, 1, 4, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(ints, ints, name);

static void int_message(struct kunit *test)
{
	const struct int_row *row = test->param_value;
	struct fixture *fixture = test->priv;
	const struct ipcm_cookie before = fixture->ipc;
	u8 data[8] = {};

	memcpy(data, &row->value, sizeof(row->value));
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, row->type, data, row->len), row->err);
	KUNIT_EXPECT_EQ(test, fixture->ipc.ttl,
			!row->err && row->type == IP_TTL ? row->value : before.ttl);
	KUNIT_EXPECT_EQ(test, fixture->ipc.tos,
			!row->err && row->type == IP_TOS ? row->value : before.tos);
}

/* Two classes of traffic that a TOS is one of: bulk is 2, interactive 6. */
static void tos_sets_priority(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int tos = IPTOS_THROUGHPUT;

	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, IP_TOS, &tos, sizeof(tos)), 0);
	KUNIT_EXPECT_EQ(test, (int)fixture->ipc.priority, 2);
	tos = IPTOS_LOWDELAY;
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, IP_TOS, &tos, sizeof(tos)), 0);
	KUNIT_EXPECT_EQ(test, (int)fixture->ipc.priority, 6);
}

static void pktinfo(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct in_pktinfo info = {
		.ipi_ifindex = 7,
		.ipi_spec_dst.s_addr = htonl(0x0a000001),
		.ipi_addr.s_addr = htonl(0x0a000002),
	};
	u8 longer[sizeof(info) + 1] = {};

	memcpy(longer, &info, sizeof(info));
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, IP_PKTINFO, longer, sizeof(info) - 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, IP_PKTINFO, longer, sizeof(longer)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, fixture->ipc.oif, 0);
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, IP_PKTINFO, &info, sizeof(info)), 0);
	KUNIT_EXPECT_EQ(test, fixture->ipc.oif, 7);
	KUNIT_EXPECT_EQ(test, ntohl(fixture->ipc.addr), 0x0a000001);
	/* Without an interface the socket's own one stays. */
	info.ipi_ifindex = 0;
	info.ipi_spec_dst.s_addr = 0;
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, IP_PKTINFO, &info, sizeof(info)), 0);
	KUNIT_EXPECT_EQ(test, fixture->ipc.oif, 7);
	KUNIT_EXPECT_EQ(test, ntohl(fixture->ipc.addr), 0);
}

/* Record route with room for one, and its length; the rest of a word is padding. */
static void options(struct kunit *test)
{
	static const u8 route[] = { 7, 7, 4, 0, 0, 0, 0 };
	static const u8 compiled[] = { 7, 7, 8, 0, 0, 0, 0, 0 };
	struct fixture *fixture = test->priv;
	const struct ip_options *opt;

	KUNIT_ASSERT_EQ(test, send_one(fixture, SOL_IP, IP_RETOPTS, route, sizeof(route)), 0);
	KUNIT_ASSERT_NOT_NULL(test, fixture->ipc.opt);
	opt = &fixture->ipc.opt->opt;
	KUNIT_EXPECT_EQ(test, opt->optlen, 8);
	KUNIT_EXPECT_EQ(test, opt->rr, 20);
	/* This host's slot is taken. */
	KUNIT_EXPECT_MEMEQ(test, opt->__data, compiled, sizeof(compiled));
	KUNIT_EXPECT_TRUE(test, opt->rr_needaddr);
	/* The last one counts, and the one before is freed. */
	KUNIT_ASSERT_EQ(test, send_one(fixture, SOL_IP, IP_RETOPTS, route, 0), 0);
	KUNIT_ASSERT_NOT_NULL(test, fixture->ipc.opt);
	KUNIT_EXPECT_EQ(test, fixture->ipc.opt->opt.optlen, 0);
}

/* What is malformed leaves what was there. */
static void options_malformed(struct kunit *test)
{
	static const u8 longer_than_it_is[] = { 7, 40, 4, 0 };
	static const u8 nothing[64] = { [0 ... 39] = 1, [40] = 7, 60 };
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, IP_RETOPTS, longer_than_it_is, 4), -EINVAL);
	KUNIT_EXPECT_NULL(test, fixture->ipc.opt);
	/* More than 40 bytes are not looked at. */
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IP, IP_RETOPTS, nothing, 64), 0);
	KUNIT_ASSERT_NOT_NULL(test, fixture->ipc.opt);
	KUNIT_EXPECT_EQ(test, fixture->ipc.opt->opt.optlen, 40);
}

/* Who loads modules may send source routes. */
static void options_source_route(struct kunit *test)
{
	static const u8 route[] = { 131, 7, 4, 10, 0, 0, 9, 0 };
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, send_one(fixture, SOL_IP, IP_RETOPTS, route, sizeof(route)), 0);
	KUNIT_EXPECT_EQ(test, fixture->ipc.opt->opt.srr, 20);
	KUNIT_EXPECT_EQ(test, ntohl(fixture->ipc.opt->opt.faddr), 0x0a000009);
}

static void socket_level(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u32 mark = 0x1234;

	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	KUNIT_EXPECT_EQ(test, fixture->ipc.sockc.mark, mark);
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_SOCKET, SO_MARK, &mark, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_SOCKET, SO_LINGER, &mark, 4), -EINVAL);
}

/* Messages of other levels are somebody else's. */
static void other_levels(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int ttl = 9;

	KUNIT_EXPECT_EQ(test, send_one(fixture, SOL_IPV6, IP_TTL, &ttl, sizeof(ttl)), 0);
	KUNIT_EXPECT_EQ(test, fixture->ipc.ttl, 0);
}

/* Two in a row: both count, unless the first is wrong. */
static void in_a_row(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u8 control[2 * CMSG_SPACE(4)] __aligned(8) = {};
	struct cmsghdr *first = (struct cmsghdr *)control;
	struct cmsghdr *second = (struct cmsghdr *)(control + CMSG_SPACE(4));

	*first = (struct cmsghdr){ CMSG_LEN(4), SOL_IP, IP_TTL };
	*second = (struct cmsghdr){ CMSG_LEN(4), SOL_IP, IP_TOS };
	*(int *)CMSG_DATA(first) = 9;
	*(int *)CMSG_DATA(second) = 8;
	KUNIT_EXPECT_EQ(test, send_control(fixture, control, sizeof(control)), 0);
	KUNIT_EXPECT_EQ(test, fixture->ipc.ttl, 9);
	KUNIT_EXPECT_EQ(test, fixture->ipc.tos, 8);
	*(int *)CMSG_DATA(first) = 0;
	*(int *)CMSG_DATA(second) = 16;
	KUNIT_EXPECT_EQ(test, send_control(fixture, control, sizeof(control)), -EINVAL);
	KUNIT_EXPECT_EQ(test, fixture->ipc.tos, 8);
}

/* A message that says that it is longer than the buffer, or shorter than its header. */
static void lying_lengths(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u8 control[CMSG_SPACE(4)] __aligned(8) = {};
	struct cmsghdr *cmsg = (struct cmsghdr *)control;

	*cmsg = (struct cmsghdr){ sizeof(control) + 1, SOL_IP, IP_TTL };
	KUNIT_EXPECT_EQ(test, send_control(fixture, control, sizeof(control)), -EINVAL);
	cmsg->cmsg_len = sizeof(*cmsg) - 1;
	KUNIT_EXPECT_EQ(test, send_control(fixture, control, sizeof(control)), -EINVAL);
	/* What is no header at all is not looked at. */
	KUNIT_EXPECT_EQ(test, send_control(fixture, control, sizeof(*cmsg) - 1), 0);
	KUNIT_EXPECT_EQ(test, send_control(fixture, control, 0), 0);
}

static int cmsg_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	test->priv = fixture;
	fixture->ipc.tos = -1;
	fixture->sock = ping_socket(test);
	return 0;
}

static void cmsg_teardown(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	kfree(fixture->ipc.opt);
}

static struct kunit_case cmsg_cases[] = {
	KUNIT_CASE_PARAM(int_message, ints_gen_params),
	KUNIT_CASE(tos_sets_priority),
	KUNIT_CASE(pktinfo),
	KUNIT_CASE(options),
	KUNIT_CASE(options_malformed),
	KUNIT_CASE(options_source_route),
	KUNIT_CASE(socket_level),
	KUNIT_CASE(other_levels),
	KUNIT_CASE(in_a_row),
	KUNIT_CASE(lying_lengths),
	{}
};

struct kunit_suite icmpx_cmsg_suite = {
	.name = "icmpx_cmsg",
	.init = cmsg_setup,
	.exit = cmsg_teardown,
	.test_cases = cmsg_cases,
};
