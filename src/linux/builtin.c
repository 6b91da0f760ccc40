// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ping sockets that were open before the module was loaded. They are in tables of the
 * built-in code that no module can search. A packet that may be for one of them goes
 * unchanged to the handlers that had the slot of IPPROTO_ICMP or IPPROTO_ICMPV6 before.
 */
#include <linux/icmp.h>
#include <linux/rculist.h>
#include <net/protocol.h>
#include <net/sock.h>
#include <net/transp_v6.h>

#include "icmpx.h"
#include "tracing.h"
#include "ping/ping.h"

/* The struct proto of those of IPv4; NULL until it is found. Written only on loading. */
static struct proto *icmpx_builtin_prot __read_mostly;

/**
 * icmpx_builtin_find() - Find the struct proto of the built-in family of ping sockets.
 * @own: the family of icmpx, which is registered: it precedes the family that it overrides
 *
 * The family of another module may be in between. The built-in family is never unregistered,
 * so the search ends before the list does.
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

/* The same of the sockets of a family in a namespace. */
static struct proto *icmpx_builtin_prot_of(const struct icmpx_net *ix,
					   const struct icmpx_family *family)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (family == &ix->v6)
		return &pingv6_prot;
#endif
	return READ_ONCE(icmpx_builtin_prot);
}

/**
 * icmpx_builtin_may_want() - Tell whether the built-in code may have a socket for a packet.
 * @net: the namespace that the packet came into
 * @family: icmpx's state of the packet's address family in @net
 *
 * The identifiers of sockets that were open before the module was loaded cannot be looked
 * up, and such a socket may get one at any time. While there are such sockets, a packet
 * for a socket of icmpx goes to the built-in code as well. (A packet for no socket of icmpx
 * goes there in any case.) The number of such sockets is a sum over all CPUs, so each CPU
 * computes it at most once a jiffy.
 *
 * Context: bottom halves disabled.
 *
 * Return: true if the built-in code may have one.
 */
bool icmpx_builtin_may_want(struct net *net, const struct icmpx_family *family)
{
	struct icmpx_counters *own = this_cpu_ptr(family->counters);
	const unsigned long now = jiffies;

	if (unlikely(own->builtin_asked != now)) {
		struct proto *prot = icmpx_builtin_prot_of(icmpx_net_rcu(net), family);

		/* In this order: PREEMPT_RT may run another task here between the two. */
		own->builtin_ping = !prot || sock_prot_inuse_get(net, prot) > 0;
		barrier();
		own->builtin_asked = now;
	}
	return unlikely(own->builtin_ping);
}

/**
 * icmpx_builtin_rcv() - Give a reply to the built-in code, which may have a socket for it.
 * @ix: icmpx's state of the namespace
 * @skb: the reply, unchanged since it came in, with a right checksum; consumed
 * @ambiguous: whether several sockets of icmpx could be meant
 *
 * The built-in code counts the reply. If it drops the reply, it tells drop monitors the
 * reason.
 *
 * Context: as icmpx_rcv().
 *
 * Return: NET_RX_SUCCESS or NET_RX_DROP.
 */
int icmpx_builtin_rcv(struct icmpx_net *ix, struct sk_buff *skb, bool ambiguous)
{
	enum icmpx_stat outcome = ICMPX_DELIVER_PING_BUILTIN;
	const bool traced = icmpx_is_tracing();
	struct icmpx_traced reply;
	int status;

	if (traced)
		icmpx_trace_note(&reply, skb, skb_transport_offset(skb));
	status = icmpx_builtin->handler(skb);
	if (status != NET_RX_SUCCESS)
		outcome = ambiguous ? ICMPX_DROP_AMBIGUOUS : ICMPX_DROP_NO_SOCKET;
	__icmpx_count(&ix->v4, outcome);
	if (traced)
		icmpx_trace_noted(&reply, outcome);
	return status == NET_RX_SUCCESS ? NET_RX_SUCCESS : NET_RX_DROP;
}
