// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ping sockets that were open before the module was loaded: they are the built-in code's,
 * in tables that are out of reach. What may be for one of them goes to the handlers that
 * had the slot of IPPROTO_ICMP before, as it came in.
 */
#include <linux/icmp.h>
#include <linux/rculist.h>
#include <net/protocol.h>
#include <net/sock.h>

#include "icmpx.h"
#include "ping/ping.h"

/* The protocol of those sockets; NULL until it is found. Written while loading alone. */
static struct proto *icmpx_builtin_prot __read_mostly;

/**
 * icmpx_builtin_find() - Find out what the sockets of the built-in family are.
 * @own: our family, which is registered, and so stands before the one that it overrides
 *
 * Another module's may stand in between. The built-in one is there as long as the kernel
 * is, so that the search ends before the list does.
 *
 * Context: process.
 */
void icmpx_builtin_find(struct inet_protosw *own)
{
	struct inet_protosw *family = own;

	rcu_read_lock();
	do {
		family = list_entry_rcu(family->list.next, struct inet_protosw, list);
	} while (family->protocol != IPPROTO_ICMP || family->prot->owner);
	WRITE_ONCE(icmpx_builtin_prot, family->prot);
	rcu_read_unlock();
}

/**
 * icmpx_builtin_may_want() - Tell whether the built-in code may have a socket for a packet.
 * @net: the namespace that it came into
 * @ix: ours of it
 *
 * The identifiers of sockets that were open before the module was loaded cannot be looked
 * up, and such a socket may get one at any time. While there are such sockets, a packet
 * for a socket of icmpx goes to the built-in code as well. (What is for none of icmpx's
 * goes there in any case.) The numbers of all CPUs are
 * added up to find that out, so it is done once a jiffy.
 *
 * Context: bottom halves disabled.
 *
 * Return: true if it may have one.
 */
bool icmpx_builtin_may_want(struct net *net, struct icmpx_net *ix)
{
	struct icmpx_counters *own = this_cpu_ptr(ix->v4.counters);
	struct proto *prot = READ_ONCE(icmpx_builtin_prot);
	const unsigned long now = jiffies;

	if (unlikely(own->builtin_asked != now)) {
		own->builtin_asked = now;
		own->builtin_ping = !prot || sock_prot_inuse_get(net, prot) > 0;
	}
	return unlikely(own->builtin_ping);
}

/**
 * icmpx_builtin_rcv() - Give a reply to the socket of the built-in code that asked, if any.
 * @ix: ours of the namespace
 * @skb: the reply, as it came in, and found right; consumed
 * @ambiguous: whether several sockets of ours could be meant
 *
 * The built-in code counts it, and says to drop monitors why it drops it.
 *
 * Context: as icmpx_rcv().
 *
 * Return: NET_RX_SUCCESS or NET_RX_DROP.
 */
int icmpx_builtin_rcv(struct icmpx_net *ix, struct sk_buff *skb, bool ambiguous)
{
	const bool taken = icmpx_builtin->handler(skb) == NET_RX_SUCCESS;
	const enum icmpx_stat dropped = ambiguous ? ICMPX_DROP_AMBIGUOUS : ICMPX_DROP_NO_SOCKET;

	__icmpx_count(&ix->v4, taken ? ICMPX_DELIVER_PING_BUILTIN : dropped);
	return taken ? NET_RX_SUCCESS : NET_RX_DROP;
}
