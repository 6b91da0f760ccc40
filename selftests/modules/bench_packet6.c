// SPDX-License-Identifier: GPL-2.0-only
/* The messages of the benchmark, over IPv6. */
#include <linux/etherdevice.h>
#include <linux/icmpv6.h>
#include <linux/udp.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/ndisc.h>

#include "bench.h"

#define BENCH_PORT 9

static const u8 bench_station[ETH_ALEN] = BENCH_STATION;

/* Hop-by-hop options: router alert for MLD (RFC 2711), padding (RFC 8200, 4.2). */
static const u8 bench_options[8] = { IPPROTO_ICMPV6, 0, IPV6_TLV_ROUTERALERT, 2, 0, 0,
				     IPV6_TLV_PADN, 0 };

static struct in6_addr bench_source6(const struct bench_job *job)
{
	struct in6_addr source = job->source.in6;

	if (job->sources > 1)
		source.s6_addr32[3] = htonl(ntohl(source.s6_addr32[3]) + bench_next_source(job));
	return source;
}

/* What the error quotes: a header and eight bytes. */
static void bench_fill_quotation6(const struct bench_job *job, struct ipv6hdr *quoted)
{
	struct udphdr *udph = (struct udphdr *)(quoted + 1);

	ip6_flow_hdr(quoted, 0, 0);
	quoted->payload_len = htons(sizeof(*udph));
	quoted->nexthdr = IPPROTO_UDP;
	quoted->hop_limit = 64;
	quoted->saddr = job->destination.in6;
	quoted->daddr = job->source.in6;
	udph->source = htons(BENCH_PORT);
	udph->dest = htons(BENCH_PORT);
	udph->len = htons(sizeof(*udph));
	udph->check = htons(1);
}

static void bench_fill_message6(struct bench_job *job, const struct ipv6hdr *header,
				struct icmp6hdr *message, unsigned int len, u16 sequence)
{
	memset(message, 0xa5, len);
	message->icmp6_type = job->type;
	message->icmp6_code = 0;
	switch (job->type) {
	case ICMPV6_DEST_UNREACH:
		message->icmp6_code = ICMPV6_PORT_UNREACH;
		bench_fill_quotation6(job, (struct ipv6hdr *)(message + 1));
		break;
	case NDISC_NEIGHBOUR_SOLICITATION:
		((struct nd_msg *)message)->target = job->destination.in6;
		break;
	case ICMPV6_MGM_QUERY:
		memset(message + 1, 0, len - sizeof(*message));
		break;
	default:
		if (job->identifiers)
			message->icmp6_identifier = htons(bench_draw(job));
		message->icmp6_sequence = htons(sequence);
		break;
	}
	message->icmp6_cksum = 0;
	message->icmp6_cksum = csum_ipv6_magic(&header->saddr, &header->daddr, len, IPPROTO_ICMPV6,
					       csum_partial(message, len, 0));
}

/* Both headers have the same length. */
static void bench_fill_datagram6(const struct ipv6hdr *header, struct udphdr *udph,
				 unsigned int len)
{
	static_assert(sizeof(*udph) == sizeof(struct icmp6hdr));

	memset(udph, 0xa5, len);
	udph->source = htons(BENCH_PORT);
	udph->dest = htons(BENCH_PORT);
	udph->len = htons(len);
	udph->check = 0;
	udph->check = csum_ipv6_magic(&header->saddr, &header->daddr, len, IPPROTO_UDP,
				      csum_partial(udph, len, 0));
}

static u8 bench_hop_limit(unsigned int type)
{
	switch (type) {
	case NDISC_NEIGHBOUR_SOLICITATION:
		return 255;
	case ICMPV6_MGM_QUERY:
		return 1;
	default:
		return 64;
	}
}

struct sk_buff *bench_make6(struct bench_job *job, u16 sequence)
{
	const unsigned int options = job->flags & BENCH_FLAG_OPTIONS ? sizeof(bench_options) : 0;
	const unsigned int len = sizeof(struct icmp6hdr) + job->len;
	const u8 protocol = job->type == BENCH_UDP ? IPPROTO_UDP : IPPROTO_ICMPV6;
	struct ipv6hdr *header;
	struct sk_buff *skb;
	struct ethhdr *eth;

	skb = netdev_alloc_skb_ip_align(job->dev, ETH_HLEN + sizeof(*header) + options + len);
	if (!skb)
		return NULL;
	eth = skb_put(skb, sizeof(*eth));
	if (ipv6_addr_is_multicast(&job->destination.in6))
		ipv6_eth_mc_map(&job->destination.in6, eth->h_dest);
	else
		ether_addr_copy(eth->h_dest, job->dev->dev_addr);
	ether_addr_copy(eth->h_source, bench_station);
	eth->h_proto = htons(ETH_P_IPV6);

	header = skb_put(skb, sizeof(*header));
	ip6_flow_hdr(header, 0, 0);
	header->payload_len = htons(options + len);
	header->nexthdr = options ? NEXTHDR_HOP : protocol;
	header->hop_limit = bench_hop_limit(job->type);
	header->saddr = bench_source6(job);
	header->daddr = job->destination.in6;
	skb_put_data(skb, bench_options, options);
	if (job->type == BENCH_UDP)
		bench_fill_datagram6(header, skb_put(skb, len), len);
	else
		bench_fill_message6(job, header, skb_put(skb, len), len, sequence);

	skb->protocol = eth_type_trans(skb, job->dev);
	if (job->flags & BENCH_FLAG_DRIVER)
		__skb_push(skb, ETH_HLEN);
	else
		bench_record_queue(skb, sequence);
	return skb;
}
