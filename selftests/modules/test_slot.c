// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes the kernel's ICMP slot, as icmpx does, and hands every packet on to
 * whoever had the slot before.
 */
#include <linux/module.h>
#include <net/protocol.h>

static const struct net_protocol *below;

static int test_slot_rcv(struct sk_buff *skb)
{
	return READ_ONCE(below)->handler(skb);
}

static int test_slot_err(struct sk_buff *skb, u32 info)
{
	return READ_ONCE(below)->err_handler(skb, info);
}

static const struct net_protocol test_slot = {
	.handler = test_slot_rcv,
	.err_handler = test_slot_err,
	.no_policy = 1,
};

static const struct net_protocol **slot(void)
{
	return (const struct net_protocol **)&inet_protos[IPPROTO_ICMP];
}

static int __init test_slot_init(void)
{
	below = READ_ONCE(*slot());
	if (!below || cmpxchg(slot(), below, &test_slot) != below)
		return -EBUSY;
	return 0;
}

static void __exit test_slot_exit(void)
{
	if (cmpxchg(slot(), &test_slot, below) != &test_slot)
		pr_err("test_slot: somebody else has the slot\n");
	synchronize_net();
}

module_init(test_slot_init);
module_exit(test_slot_exit);
MODULE_DESCRIPTION("Holds the ICMP slot, for icmpx's tests");
MODULE_LICENSE("GPL");
