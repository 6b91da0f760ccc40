// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which of several next hops an ICMPv6 error takes. Linux chooses by the flow of the packet
 * that the error is about, so that the error takes the way of that flow. The kernel's own
 * function for this is not exported.
 */
#include <linux/jhash.h>
#include <net/flow_dissector.h>
#include <net/ip_fib.h>
#include <net/ipv6.h>

#include "compat6.h"
#include "out/route_cache6.h"

/* Values of the setting fib_multipath_hash_policy. */
enum {
	ICMPX_HASH_L3,
	ICMPX_HASH_L4,
	ICMPX_HASH_L3_INNER,
	ICMPX_HASH_FIELDS,
};

/* The addresses of the packet's own header. */
static void icmpx6_keys_of_header(const struct sk_buff *skb, struct flow_keys *keys)
{
	const struct ipv6hdr *header = ipv6_hdr(skb);

	keys->addrs.v6addrs.src = header->saddr;
	keys->addrs.v6addrs.dst = header->daddr;
	keys->tags.flow_label = (__force u32)ip6_flowlabel(header);
	keys->basic.ip_proto = header->nexthdr;
}

static void icmpx6_keys_of_ports(const struct sk_buff *skb, struct flow_keys *keys)
{
	struct flow_keys found;

	skb_flow_dissect_flow_keys(skb, &found, FLOW_DISSECTOR_F_STOP_AT_ENCAP);
	keys->addrs.v6addrs = found.addrs.v6addrs;
	keys->ports = found.ports;
	keys->basic.ip_proto = found.basic.ip_proto;
}

/* The addresses of the innermost header that is found; it may be one of IPv4. */
static void icmpx6_keys_of_inner(const struct sk_buff *skb, struct flow_keys *keys)
{
	struct flow_keys found;

	skb_flow_dissect_flow_keys(skb, &found, 0);
	switch (found.control.addr_type) {
	case FLOW_DISSECTOR_KEY_IPV4_ADDRS:
		keys->control.addr_type = FLOW_DISSECTOR_KEY_IPV4_ADDRS;
		keys->addrs.v4addrs.src = found.addrs.v4addrs.src;
		keys->addrs.v4addrs.dst = found.addrs.v4addrs.dst;
		break;
	case FLOW_DISSECTOR_KEY_IPV6_ADDRS:
		keys->addrs.v6addrs = found.addrs.v6addrs;
		keys->tags.flow_label = found.tags.flow_label;
		keys->basic.ip_proto = found.basic.ip_proto;
		break;
	default:
		icmpx6_keys_of_header(skb, keys);
		break;
	}
}

/* The fields that the setting fib_multipath_hash_fields selects of the outer header. */
static u32 icmpx6_hash_of_outer_fields(const struct net *net, const struct sk_buff *skb,
				       bool *has_inner)
{
	const u32 fields = ip6_multipath_hash_fields(net);
	struct flow_keys found, keys = {
		.control.addr_type = FLOW_DISSECTOR_KEY_IPV6_ADDRS,
	};

	if (!(fields & FIB_MULTIPATH_HASH_FIELD_OUTER_MASK))
		return 0;
	skb_flow_dissect_flow_keys(skb, &found, FLOW_DISSECTOR_F_STOP_AT_ENCAP);
	if (fields & FIB_MULTIPATH_HASH_FIELD_SRC_IP)
		keys.addrs.v6addrs.src = found.addrs.v6addrs.src;
	if (fields & FIB_MULTIPATH_HASH_FIELD_DST_IP)
		keys.addrs.v6addrs.dst = found.addrs.v6addrs.dst;
	if (fields & FIB_MULTIPATH_HASH_FIELD_IP_PROTO)
		keys.basic.ip_proto = found.basic.ip_proto;
	if (fields & FIB_MULTIPATH_HASH_FIELD_FLOWLABEL)
		keys.tags.flow_label = found.tags.flow_label;
	if (fields & FIB_MULTIPATH_HASH_FIELD_SRC_PORT)
		keys.ports.src = found.ports.src;
	if (fields & FIB_MULTIPATH_HASH_FIELD_DST_PORT)
		keys.ports.dst = found.ports.dst;
	*has_inner = found.control.flags & FLOW_DIS_ENCAPSULATION;
	return icmpx6_hash_from_keys(net, &keys);
}

/* The same of the inner header, if there is one. */
static u32 icmpx6_hash_of_inner_fields(const struct net *net, const struct sk_buff *skb)
{
	const u32 fields = ip6_multipath_hash_fields(net);
	struct flow_keys found, keys = {};

	if (!(fields & FIB_MULTIPATH_HASH_FIELD_INNER_MASK))
		return 0;
	skb_flow_dissect_flow_keys(skb, &found, 0);
	if (!(found.control.flags & FLOW_DIS_ENCAPSULATION))
		return 0;
	keys.control.addr_type = found.control.addr_type;
	if (found.control.addr_type == FLOW_DISSECTOR_KEY_IPV4_ADDRS) {
		if (fields & FIB_MULTIPATH_HASH_FIELD_INNER_SRC_IP)
			keys.addrs.v4addrs.src = found.addrs.v4addrs.src;
		if (fields & FIB_MULTIPATH_HASH_FIELD_INNER_DST_IP)
			keys.addrs.v4addrs.dst = found.addrs.v4addrs.dst;
	} else if (found.control.addr_type == FLOW_DISSECTOR_KEY_IPV6_ADDRS) {
		if (fields & FIB_MULTIPATH_HASH_FIELD_INNER_SRC_IP)
			keys.addrs.v6addrs.src = found.addrs.v6addrs.src;
		if (fields & FIB_MULTIPATH_HASH_FIELD_INNER_DST_IP)
			keys.addrs.v6addrs.dst = found.addrs.v6addrs.dst;
		if (fields & FIB_MULTIPATH_HASH_FIELD_INNER_FLOWLABEL)
			keys.tags.flow_label = found.tags.flow_label;
	} else {
		keys.control.addr_type = 0;
	}
	if (fields & FIB_MULTIPATH_HASH_FIELD_INNER_IP_PROTO)
		keys.basic.ip_proto = found.basic.ip_proto;
	if (fields & FIB_MULTIPATH_HASH_FIELD_INNER_SRC_PORT)
		keys.ports.src = found.ports.src;
	if (fields & FIB_MULTIPATH_HASH_FIELD_INNER_DST_PORT)
		keys.ports.dst = found.ports.dst;
	return icmpx6_hash_from_keys(net, &keys);
}

static u32 icmpx6_hash_of_fields(const struct net *net, const struct sk_buff *skb)
{
	bool has_inner = true;
	const u32 outer = icmpx6_hash_of_outer_fields(net, skb, &has_inner);
	const u32 inner = has_inner ? icmpx6_hash_of_inner_fields(net, skb) : 0;

	return jhash_2words(outer, inner, 0);
}

/**
 * icmpx6_multipath_hash() - Compute the hash by which Linux chooses among next hops.
 * @net: the namespace
 * @skb: the packet that an error is about
 *
 * Settings fib_multipath_hash_policy and fib_multipath_hash_fields of IPv6.
 *
 * Context: rcu_read_lock().
 *
 * Return: the hash, as the member mp_hash of struct flowi6 has it.
 */
u32 icmpx6_multipath_hash(const struct net *net, const struct sk_buff *skb)
{
	struct flow_keys keys = {
		.control.addr_type = FLOW_DISSECTOR_KEY_IPV6_ADDRS,
	};

	switch (ip6_multipath_hash_policy(net)) {
	case ICMPX_HASH_L3:
		icmpx6_keys_of_header(skb, &keys);
		break;
	case ICMPX_HASH_L4:
		if (skb->l4_hash)
			return skb_get_hash_raw(skb) >> 1;
		icmpx6_keys_of_ports(skb, &keys);
		break;
	case ICMPX_HASH_L3_INNER:
		icmpx6_keys_of_inner(skb, &keys);
		break;
	case ICMPX_HASH_FIELDS:
		return icmpx6_hash_of_fields(net, skb) >> 1;
	}
	return icmpx6_hash_from_keys(net, &keys) >> 1;
}
