// SPDX-License-Identifier: GPL-2.0-only
/*
 * The route of a socket learns from errors: a path MTU (RFC 1191), or a better gateway
 * (RFC 1122, 3.2.2.2). For kernels that export neither ipv4_sk_update_pmtu() nor
 * ipv4_sk_redirect().
 */
#include <net/ip.h>
#include <net/route.h>
#include <net/sock.h>
#include <net/xfrm.h>

#include "error/error.h"

static u8 icmpx_protocol(const struct sock *sk)
{
	return icmpx_sk_hdrincl(sk) ? IPPROTO_RAW : sk->sk_protocol;
}

/* The flow of the socket's datagram, with the addresses that the error quotes. */
static void icmpx_quoted_flow(const struct sk_buff *skb, struct sock *sk, struct flowi4 *fl4)
{
	const struct iphdr *iph = (const struct iphdr *)skb->data;

	flowi4_init_output(fl4, READ_ONCE(sk->sk_bound_dev_if), READ_ONCE(sk->sk_mark),
			   ip_sock_rt_tos(sk), ip_sock_rt_scope(sk), icmpx_protocol(sk), 0,
			   iph->daddr, iph->saddr, 0, 0, sock_net_uid(sock_net(sk), sk));
}

/*
 * dst->ops->update_pmtu() reads the flow from the network header, so that is set to the
 * header of the quoted datagram during the call.
 */
static void icmpx_teach_pmtu(struct dst_entry *dst, struct sk_buff *skb, struct sock *sk, u32 mtu)
{
	const int offset = skb_network_offset(skb);

	skb_reset_network_header(skb);
	dst->ops->update_pmtu(dst, sk, skb, mtu, false);
	skb_set_network_header(skb, offset);
}

/*
 * Consumes a reference to @dst, and returns a reference to @dst or, if @dst is out of
 * date, to a new route for the flow. Returns NULL if there is no such route.
 */
static struct dst_entry *icmpx_good_route(struct dst_entry *dst, struct sock *sk,
					  struct flowi4 *fl4)
{
	struct rtable *rt;

	if (dst_check(dst, 0))
		return dst;
	dst_release(dst);
	rt = ip_route_output_flow(sock_net(sk), fl4, sk);
	return IS_ERR(rt) ? NULL : &rt->dst;
}

/* The route that the socket keeps has to learn the path MTU: getsockopt(IP_MTU) reads it there. */
static void icmpx_teach_kept(struct dst_entry *kept, struct sk_buff *skb, struct sock *sk, u32 mtu)
{
	struct dst_entry *dst;
	struct flowi4 fl4;

	icmpx_quoted_flow(skb, sk, &fl4);
	dst = icmpx_good_route(dst_clone(kept), sk, &fl4);
	if (!dst)
		return;
	icmpx_teach_pmtu(xfrm_dst_path(dst), skb, sk, mtu);
	dst = icmpx_good_route(dst, sk, &fl4);
	if (!dst)
		return;
	if (dst == kept)
		dst_release(dst);
	else
		sk_dst_set(sk, dst);
}

/*
 * The route of the next datagram learns the path MTU. If the socket has no mark, and the
 * error has one that applies, dst->ops->update_pmtu() would look up the next hop without a
 * mark: ipv4_update_pmtu() uses the error's mark.
 */
static void icmpx_teach_next(struct sk_buff *skb, struct sock *sk, u32 mtu)
{
	struct net *net = sock_net(sk);
	struct flowi4 fl4;
	struct rtable *rt;

	if (!READ_ONCE(sk->sk_mark) && IP4_REPLY_MARK(net, skb->mark)) {
		ipv4_update_pmtu(skb, net, mtu, READ_ONCE(sk->sk_bound_dev_if), icmpx_protocol(sk));
		return;
	}
	icmpx_quoted_flow(skb, sk, &fl4);
	rt = __ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		return;
	icmpx_teach_pmtu(&rt->dst, skb, sk, mtu);
	ip_rt_put(rt);
}

/**
 * icmpx_sk_update_pmtu() - Let a socket's route learn a path MTU.
 * @skb: the error that reports it, its data at the embedded IP header
 * @sk: the socket that sent the datagram
 * @mtu: the path MTU, in bytes
 *
 * Context: softirq, or bottom halves disabled; rcu_read_lock().
 */
void icmpx_sk_update_pmtu(struct sk_buff *skb, struct sock *sk, u32 mtu)
{
	struct dst_entry *kept;

	bh_lock_sock(sk);
	if (!ip_sk_accept_pmtu(sk))
		goto out;
	kept = sk_dst_get(sk);
	if (kept && !sock_owned_by_user(sk))
		icmpx_teach_kept(kept, skb, sk, mtu);
	else
		icmpx_teach_next(skb, sk, mtu);
	dst_release(kept);
out:
	bh_unlock_sock(sk);
}

/*
 * Stands for a route that shall not change: dst->ops->redirect() marks its route obsolete, and
 * sockets that keep the route would look theirs up again. It reads the gateway and the device.
 */
static struct rtable *icmpx_stand_in(const struct rtable *rt)
{
	struct rtable *copy = rt_dst_alloc(rt->dst.dev, 0, RTN_UNICAST, true);

	if (copy) {
		copy->rt_gw_family = rt->rt_gw_family;
		copy->rt_gw4 = rt->rt_gw4;
	}
	return copy;
}

/**
 * icmpx_sk_redirect() - Let the route of a socket's next datagram learn a better gateway.
 * @skb: a redirect, its data at the embedded IP header
 * @sk: the socket that sent the datagram
 *
 * A route that @sk keeps stays as it is, as with the built-in code. Without memory, the
 * redirect is forgotten.
 *
 * Context: as icmpx_sk_update_pmtu().
 */
void icmpx_sk_redirect(struct sk_buff *skb, struct sock *sk)
{
	struct rtable *rt, *stand_in;
	struct flowi4 fl4;

	icmpx_quoted_flow(skb, sk, &fl4);
	rt = __ip_route_output_key(sock_net(sk), &fl4);
	if (IS_ERR(rt))
		return;
	stand_in = rt->rt_gw_family == AF_INET ? icmpx_stand_in(rt) : NULL;
	ip_rt_put(rt);
	if (!stand_in)
		return;
	stand_in->dst.ops->redirect(&stand_in->dst, sk, skb);
	ip_rt_put(stand_in);
}
