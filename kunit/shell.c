// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ping sockets for tests.
 */
#include <linux/net.h>
#include <net/ping.h>

#include "ping/ping.h"
#include "shell.h"

struct group_range {
	kgid_t range[2];
};

static void set_group_range(const struct group_range *groups)
{
	write_seqlock(&init_net.ipv4.ping_group_range.lock);
	memcpy(init_net.ipv4.ping_group_range.range, groups->range, sizeof(groups->range));
	write_sequnlock(&init_net.ipv4.ping_group_range.lock);
}

static void restore_group_range(void *groups)
{
	set_group_range(groups);
}

void allow_ping_sockets(struct kunit *test)
{
	const struct group_range all = { { KGIDT_INIT(0), KGIDT_INIT(GID_T_MAX) } };
	struct group_range *before = kunit_kzalloc(test, sizeof(*before), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, before);
	icmpx_group_range(&init_net, before->range);
	set_group_range(&all);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_group_range, before), 0);
}

static void release_socket(void *sock)
{
	sock_release(sock);
}

struct socket *ping_socket(struct kunit *test)
{
	struct socket *sock = NULL;

	allow_ping_sockets(test);
	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, IPPROTO_ICMP, &sock),
			0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, release_socket, sock), 0);
	KUNIT_ASSERT_PTR_EQ(test, sock->sk->sk_prot, &icmpx_ping_prot);
	return sock;
}
