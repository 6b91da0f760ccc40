// SPDX-License-Identifier: GPL-2.0-only
/* The counters by netlink: a message for each family of addresses. */
#include "netlink/internal.h"
#include "ping/ping.h"
#include "send/send.h"

static int icmpx_counter_put(struct sk_buff *skb, const char *name, u64 value, u8 kind)
{
	struct nlattr *nest = nla_nest_start(skb, ICMPX_A_COUNTERS_COUNTER);

	if (!nest || nla_put_string(skb, ICMPX_A_COUNTER_NAME, name) ||
	    nla_put_u64_64bit(skb, ICMPX_A_COUNTER_VALUE, value, 0) ||
	    nla_put_u8(skb, ICMPX_A_COUNTER_KIND, kind))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static u8 icmpx_counter_kind(unsigned int stat)
{
	if (stat == ICMPX_PACKETS_IN || stat == ICMPX_ERRORS_WANTED)
		return ICMPX_COUNTER_KIND_SUM;
	if (stat >= ICMPX_OUTCOME_FIRST && stat <= ICMPX_OUTCOME_LAST)
		return ICMPX_COUNTER_KIND_OUTCOME;
	if (stat >= ICMPX_ERROR_FIRST && stat <= ICMPX_ERROR_LAST)
		return ICMPX_COUNTER_KIND_ERROR_OUTCOME;
	return ICMPX_COUNTER_KIND_FACT;
}

static int icmpx_counters_fill(struct sk_buff *skb, struct net *net, u8 family)
{
	const struct icmpx_family *state = icmpx_netlink_family(net, family);
	struct proto *ping = family == AF_INET6 ? &icmpx_ping6_prot : &icmpx_ping_prot;
	const bool sending = family == AF_INET6 ? icmpx6_sending() : icmpx_sending();
	char name[ICMPX_STAT_NAME_LEN];
	unsigned int stat;

	if (nla_put_u8(skb, ICMPX_A_COUNTERS_FAMILY, family))
		return -EMSGSIZE;
	for (stat = 0; stat < ICMPX_STAT_COUNT; stat++) {
		if (!icmpx_stat_is_of(stat, family))
			continue;
		icmpx_stat_name(stat, name);
		if (icmpx_counter_put(skb, name, icmpx_stat_sum(state, stat),
				      icmpx_counter_kind(stat)))
			return -EMSGSIZE;
	}
	if (icmpx_counter_put(skb, "ping_sockets", sock_prot_inuse_get(net, ping),
			      ICMPX_COUNTER_KIND_STATE) ||
	    icmpx_counter_put(skb, "sending", sending, ICMPX_COUNTER_KIND_STATE))
		return -EMSGSIZE;
	return 0;
}

/* A message holds all of a family, however little room the reader has had for the one before. */
int icmpx_counters_get_start(struct netlink_callback *cb)
{
	const size_t counter = nla_total_size(nla_total_size(ICMPX_STAT_NAME_LEN) +
					      nla_total_size(sizeof(u64)) +
					      nla_total_size(sizeof(u8)));

	cb->min_dump_alloc = nlmsg_total_size(GENL_HDRLEN) + nla_total_size(sizeof(u8)) +
			     (ICMPX_STAT_COUNT + 2) * counter;
	return 0;
}

int icmpx_counters_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	void *header;

	for (; cb->args[0] < ARRAY_SIZE(icmpx_families); cb->args[0]++) {
		const u8 family = icmpx_families[cb->args[0]];

		if (!icmpx_netlink_wants(cb, family))
			continue;
		header = icmpx_netlink_put(skb, cb, ICMPX_CMD_COUNTERS_GET);
		if (!header)
			return skb->len ?: -EMSGSIZE;
		if (icmpx_counters_fill(skb, sock_net(skb->sk), family)) {
			genlmsg_cancel(skb, header);
			return skb->len ?: -EMSGSIZE;
		}
		genlmsg_end(skb, header);
	}
	return skb->len;
}
