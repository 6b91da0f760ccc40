// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is being limited, by netlink. The limit for each source prefix alone is told of: it is
 * a namespace's own. The global limit is shared by all namespaces, and whoever can tell when
 * it is exhausted can find out the ports of other people's queries.
 */
#include "limit/limit.h"
#include "netlink/internal.h"

/* What a message says. */
struct icmpx_limited_of {
	u8 family;
	const struct icmpx_limited *limited;
};

static size_t icmpx_limited_size(void)
{
	return 2 * nla_total_size(sizeof(u8)) + nla_total_size(sizeof(struct in6_addr)) +
	       3 * nla_total_size_64bit(sizeof(u64));
}

static int icmpx_limited_fill(struct sk_buff *skb, const void *what)
{
	const struct icmpx_limited_of *of = what;
	const struct icmpx_limited *limited = of->limited;
	const struct in6_addr *address = &limited->prefix.address;
	const int size = of->family == AF_INET6 ? sizeof(*address) : sizeof(__be32);

	if (nla_put_u8(skb, ICMPX_A_LIMITED_FAMILY, of->family) ||
	    nla_put(skb, ICMPX_A_LIMITED_PREFIX, size, address) ||
	    nla_put_u8(skb, ICMPX_A_LIMITED_LENGTH, limited->prefix.length) ||
	    nla_put_u64_64bit(skb, ICMPX_A_LIMITED_REFUSED, limited->refused, 0) ||
	    nla_put_u64_64bit(skb, ICMPX_A_LIMITED_AGE, div_u64(limited->age, NSEC_PER_MSEC), 0) ||
	    nla_put_u64_64bit(skb, ICMPX_A_LIMITED_IDLE, div_u64(limited->idle, NSEC_PER_MSEC), 0))
		return -EMSGSIZE;
	return 0;
}

static int icmpx_limited_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 family,
			      const struct icmpx_limited *limited)
{
	const struct icmpx_limited_of of = { family, limited };
	void *header = icmpx_netlink_put(skb, cb, ICMPX_CMD_LIMITED_GET);

	if (!header)
		return -EMSGSIZE;
	if (icmpx_limited_fill(skb, &of)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

int icmpx_limited_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	struct icmpx_limited limited;
	unsigned int index;

	for (; cb->args[0] < ARRAY_SIZE(icmpx_families); cb->args[0]++, cb->args[1] = 0) {
		const u8 family = icmpx_families[cb->args[0]];

		if (!icmpx_netlink_wants(cb, family))
			continue;
		index = cb->args[1];
		while (icmpx_prefix_limited(&icmpx_netlink_family(net, family)->limit, &index,
					    &limited)) {
			if (icmpx_limited_dump(skb, cb, family, &limited))
				return skb->len ?: -EMSGSIZE;
			cb->args[1] = index;
		}
	}
	return skb->len;
}

/**
 * icmpx_netlink_limit() - Tell listeners that a prefix's limit began or ended.
 * @net: the namespace
 * @family: AF_INET or AF_INET6
 * @command: %ICMPX_CMD_LIMIT_BEGAN_NTF or %ICMPX_CMD_LIMIT_ENDED_NTF
 * @limited: the prefix
 *
 * Context: process.
 */
void icmpx_netlink_limit(struct net *net, u8 family, u8 command,
			 const struct icmpx_limited *limited)
{
	const struct icmpx_limited_of of = { family, limited };

	icmpx_netlink_multicast(net, ICMPX_GROUP_LIMITS, command, icmpx_limited_size(),
				icmpx_limited_fill, &of);
}
