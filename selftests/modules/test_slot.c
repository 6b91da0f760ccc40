// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes the kernel's slot of ICMP, or with family=6 that of ICMPv6, as icmpx does, and hands
 * every packet on to the entry that had the slot before.
 */
#include <linux/module.h>
#include <net/protocol.h>

static int family = 4;
module_param(family, int, 0444);
MODULE_PARM_DESC(family, "4: the slot of ICMP (default); 6: that of ICMPv6");

static const struct net_protocol *below;
static const struct inet6_protocol *below6;

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

static int test_slot_rcv6(struct sk_buff *skb)
{
	return READ_ONCE(below6)->handler(skb);
}

static int test_slot_err6(struct sk_buff *skb, struct inet6_skb_parm *parm, u8 type, u8 code,
			  int offset, __be32 info)
{
	return READ_ONCE(below6)->err_handler(skb, parm, type, code, offset, info);
}

static const struct inet6_protocol test_slot6 = {
	.handler = test_slot_rcv6,
	.err_handler = test_slot_err6,
	.flags = INET6_PROTO_NOPOLICY | INET6_PROTO_FINAL,
};

static const struct net_protocol **slot(void)
{
	return (const struct net_protocol **)&inet_protos[IPPROTO_ICMP];
}

static const struct inet6_protocol **slot6(void)
{
	return (const struct inet6_protocol **)&inet6_protos[IPPROTO_ICMPV6];
}

static int __init test_slot_init(void)
{
	if (family == 6) {
		below6 = READ_ONCE(*slot6());
		return below6 && cmpxchg(slot6(), below6, &test_slot6) == below6 ? 0 : -EBUSY;
	}
	below = READ_ONCE(*slot());
	if (!below || cmpxchg(slot(), below, &test_slot) != below)
		return -EBUSY;
	return 0;
}

static void __exit test_slot_exit(void)
{
	const bool restored = family == 6 ? cmpxchg(slot6(), &test_slot6, below6) == &test_slot6 :
					    cmpxchg(slot(), &test_slot, below) == &test_slot;

	if (!restored)
		pr_err("test_slot: somebody else has the slot\n");
	synchronize_net();
}

module_init(test_slot_init);
module_exit(test_slot_exit);
MODULE_DESCRIPTION("Holds the ICMP slot, for icmpx's tests");
MODULE_LICENSE("GPL");
