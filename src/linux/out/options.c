// SPDX-License-Identifier: GPL-2.0-only
/* IP options: translated from Linux's struct ip_options to the core's, and back. */
#include <linux/inetdevice.h>
#include <net/ip.h>
#include <net/route.h>

#include "out/out.h"

/*
 * Reads options that Linux has validated. In received options, Linux has also filled in
 * the slots of this host.
 */
static void icmpx_read_options(const struct ip_options *opt, const void *bytes,
			       struct icmpx_options *options)
{
	options->first_hop = opt->faddr;
	options->len = min_t(unsigned int, opt->optlen, ICMPX_OPTIONS_MAX);
	options->srr = opt->srr;
	options->rr = opt->rr;
	options->ts = opt->ts;
	options->cipso = opt->cipso;
	options->strict_route = opt->is_strictroute;
	options->rr_needaddr = opt->rr_needaddr;
	options->ts_needtime = opt->ts_needtime;
	options->ts_needaddr = opt->ts_needaddr;
	memcpy(options->bytes, bytes, options->len);
}

/**
 * icmpx_echo_options() - Make the IP options of a reply or an error from those received.
 * @net: the namespace
 * @skb: a request, or a datagram that an error is about
 * @opt: the options of @skb as Linux compiled them; their bytes are in the linear part
 * @reply: set
 *
 * Context: any.
 *
 * Return: false if an option has less room than its length and pointer say.
 */
bool icmpx_echo_options(struct net *net, const struct sk_buff *skb, const struct ip_options *opt,
			struct icmpx_options *reply)
{
	struct icmpx_options request;
	bool ours = false;
	__be32 next;

	icmpx_read_options(opt, ip_hdr(skb) + 1, &request);
	if (icmpx_options_prespecified(&request, &next))
		ours = inet_addr_type(net, next) != RTN_UNICAST;
	return icmpx_options_echo(&request, ip_hdr(skb)->saddr, ours, reply);
}

/**
 * icmpx_put_options() - Write a reply's options after its IP header.
 * @skb: the reply, with an IP header that has room for them and addresses set
 * @options: the options that icmpx_echo_options() has set
 * @destination: network order: the reply's final destination
 *
 * IPCB() gets the offsets of the options, which Linux needs if it fragments the reply.
 *
 * Context: any.
 */
void icmpx_put_options(struct sk_buff *skb, struct icmpx_options *options, __be32 destination)
{
	struct ip_options *opt = &IPCB(skb)->opt;

	icmpx_options_fill(options, ip_hdr(skb)->saddr, destination, icmpx_current_timestamp());
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

/**
 * icmpx_put_ip_options() - Write a program's options after an IP header.
 * @skb: as for icmpx_put_options()
 * @opt: the options, as ip_options_compile() left them
 * @destination: network order: the datagram's final destination
 *
 * Context: any.
 */
void icmpx_put_ip_options(struct sk_buff *skb, const struct ip_options *opt, __be32 destination)
{
	struct icmpx_options options;

	icmpx_read_options(opt, opt->__data, &options);
	IPCB(skb)->opt = *opt;
	icmpx_put_options(skb, &options, destination);
}
