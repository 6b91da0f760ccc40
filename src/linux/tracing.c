// SPDX-License-Identifier: GPL-2.0-only
/* What the tracepoints icmpx:* tell, gathered while one of them is on. */
#include "tracing.h"

#ifdef CONFIG_TRACEPOINTS
#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <net/ipv6.h>
#include <net/sock.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

/* RFC 792; the length of a timestamp reply does not depend on that of the request. */
#define ICMPX_TIMESTAMP_REPLY_LEN 20

DEFINE_STATIC_KEY_FALSE(icmpx_tracing);

/**
 * icmpx_tracing_begin() - Note that a tracepoint is about to be switched on.
 *
 * Context: process.
 *
 * Return: 0.
 */
int icmpx_tracing_begin(void)
{
	static_branch_inc(&icmpx_tracing);
	return 0;
}

/**
 * icmpx_tracing_end() - Undo icmpx_tracing_begin().
 *
 * Context: process.
 */
void icmpx_tracing_end(void)
{
	static_branch_dec(&icmpx_tracing);
}

/* Notes the addresses of a packet whose IP header can be read. */
static void icmpx_note_addresses(struct icmpx_traced *traced, const struct sk_buff *skb)
{
	if (traced->family == AF_INET6) {
		traced->source = ipv6_hdr(skb)->saddr;
		traced->destination = ipv6_hdr(skb)->daddr;
		return;
	}
	ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &traced->source);
	ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, &traced->destination);
}

static void icmpx_note_device(struct icmpx_traced *traced, const struct net_device *dev)
{
	strscpy_pad(traced->device, dev ? dev->name : "", sizeof(traced->device));
}

/* A byte of a packet, which may end before it: then 0. */
static u8 icmpx_byte_at(const struct sk_buff *skb, int offset)
{
	u8 buffer;
	const u8 *byte = skb_header_pointer(skb, offset, sizeof(buffer), &buffer);

	return byte ? *byte : 0;
}

/**
 * icmpx_trace_note() - Take down what events tell of a message that came in.
 * @traced: set to that
 * @skb: the packet, whose IP header can be read; of either family
 * @offset: of the ICMP header, from the data of @skb
 *
 * Context: rcu_read_lock().
 */
void icmpx_trace_note(struct icmpx_traced *traced, const struct sk_buff *skb, int offset)
{
	traced->netns = dev_net_rcu(skb->dev)->ns.inum;
	traced->length = skb->len - offset;
	traced->family = ip_hdr(skb)->version == 6 ? AF_INET6 : AF_INET;
	traced->type = icmpx_byte_at(skb, offset);
	traced->code = icmpx_byte_at(skb, offset + 1);
	icmpx_note_addresses(traced, skb);
	icmpx_note_device(traced, skb->dev);
}

/**
 * icmpx_trace_noted() - Tell the outcome of a message that came in.
 * @traced: what icmpx_trace_note() took down
 * @outcome: the outcome
 *
 * Context: any.
 */
void icmpx_trace_noted(const struct icmpx_traced *traced, enum icmpx_stat outcome)
{
	trace_icmpx_receive(traced, outcome);
}

/**
 * icmpx_trace_received() - Tell the outcome of a message that is still at hand.
 * @skb: the packet; its transport header is the ICMP header
 * @outcome: the outcome
 *
 * Context: as icmpx_trace_note().
 */
void icmpx_trace_received(const struct sk_buff *skb, enum icmpx_stat outcome)
{
	struct icmpx_traced traced;

	icmpx_trace_note(&traced, skb, skb_transport_offset(skb));
	icmpx_trace_noted(&traced, outcome);
}

/* Notes the reply to a request. */
static void icmpx_note_reply(struct icmpx_traced *reply, const struct icmpx_traced *request,
			     const void *source, u8 type, u8 code)
{
	*reply = *request;
	reply->destination = request->source;
	if (reply->family == AF_INET6)
		reply->source = *(const struct in6_addr *)source;
	else
		ipv6_addr_set_v4mapped(*(const __be32 *)source, &reply->source);
	reply->type = type;
	reply->code = code;
	if (reply->family == AF_INET && type == ICMP_TIMESTAMPREPLY)
		reply->length = ICMPX_TIMESTAMP_REPLY_LEN;
}

/**
 * icmpx_trace_answered() - Tell what became of a request.
 * @request: what icmpx_trace_note() took down
 * @source: source address of the reply, of the family of @request; read only if there is a reply
 * @type: ICMP type of the reply
 * @code: ICMP code of the reply
 * @outcome: the outcome of the request
 *
 * Context: any.
 */
void icmpx_trace_answered(const struct icmpx_traced *request, const void *source, u8 type, u8 code,
			  enum icmpx_stat outcome)
{
	struct icmpx_traced reply;

	icmpx_trace_noted(request, outcome);
	switch (outcome) {
	case ICMPX_REPLY_IN_PLACE:
	case ICMPX_REPLY_COPIED:
	case ICMPX_REPLY_EXPRESS:
		icmpx_note_reply(&reply, request, source, type, code);
		trace_icmpx_reply(&reply, outcome);
		break;
	case ICMPX_LIMIT_GLOBAL:
	case ICMPX_LIMIT_HOST:
	case ICMPX_LIMIT_PREFIX:
		trace_icmpx_limit(request, type, code, outcome);
		break;
	default:
		break;
	}
}

/**
 * icmpx_trace_delivered() - Tell that a ping socket got a reply.
 * @reply: what icmpx_trace_note() took down
 * @sk: the socket
 * @identifier: of the reply, host order
 * @sequence: its sequence number, host order
 *
 * Context: rcu_read_lock().
 */
void icmpx_trace_delivered(const struct icmpx_traced *reply, struct sock *sk, u16 identifier,
			   u16 sequence)
{
	icmpx_trace_noted(reply, ICMPX_DELIVER_PING);
	trace_icmpx_ping_deliver(reply, sock_i_ino(sk), identifier, sequence);
}

/* Whether the fixed IP header of a packet of anyone can be read. */
static bool icmpx_can_read_header(const struct sk_buff *skb, u16 family)
{
	const unsigned int len = family == AF_INET6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);

	return skb_network_header(skb) >= skb->head &&
	       skb_network_header(skb) + len <= skb_tail_pointer(skb);
}

/**
 * icmpx_trace_error() - Tell what became of an error.
 * @net: the namespace that sends it
 * @family: AF_INET or AF_INET6
 * @skb: the packet that the error is about; nothing of it need be readable
 * @type: ICMP type of the error
 * @code: ICMP code of the error
 * @info: second word of the error, network order
 * @outcome: the outcome of the error
 *
 * Context: rcu_read_lock().
 */
void icmpx_trace_error(const struct net *net, u16 family, const struct sk_buff *skb, u8 type,
		       u8 code, __be32 info, enum icmpx_stat outcome)
{
	struct icmpx_traced traced = {
		.netns = net->ns.inum,
		.family = family,
		.type = type,
		.code = code,
	};
	u8 protocol = 0;

	icmpx_note_device(&traced, skb->dev);
	if (icmpx_can_read_header(skb, family)) {
		icmpx_note_addresses(&traced, skb);
		traced.length = skb->len - skb_network_offset(skb);
		protocol = family == AF_INET6 ? ipv6_hdr(skb)->nexthdr : ip_hdr(skb)->protocol;
	}
	trace_icmpx_error(&traced, protocol, info, outcome);
	if (outcome == ICMPX_ERROR_LIMIT_GLOBAL || outcome == ICMPX_ERROR_LIMIT_HOST)
		trace_icmpx_limit(&traced, type, code, outcome);
}
#endif
