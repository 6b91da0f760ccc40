/* SPDX-License-Identifier: GPL-2.0-only */
/* From a message to a packet: the IP header, the route, and the socket that is charged. */
#ifndef ICMPX_PACKET_H
#define ICMPX_PACKET_H

#include <icmpx/options.h>
#include <net/ip.h>
#include <net/route.h>

#include "out/control.h"
#include "out/route_cache.h"

/* Every host accepts a datagram of this size (RFC 791); in practice no link fragments it. */
#define ICMPX_SMALL 576

/* packet.c */
u8 icmpx_ttl(const struct net *net, const struct sock *sk, const struct rtable *rt);

/* options.c */
bool icmpx_echo_options(struct net *net, const struct sk_buff *skb, const struct ip_options *opt,
			struct icmpx_options *reply);
void icmpx_put_options(struct sk_buff *skb, struct icmpx_options *options, __be32 destination);
void icmpx_put_ip_options(struct sk_buff *skb, const struct ip_options *opt, __be32 destination);

/* Bytes of the IP header and the options of a packet. */
static __always_inline unsigned int icmpx_way_hlen(const struct icmpx_way *way)
{
	return sizeof(struct iphdr) + (way->options ? way->options->len : 0);
}

/**
 * icmpx_put_header() - Put an IP header in front of a message.
 * @skb: the message, its data at the ICMP header
 * @hlen: bytes of the header and of its options, for which there is headroom
 * @saddr: network order
 * @daddr: network order
 * @ttl: time to live
 * @tos: type of service
 *
 * The identification and the options are left to the caller.
 *
 * Context: any.
 *
 * Return: the header, with "don't fragment" clear.
 */
static __always_inline struct iphdr *icmpx_put_header(struct sk_buff *skb, unsigned int hlen,
						      __be32 saddr, __be32 daddr, u8 ttl,
						      u8 tos)
{
	struct iphdr *iph;

	skb_reset_transport_header(skb);
	iph = __skb_push(skb, hlen);
	skb_reset_network_header(skb);
	iph->version = IPVERSION;
	iph->ihl = hlen / 4;
	iph->tos = tos;
	iph->frag_off = 0;
	iph->ttl = ttl;
	iph->protocol = IPPROTO_ICMP;
	iph->saddr = saddr;
	iph->daddr = daddr;
	return iph;
}

/**
 * icmpx_identify() - Set the identification of a packet.
 * @net: the namespace
 * @iph: the packet's header, its addresses and protocol set
 * @way: the packet's routing data
 * @counts: whether a counter may be used: this host does not fragment the packet, and no
 *	router is likely to, or the route is kept
 *
 * Fragments are reassembled by their identification (RFC 6864). A packet that is or may
 * be fragmented gets one from the kernel's generator, which does not repeat one soon but
 * writes memory that all CPUs share. Other packets between two addresses get numbers
 * that grow by one: a single counter for all addresses would tell each host what this
 * host sends to others.
 *
 * Context: icmpx_send_begin() returned true.
 */
static __always_inline void icmpx_identify(struct net *net, struct iphdr *iph,
					   struct icmpx_way *way, bool counts)
{
	struct icmpx_route *place = way->place;

	if (unlikely(!place || !counts))
		__ip_select_ident(net, iph, 1);
	else if (likely(place->owner == way->hash))
		iph->id = htons(place->id++);
	else
		iph->id = htons(icmpx_first_id(way));
}

/**
 * icmpx_make_packet() - Make a message a packet that this host sends on its own.
 * @net: the namespace
 * @sk: the control socket that is charged
 * @skb: the message, its data at the ICMP header, with headroom for icmpx_way_hlen() bytes
 * @way: the packet's routing data
 * @rt: the packet's route; its reference is consumed, unless the route is kept
 * @mtu: the largest packet that goes out in one piece
 * @plain: what icmpx_way_is_plain() returned for the route
 *
 * Context: icmpx_send_begin() returned true; rcu_read_lock().
 */
static __always_inline void icmpx_make_packet(struct net *net, struct sock *sk,
					      struct sk_buff *skb, struct icmpx_way *way,
					      struct rtable *rt, unsigned int mtu, bool plain)
{
	struct iphdr *iph;
	u8 ttl;

	icmpx_set_route(skb, way, rt);
	skb->mark = way->flow.mark;
	skb->ignore_df = 1;
	icmpx_control_charge(sk, skb);
	ttl = likely(plain) ? READ_ONCE(net->ipv4.sysctl_ip_default_ttl) : icmpx_ttl(net, sk, rt);
	iph = icmpx_put_header(skb, icmpx_way_hlen(way), way->flow.saddr, way->flow.daddr, ttl,
			       way->tos);
	if (unlikely(way->options))
		icmpx_put_options(skb, way->options, way->destination);
	icmpx_identify(net, iph, way, skb->len <= mtu && (skb->len <= ICMPX_SMALL || way->kept));
}

#endif
