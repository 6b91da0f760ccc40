// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMPv6 errors that this host sends: whether one may be sent, limits, source address and
 * route; then the message, and its transmission.
 */
#include <icmpx/send.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>

#include "limit/limit.h"
#include "out/out.h"
#include "out/out6.h"
#include "receive6.h"
#include "send/internal.h"
#include "send/send.h"
#include "tracing.h"

/* RFC 4443, 2.4 (c): an error quotes as much as fits into the smallest MTU of a link. */
#define ICMPX6_QUOTE_MAX (IPV6_MIN_MTU - sizeof(struct ipv6hdr) - sizeof(struct icmp6hdr))

static_assert(sizeof(struct ipv6hdr) == ICMPX6_IP_HEADER_LEN);

/* As icmpx_has_header(): icmp6_send() has callers all over the kernel. */
static bool icmpx6_has_header(const struct sk_buff *skb)
{
	return skb_network_header(skb) >= skb->head &&
	       skb_network_header(skb) + sizeof(struct ipv6hdr) <= skb_tail_pointer(skb) &&
	       (int)skb->len >= skb_network_offset(skb) + (int)sizeof(struct ipv6hdr);
}

/* Looks for an ICMPv6 message behind the extension headers of the packet. */
static void icmpx6_find_message(const struct sk_buff *skb, struct icmpx6_offender *offender,
				u8 *buffer)
{
	u8 protocol = ipv6_hdr(skb)->nexthdr;
	__be16 fragment = 0;
	int at;

	if (likely(protocol != IPPROTO_ICMPV6 && !ipv6_ext_hdr(protocol)))
		return;
	at = ipv6_skip_exthdr(skb, skb_network_offset(skb) + sizeof(struct ipv6hdr), &protocol,
			      &fragment);
	if (at < 0 || protocol != IPPROTO_ICMPV6)
		return;
	offender->facts |= ICMPX6_IS_ICMPV6;
	if (fragment)
		offender->facts |= ICMPX6_IS_FRAGMENT;
	offender->inner_type = skb_header_pointer(skb, at, sizeof(*buffer), buffer);
}

/* The type of the option that a parameter problem points to; NULL if that is not in the packet. */
static const u8 *icmpx6_find_option(const struct icmpx6_error *error, u8 *buffer)
{
	const unsigned int start = skb_network_offset(error->skb);
	const u32 at = ntohl(error->info);

	if (at >= error->skb->len - start)
		return NULL;
	return skb_header_pointer(error->skb, start + at, sizeof(*buffer), buffer);
}

static struct icmpx6_send_verdict icmpx6_may_send(const struct icmpx6_error *error)
{
	const struct sk_buff *skb = error->skb;
	struct icmpx6_offender offender = {};
	u8 type, option;

	if (unlikely(!icmpx6_has_header(skb)))
		return (struct icmpx6_send_verdict){
			.outcome = ICMPX_ERROR_SUPPRESSED_MALFORMED,
		};
	offender.header = (const u8 *)ipv6_hdr(skb);
	if (skb->pkt_type != PACKET_HOST)
		offender.facts = ICMPX_BY_LINK_BROADCAST;
	icmpx6_find_message(skb, &offender, &type);
	if (unlikely(error->type == ICMPV6_PARAMPROB))
		offender.option = icmpx6_find_option(error, &option);
	return icmpx6_decide_send(error->type, error->code, &offender);
}

/*
 * RFC 6275, 9.3.1: IPv6 has put the home address, an option, in the place of the source. The
 * error goes to the address that the packet came from, and quotes the packet as it came.
 */
static void icmpx6_restore_source(const struct icmpx6_error *error)
{
#if IS_ENABLED(CONFIG_IPV6_MIP6)
	struct sk_buff *skb = error->skb;
	struct ipv6_destopt_hao *home;
	int at;

	if (likely(!error->parm->dsthao))
		return;
	at = ipv6_find_tlv(skb, error->parm->dsthao, IPV6_TLV_HAO);
	if (at < 0)
		return;
	home = (struct ipv6_destopt_hao *)(skb_network_header(skb) + at);
	if (home->length == sizeof(home->addr))
		swap(ipv6_hdr(skb)->saddr, home->addr);
#endif
}

/*
 * What the route of the error depends on. The packet's device selects the VRF. A source of
 * link-local scope means nothing without its device.
 */
static void icmpx6_flow_to_source(const struct net *net, struct icmpx6_error *error)
{
	const struct sk_buff *skb = error->skb;
	struct icmpx6_flow *flow = &error->way.flow;

	flow->daddr = ipv6_hdr(skb)->saddr;
	flow->mark = IP6_REPLY_MARK(net, skb->mark);
	flow->vrf = icmpx_vrf_of(skb->dev);
	flow->oif = flow->vrf;
	if (unlikely(__ipv6_addr_needs_scope_id(ipv6_addr_type(&flow->daddr)))) {
		struct net_device *dev = icmpx6_device(skb);

		flow->oif = dev->ifindex;
		flow->vrf = icmpx_vrf_of(dev);
	}
	flow->label = 0;
	flow->type = error->type;
	flow->code = error->code;
}

/* Puts the ICMP header in front of the quote; the error gets the packet's conntrack entry. */
static void icmpx6_put_message(struct sk_buff *skb, const struct icmpx6_error *error)
{
	struct icmp6hdr *header = __skb_push(skb, sizeof(*header));

	header->icmp6_type = error->type;
	header->icmp6_code = error->code;
	header->icmp6_cksum = 0;
	header->icmp6_dataun.un_data32[0] = error->info;
	if (unlikely(error->extension))
		header->icmp6_datagram_len = ICMPX_ORIGINAL_LEN / sizeof(u64);
	/* skb->csum covers all of the message but the header. */
	header->icmp6_cksum = csum_ipv6_magic(&error->way.flow.saddr, &error->way.flow.daddr,
					      skb->len, IPPROTO_ICMPV6,
					      csum_partial(header, sizeof(*header), skb->csum));
	skb->csum = 0;
	if (unlikely(skb_nfct(error->skb)))
		nf_ct_attach(skb, error->skb);
}

/* Makes the packet of an error. Consumes the reference to @rt, unless it returns NULL. */
static struct sk_buff *icmpx6_make_error(struct net *net, struct sock *sk,
					 struct icmpx6_error *error, struct rt6_info *rt)
{
	const unsigned int limit = error->extension ? ICMPX_ORIGINAL_LEN : ICMPX6_QUOTE_MAX;
	const unsigned int len = min(error->skb->len - skb_network_offset(error->skb), limit);
	const unsigned int size = error->extension ? limit + error->extension_len : len;
	const unsigned int head = LL_RESERVED_SPACE(rt->dst.dev) + rt->dst.header_len +
				  sizeof(struct ipv6hdr) + sizeof(struct icmp6hdr);
	struct sk_buff *skb;

	skb = alloc_skb(head + size + rt->dst.trailer_len, GFP_ATOMIC);
	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, head);
	icmpx_put_original(skb, error->skb, len, error->extension, error->extension_len);
	icmpx6_put_message(skb, error);

	/* As for a forwarded packet, the receive queue selects the queue for sending. */
	if (error->skb->skb_iif)
		skb_copy_queue_mapping(skb, error->skb);
	icmpx6_make_packet(net, sk, skb, &error->way, rt, 0);
	return skb;
}

/* Sends the error; consumes the reference to @rt. Returns the outcome to count. */
static enum icmpx_stat icmpx6_transmit_error(struct net *net, struct icmpx_net *ix,
					     struct icmpx6_error *error, struct rt6_info *rt)
{
	enum icmpx_stat outcome = ICMPX_ERROR_FAILED_MTU;
	struct sk_buff *skb;
	struct sock *sk;

	if (unlikely(dst_mtu(&rt->dst) < ICMPX6_MTU_MIN))
		goto err_count;
	outcome = ICMPX_ERROR_FAILED_NO_MEMORY;
	sk = icmpx_control(net, &ix->v6, ICMPX_ERRORS, rt->dst.dev);
	if (unlikely(!sk))
		goto err_count;
	outcome = ICMPX_ERROR_FAILED_NO_BUFFER;
	if (icmpx_control_full(sk))
		goto err_count;
	outcome = ICMPX_ERROR_FAILED_NO_MEMORY;
	skb = icmpx6_make_error(net, sk, error, rt);
	if (unlikely(!skb))
		goto err_count;
	if (unlikely(icmpx6_local_out(net, sk, skb, error->type, true)))
		return ICMPX_ERROR_FAILED_OUTPUT;
	return error->outcome;

err_count:
	__ICMP6_INC_STATS(net, __in6_dev_get(error->skb->dev), ICMP6_MIB_OUTERRORS);
	icmpx6_put_route(&error->way, rt);
	return outcome;
}

/* Setting errors_extension_mask: bits %ICMPX_TELL_INCOMING, ... */
static inline u32 icmpx6_extension_mask(const struct net *net, const struct icmpx_net *ix)
{
#if ICMPX_KERNEL_HAS_EXTENSIONS
	return READ_ONCE(net->ipv6.sysctl.icmpv6_errors_extension_mask);
#else
	return READ_ONCE(ix->v6.extension_mask);
#endif
}

/* The extension is made out of line, since most errors have none. */
static noinline enum icmpx_stat icmpx6_transmit_extended(struct net *net, struct icmpx_net *ix,
							 struct icmpx6_error *error,
							 struct rt6_info *rt, u32 mask)
{
	u8 extension[ICMPX_EXTENSION_MAX];

	error->extension_len = icmpx6_extend(net, error, mask, extension);
	if (error->extension_len)
		error->extension = extension;
	return icmpx6_transmit_error(net, ix, error, rt);
}

/*
 * Whether the error may get an extension. The error of a tunnel over IPv4 may have the
 * extension of the error that the tunnel got, and says how long the original datagram is.
 */
static bool icmpx6_lacks_extension(const struct icmpx6_error *error)
{
	return icmpx6_extensible(error->type) && !(ntohl(error->info) >> 24);
}

/* Called between icmpx6_send_begin() and icmpx6_send_end(). Returns the outcome to count. */
static enum icmpx_stat icmpx6_route_and_send(struct net *net, struct icmpx_net *ix,
					     struct icmpx6_error *error)
{
	struct rt6_info *rt;
	u32 mask;

	icmpx6_flow_to_source(net, error);
	rt = icmpx6_route_error(net, ix, error);
	if (!rt)
		return error->outcome;
	mask = icmpx6_extension_mask(net, ix);
	if (unlikely(mask) && icmpx6_lacks_extension(error) &&
	    icmpx6_tells(ix, &error->way.flow.daddr))
		return icmpx6_transmit_extended(net, ix, error, rt, mask);
	return icmpx6_transmit_error(net, ix, error, rt);
}

/* As icmpx_limit_error(). Returns the outcome to count. */
static enum icmpx_stat icmpx6_limit_error(struct net *net, struct icmpx_net *ix,
					  struct icmpx6_error *error)
{
	enum icmpx_stat outcome;

	error->limited = !(error->skb->dev->flags & IFF_LOOPBACK) &&
			 test_bit(error->type, net->ipv6.sysctl.icmpv6_ratemask);
	if (error->limited && !icmpx_global_allow(net))
		return ICMPX_ERROR_LIMIT_GLOBAL;

	icmpx6_restore_source(error);
	if (!icmpx6_send_begin())
		return ICMPX_ERROR_FAILED_BUSY;
	outcome = icmpx6_route_and_send(net, ix, error);
	icmpx6_send_end();
	return outcome;
}

/* As icmpx_send_in(). */
static __always_inline enum icmpx_stat icmpx6_send_in(struct net *net, struct icmpx6_error *error)
{
	struct icmpx_net *ix = icmpx_net_rcu(net);
	struct icmpx6_send_verdict verdict;
	enum icmpx_stat outcome;
	bool in_softirq;

	icmpx_count(&ix->v6, ICMPX_ERRORS_WANTED);
	verdict = icmpx6_may_send(error);
	if (unlikely(!verdict.send)) {
		icmpx_count(&ix->v6, verdict.outcome);
		return verdict.outcome;
	}
	error->outcome = verdict.outcome;
	error->for_many = verdict.for_many;
	/* Most errors are about a packet that is just being received: in softirq. */
	in_softirq = softirq_count();
	if (unlikely(!in_softirq))
		local_bh_disable();
	outcome = icmpx6_limit_error(net, ix, error);
	__icmpx_count(&ix->v6, outcome);
	if (unlikely(!in_softirq))
		local_bh_enable();
	return outcome;
}

static noinline void icmpx6_trace_sent(const struct icmpx6_error *error, enum icmpx_stat outcome)
{
	icmpx_trace_error(dev_net_rcu(error->skb->dev), AF_INET6, error->skb, error->type,
			  error->code, error->info, outcome);
}

/**
 * icmpx6_send() - Send an ICMPv6 error about a packet.
 * @skb: the packet; not consumed
 * @type: ICMP type of the error
 * @code: ICMP code of the error
 * @info: second word of the message, host order: pointer, MTU, or length of the original
 *	datagram
 * @forced: source address of the error; NULL to choose one
 * @parm: what IPv6 knows of the packet
 *
 * Runs in place of icmp6_send().
 *
 * Context: any but hard interrupts. Does not sleep.
 */
void icmpx6_send(struct sk_buff *skb, u8 type, u8 code, u32 info, const struct in6_addr *forced,
		 const struct inet6_skb_parm *parm)
{
	struct icmpx6_error error = {
		.skb = skb,
		.parm = parm,
		.forced = forced,
		.info = htonl(info),
		.type = type,
		.code = code,
	};

	enum icmpx_stat outcome;

	if (!skb->dev)
		return;
	rcu_read_lock();
	outcome = icmpx6_send_in(dev_net_rcu(skb->dev), &error);
	if (icmpx_is_tracing())
		icmpx6_trace_sent(&error, outcome);
	rcu_read_unlock();
}
