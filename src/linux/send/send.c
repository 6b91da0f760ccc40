// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors that this host sends: whether one may be sent, limits, options, source
 * address and route; then the message, and its transmission.
 */
#include <icmpx/dispatch.h>
#include <icmpx/send.h>
#include <linux/icmp.h>
#include <linux/inetdevice.h>
#include <linux/netfilter.h>
#include <net/icmp.h>
#include <net/ip_fib.h>
#include <net/route.h>

#include "limit/limit.h"
#include "send/internal.h"
#include "send/send.h"
#include "tracing.h"

/* RFC 1122, 3.2.2 and RFC 1812, 4.3.2.3: an error quotes as much as fits into this length. */
#define ICMPX_ERROR_MAX 576

/*
 * The namespace of the device that the datagram came in by, or is about to leave by. The
 * route's device may be of another namespace: once the device or the address of a route is
 * gone, its device is the blackhole device of the first namespace, also for a datagram
 * that waited in a netfilter queue.
 */
static struct net *icmpx_net_of(const struct sk_buff *skb)
{
	const struct net_device *dev = skb->dev;

	if (likely(dev))
		return dev_net_rcu(dev);
	if (skb->sk)
		return sock_net(skb->sk);
	dev = dst_dev_rcu(skb_dst(skb));
	return dev && dev != blackhole_netdev ? dev_net_rcu(dev) : NULL;
}

/*
 * __icmp_send() has callers all over the kernel, so this checks that the IP header and
 * its options are in the linear part of the skb.
 */
static bool icmpx_has_header(const struct sk_buff *skb, unsigned int optlen)
{
	return skb_network_header(skb) >= skb->head &&
	       skb_network_header(skb) + sizeof(struct iphdr) + optlen <= skb_tail_pointer(skb);
}

/* The type of an ICMP datagram; NULL for another protocol, or if the type is missing. */
static const u8 *icmpx_inner_type(const struct sk_buff *skb, u8 *buffer)
{
	const struct iphdr *iph = ip_hdr(skb);

	if (likely(iph->protocol != IPPROTO_ICMP))
		return NULL;
	return skb_header_pointer(skb, skb_network_offset(skb) + iph->ihl * 4, sizeof(*buffer),
				  buffer);
}

static struct icmpx_send_verdict icmpx_may_send(const struct icmpx_error *error)
{
	const struct sk_buff *skb = error->skb;
	u32 facts = 0;
	u8 buffer;

	if (unlikely(!icmpx_has_header(skb, error->opt->optlen)))
		return (struct icmpx_send_verdict){ .outcome = ICMPX_ERROR_SUPPRESSED_MALFORMED };
	if (skb->pkt_type != PACKET_HOST)
		facts |= ICMPX_BY_LINK_BROADCAST;
	if (skb_rtable(skb)->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST))
		facts |= ICMPX_BY_BROADCAST;
	return icmpx_decide_send(error->type, (const u8 *)ip_hdr(skb),
				 icmpx_inner_type(skb, &buffer), facts);
}

/*
 * Makes a flood cheap: a destination over its limit is found before the route lookup.
 *
 * This requires that an address has one route, and so one bucket: rules and IPsec policies
 * may add routes. It also requires that the datagram has no options: with a source route
 * the bucket is the first hop's, and an error whose options cannot be made is not counted
 * as limited.
 */
static bool icmpx_exhausted(struct net *net, const struct icmpx_error *error)
{
	return rt_is_input_route(skb_rtable(error->skb)) && !error->opt->optlen &&
	       !fib4_has_custom_rules(net) && !icmpx_has_policy(net) &&
	       icmpx_host_exhausted(net, error->way.destination);
}

/*
 * RFC 1812, 4.3.2.4: the source is the address that the datagram was sent to, if this host
 * has it. Else, on a router, it is an address of the interface that the datagram came in
 * by, if the setting says so; otherwise the route chooses it.
 */
static __be32 icmpx_error_source(struct net *net, const struct icmpx_error *error)
{
	const struct sk_buff *skb = error->skb;
	const struct rtable *rt = skb_rtable(skb);
	struct net_device *dev;

	if (rt->rt_flags & RTCF_LOCAL)
		return ip_hdr(skb)->daddr;
	if (!rt_is_input_route(rt) ||
	    !READ_ONCE(net->ipv4.sysctl_icmp_errors_use_inbound_ifaddr))
		return 0;
	dev = dev_get_by_index_rcu(net, error->iif ?: inet_iif(skb));
	return dev ? inet_select_addr(dev, ip_hdr(skb)->saddr, RT_SCOPE_LINK) : 0;
}

/* Puts the ICMP header in front of the quote; the error gets the datagram's conntrack entry. */
static void icmpx_put_message(struct sk_buff *skb, const struct icmpx_error *error)
{
	struct icmphdr *header = __skb_push(skb, sizeof(*header));
	__wsum sum;

	header->type = error->type;
	header->code = error->code;
	header->checksum = 0;
	header->un.gateway = error->info;
	if (unlikely(error->extension))
		header->un.reserved[1] = ICMPX_ORIGINAL_LEN / sizeof(u32);
	/* skb->csum covers all of the message but the two 32-bit words of the header. */
	sum = csum_add(skb->csum, (__force __wsum)header->un.gateway);
	header->checksum = csum_fold(csum_add(sum, *(const __wsum *)header));
	skb->csum = 0;
	if (unlikely(skb_nfct(error->skb)))
		nf_ct_attach(skb, error->skb);
}

/* Makes the packet of an error. Consumes the reference to @rt, unless it returns NULL. */
static struct sk_buff *icmpx_make_error(struct net *net, struct sock *sk,
					struct icmpx_error *error, struct rtable *rt,
					unsigned int room, unsigned int mtu, bool plain)
{
	const unsigned int limit = error->extension ? ICMPX_ORIGINAL_LEN : room;
	const unsigned int len = min(error->skb->len - skb_network_offset(error->skb), limit);
	const unsigned int size = error->extension ? limit + error->extension_len : len;
	const unsigned int head = LL_RESERVED_SPACE(rt->dst.dev) + rt->dst.header_len +
				  icmpx_way_hlen(&error->way) + sizeof(struct icmphdr);
	struct sk_buff *skb;

	skb = alloc_skb(head + size + rt->dst.trailer_len, GFP_ATOMIC);
	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, head);
	icmpx_put_original(skb, error->skb, len, error->extension, error->extension_len);
	icmpx_put_message(skb, error);

	/* As for a forwarded packet, the receive queue selects the queue for sending. */
	if (rt_is_input_route(skb_rtable(error->skb)))
		skb_copy_queue_mapping(skb, error->skb);
	icmpx_make_packet(net, sk, skb, &error->way, rt, mtu, plain);
	return skb;
}

/* Sends the error; consumes the reference to @rt. Returns the outcome to count. */
static enum icmpx_stat icmpx_transmit_error(struct net *net, struct icmpx_net *ix,
					    struct icmpx_error *error, struct rtable *rt)
{
	const unsigned int hlen = icmpx_way_hlen(&error->way) + sizeof(struct icmphdr);
	const bool plain = icmpx_way_is_plain(&error->way, rt);
	const unsigned int mtu = icmpx_way_mtu(rt, plain);
	const int room = (int)min(mtu, ICMPX_ERROR_MAX) - (int)hlen;
	enum icmpx_stat outcome = ICMPX_ERROR_FAILED_MTU;
	struct sk_buff *skb;
	struct sock *sk;

	/* An error that quotes no more than the datagram's IP header is of no use. */
	if (unlikely(room <= (int)sizeof(struct iphdr)))
		goto err_route;
	/*
	 * As in the built-in code, the room for the longest extension decides, so that the
	 * length of a device's name does not.
	 */
	if (unlikely(error->extension && room < ICMPX_ORIGINAL_LEN + error->extension_room))
		error->extension = NULL;
	/* RFC 7600, 4.8: the source address of a host that has no address of its own. */
	if (unlikely(!error->way.flow.saddr))
		error->way.flow.saddr = htonl(INADDR_DUMMY);
	if (unlikely(!inetdev_valid_mtu(mtu)))
		goto err_count;
	outcome = ICMPX_ERROR_FAILED_NO_MEMORY;
	sk = icmpx_control(net, &ix->v4, ICMPX_ERRORS, rt->dst.dev);
	if (unlikely(!sk))
		goto err_count;
	if (icmpx_control_full(sk)) {
		outcome = ICMPX_ERROR_FAILED_NO_BUFFER;
		goto err_count;
	}
	skb = icmpx_make_error(net, sk, error, rt, room, mtu, plain);
	if (unlikely(!skb))
		goto err_count;
	if (unlikely(icmpx_local_out(net, ix, sk, skb, error->type, true)))
		return ICMPX_ERROR_FAILED_OUTPUT;
	return error->outcome;

err_count:
	__ICMP_INC_STATS(net, ICMP_MIB_OUTERRORS);
err_route:
	icmpx_put_route(&error->way, rt);
	return outcome;
}

/* Setting errors_extension_mask: bits %ICMPX_TELL_INCOMING, ... */
static inline u32 icmpx_extension_mask(const struct net *net, const struct icmpx_net *ix)
{
#if ICMPX_KERNEL_HAS_EXTENSIONS
	return READ_ONCE(net->ipv4.sysctl_icmp_errors_extension_mask);
#else
	return READ_ONCE(ix->v4.extension_mask);
#endif
}

/* The extension is made out of line, since most errors have none. */
static noinline enum icmpx_stat icmpx_transmit_extended(struct net *net, struct icmpx_net *ix,
							struct icmpx_error *error,
							struct rtable *rt, u32 mask)
{
	u8 extension[ICMPX_EXTENSION_MAX];

	error->extension_len = icmpx_extend(net, error, mask, extension);
	error->extension_room = ICMPX_EXTENSION_ROOM(hweight32(mask & ~ICMPX_TELL_NODE)) +
				(mask & ICMPX_TELL_NODE ? ICMPX_NODE_ROOM : 0);
	if (error->extension_len)
		error->extension = extension;
	return icmpx_transmit_error(net, ix, error, rt);
}

/* Called between icmpx_send_begin() and icmpx_send_end(). Returns the outcome to count. */
static enum icmpx_stat icmpx_route_and_send(struct net *net, struct icmpx_net *ix,
					    struct icmpx_error *error)
{
	struct rtable *rt;
	u32 mask;

	error->way.flow.saddr = icmpx_error_source(net, error);
	rt = icmpx_route_error(net, ix, error);
	if (!rt)
		return ICMPX_ERROR_FAILED_NO_ROUTE;
	/*
	 * RFC 1122, 3.2.2: no error is sent to a broadcast address. Only the route tells that
	 * an address is the broadcast address of a link.
	 */
	if (unlikely(rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST))) {
		icmpx_put_route(&error->way, rt);
		return ICMPX_ERROR_SUPPRESSED_SOURCE;
	}
	if (error->limited && !icmpx_host_allow(net, rt, error->way.flow.daddr)) {
		icmpx_put_route(&error->way, rt);
		return ICMPX_ERROR_LIMIT_HOST;
	}
	mask = icmpx_extension_mask(net, ix);
	if (unlikely(mask) && icmpx_extensible(error->type) &&
	    icmpx_tells(ix, error->way.destination))
		return icmpx_transmit_extended(net, ix, error, rt, mask);
	return icmpx_transmit_error(net, ix, error, rt);
}

/* The options are made out of line, since most errors have none. */
static noinline enum icmpx_stat icmpx_send_error_with_options(struct net *net,
							      struct icmpx_net *ix,
							      struct icmpx_error *error)
{
	struct icmpx_options options;

	if (!icmpx_echo_options(net, error->skb, error->opt, &options))
		return ICMPX_ERROR_FAILED_OPTIONS;
	if (options.len)
		error->way.options = &options;
	return icmpx_route_and_send(net, ix, error);
}

/*
 * Applies the limits that need no route, then sends. If this CPU is sending already, the
 * packet that it sends has caused this error, and the error is not sent.
 * Returns the outcome to count.
 */
static enum icmpx_stat icmpx_limit_error(struct net *net, struct icmpx_net *ix,
					 struct icmpx_error *error)
{
	const u32 ratemask = READ_ONCE(net->ipv4.sysctl_icmp_ratemask);
	const struct net_device *in = error->skb->dev;
	enum icmpx_stat outcome;

	error->limited = ratemask && !(in && (in->flags & IFF_LOOPBACK)) &&
			 icmpx_rate_limited(error->type, error->code, ratemask);
	if (error->limited && !icmpx_global_allow(net))
		return ICMPX_ERROR_LIMIT_GLOBAL;
	if (error->limited && icmpx_exhausted(net, error))
		return ICMPX_ERROR_LIMIT_HOST;

	if (!icmpx_send_begin())
		return ICMPX_ERROR_FAILED_BUSY;
	outcome = unlikely(error->opt->optlen) ? icmpx_send_error_with_options(net, ix, error) :
						 icmpx_route_and_send(net, ix, error);
	icmpx_send_end();
	return outcome;
}

/* Returns the outcome, which it has counted. */
static __always_inline enum icmpx_stat icmpx_send_in(struct net *net, struct icmpx_error *error)
{
	struct icmpx_net *ix = icmpx_net_rcu(net);
	struct icmpx_send_verdict verdict;
	enum icmpx_stat outcome;

	icmpx_count(&ix->v4, ICMPX_ERRORS_WANTED);
	verdict = icmpx_may_send(error);
	if (unlikely(!verdict.send)) {
		icmpx_count(&ix->v4, verdict.outcome);
		return verdict.outcome;
	}
	error->outcome = verdict.outcome;
	error->way.tos = verdict.tos;
	error->way.destination = ip_hdr(error->skb)->saddr;
	/* Most errors are about a datagram that is just being received: in softirq. */
	if (likely(softirq_count())) {
		outcome = icmpx_limit_error(net, ix, error);
		__icmpx_count(&ix->v4, outcome);
		return outcome;
	}
	local_bh_disable();
	outcome = icmpx_limit_error(net, ix, error);
	__icmpx_count(&ix->v4, outcome);
	local_bh_enable();
	return outcome;
}

/* Looks for the namespace again, which so needs no register before. */
static noinline void icmpx_trace_sent(const struct icmpx_error *error, enum icmpx_stat outcome)
{
	const struct net *net = icmpx_net_of(error->skb);

	if (net)
		icmpx_trace_error(net, AF_INET, error->skb, error->type, error->code, error->info,
				  outcome);
}

/**
 * icmpx_send() - Send an error about a datagram.
 * @skb: the datagram; not consumed
 * @type: ICMP type of the error
 * @code: ICMP code of the error
 * @info: second word of the message: gateway, pointer or MTU
 * @opt: the datagram's options
 * @iif: index of the interface that the datagram came in by; 0 for none, or if the caller
 *	does not give it
 *
 * Runs in place of __icmp_send().
 *
 * Context: any but hard interrupts. Does not sleep.
 */
void icmpx_send(struct sk_buff *skb, int type, int code, __be32 info,
		const struct ip_options *opt, int iif)
{
	struct icmpx_error error = {
		.skb = skb,
		.opt = opt,
		.iif = iif,
		.info = info,
		.type = type,
		.code = code,
	};
	enum icmpx_stat outcome;
	struct net *net;

	/* Without a route it is not known yet whether the datagram may cause an error. */
	if (!skb_rtable(skb))
		return;
	rcu_read_lock();
	net = icmpx_net_of(skb);
	if (net) {
		outcome = icmpx_send_in(net, &error);
		if (icmpx_is_tracing())
			icmpx_trace_sent(&error, outcome);
	}
	rcu_read_unlock();
}
