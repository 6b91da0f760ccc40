// SPDX-License-Identifier: GPL-2.0-only
/* IP options between what Linux made of them and what the core does with them. */
#include <linux/inetdevice.h>
#include <net/ip.h>
#include <net/route.h>

#include "icmpx.h"

/* Options were validated, and this host's slots filled, on their way in. */
static void icmpx_read_options(const struct sk_buff *skb, struct icmpx_options *request)
{
	const struct ip_options *opt = &IPCB(skb)->opt;

	request->len = min_t(unsigned int, opt->optlen, ICMPX_OPTIONS_MAX);
	request->srr = opt->srr;
	request->rr = opt->rr;
	request->ts = opt->ts;
	request->cipso = opt->cipso;
	request->strict_route = opt->is_strictroute;
	request->rr_needaddr = opt->rr_needaddr;
	request->ts_needtime = opt->ts_needtime;
	request->ts_needaddr = opt->ts_needaddr;
	memcpy(request->bytes, ip_hdr(skb) + 1, request->len);
}

/**
 * icmpx_echo_options() - Make a reply's IP options from the request's.
 * @net: the namespace that it came into
 * @skb: the request
 * @reply: set
 *
 * Context: any.
 *
 * Return: false if the request's options leave no room for the reply's.
 */
bool icmpx_echo_options(struct net *net, const struct sk_buff *skb, struct icmpx_options *reply)
{
	struct icmpx_options request;
	bool ours = false;
	__be32 next;

	icmpx_read_options(skb, &request);
	if (icmpx_options_prespecified(&request, &next))
		ours = inet_addr_type(net, next) != RTN_UNICAST;
	return icmpx_options_echo(&request, ip_hdr(skb)->saddr, ours, reply);
}

/**
 * icmpx_put_options() - Write a reply's options after its IP header.
 * @skb: the reply, with an IP header that has room for them and addresses set
 * @options: what icmpx_echo_options() set
 * @destination: network order: where the reply goes in the end
 *
 * Linux is told where they are, for when it fragments the reply.
 *
 * Context: any.
 */
void icmpx_put_options(struct sk_buff *skb, struct icmpx_options *options, __be32 destination)
{
	struct ip_options *opt = &IPCB(skb)->opt;

	icmpx_options_fill(options, ip_hdr(skb)->saddr, destination, inet_current_timestamp());
	memcpy(ip_hdr(skb) + 1, options->bytes, options->len);

	opt->faddr = options->first_hop;
	opt->optlen = options->len;
	opt->srr = options->srr;
	opt->rr = options->rr;
	opt->ts = options->ts;
	opt->cipso = options->cipso;
	opt->is_strictroute = options->strict_route;
	opt->rr_needaddr = options->rr_needaddr;
	opt->ts_needtime = options->ts_needtime;
	opt->ts_needaddr = options->ts_needaddr;
}
