// SPDX-License-Identifier: GPL-2.0-only
/* The messages of the benchmark, over IPv4. */
#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/udp.h>
#include <net/ip.h>

#include "bench.h"

#define BENCH_PORT 9
/* Record route, seven bytes, with room for an address; then the end of the list. */
#define BENCH_OPTIONS_LEN 8

static const u8 bench_station[ETH_ALEN] = BENCH_STATION;

/* Both headers are of one length. */
static_assert(sizeof(struct icmphdr) == sizeof(struct udphdr));

static void bench_fill_icmp(struct bench_job *job, struct icmphdr *icmph, unsigned int len,
			    u16 sequence)
{
	icmph->type = job->type;
	icmph->code = job->type == ICMP_DEST_UNREACH ? ICMP_PORT_UNREACH : 0;
	if (job->identifiers)
		icmph->un.echo.id = htons(bench_draw(job));
	icmph->un.echo.sequence = htons(sequence);
	icmph->checksum = 0;
	icmph->checksum = ip_compute_csum(icmph, len);
}

static void bench_fill_udp(struct udphdr *udph, unsigned int len)
{
	udph->source = htons(BENCH_PORT);
	udph->dest = htons(BENCH_PORT);
	udph->len = htons(len);
	udph->check = 0;
}

/* The next spoofed source; each one comes again after 2^29 at the earliest. */
static __be32 bench_spoof(void)
{
	static u32 state;

	state = state * 1664525 + 1013904223;
	return htonl(0x0b000000 + state % 0x60000000);
}

static __be32 bench_source(const struct bench_job *job)
{
	if (!job->source.ip)
		return bench_spoof();
	if (job->sources <= 1)
		return job->source.ip;
	return htonl(ntohl(job->source.ip) + bench_next_source(job));
}

/* What the error quotes: a header and eight bytes. */
static void bench_fill_quotation(const struct bench_job *job, struct iphdr *iph)
{
	struct udphdr *udph = (struct udphdr *)(iph + 1);

	iph->version = IPVERSION;
	iph->ihl = sizeof(*iph) / 4;
	iph->tot_len = htons(sizeof(*iph) + sizeof(*udph));
	iph->ttl = IPDEFTTL;
	iph->protocol = IPPROTO_UDP;
	iph->saddr = job->destination.ip;
	iph->daddr = job->source.ip;
	ip_send_check(iph);
	bench_fill_udp(udph, sizeof(*udph));
}

/* Part of a datagram, from byte @offset behind its header on. */
static struct sk_buff *bench_make_fragment(const struct sk_buff *whole, unsigned int offset,
					   unsigned int len, bool last)
{
	struct iphdr *iph;
	struct sk_buff *skb;

	skb = netdev_alloc_skb_ip_align(whole->dev, ETH_HLEN + sizeof(*iph) + len);
	if (!skb)
		return NULL;
	skb_put_data(skb, skb_mac_header(whole), ETH_HLEN);
	iph = skb_put_data(skb, whole->data, sizeof(*iph));
	iph->tot_len = htons(sizeof(*iph) + len);
	iph->frag_off = htons(offset / 8 | (last ? 0 : IP_MF));
	ip_send_check(iph);
	skb_put_data(skb, whole->data + sizeof(*iph) + offset, len);
	skb->protocol = eth_type_trans(skb, whole->dev);
	skb_copy_queue_mapping(skb, whole);
	return skb;
}

/* The fragments of @whole, a datagram without options, which it consumes; or NULL. */
static struct sk_buff *bench_cut(struct sk_buff *whole)
{
	const unsigned int most = round_down(whole->dev->mtu - sizeof(struct iphdr), 8);
	const unsigned int end = whole->len - sizeof(struct iphdr);
	struct sk_buff *list = NULL, **next = &list;
	unsigned int offset, len;

	for (offset = 0; offset < end; offset += len, next = &(*next)->next) {
		len = min(most, end - offset);
		*next = bench_make_fragment(whole, offset, len, offset + len == end);
		if (!*next)
			break;
	}
	consume_skb(whole);
	if (offset < end)
		kfree_skb_list(list);
	return offset < end ? NULL : list;
}

struct sk_buff *bench_make(struct bench_job *job, u16 sequence)
{
	const unsigned int len = sizeof(struct icmphdr) + job->len;
	const unsigned int options = job->flags & BENCH_FLAG_OPTIONS ? BENCH_OPTIONS_LEN : 0;
	static const u8 record_route[BENCH_OPTIONS_LEN] = { IPOPT_RR, 7, 4 };
	struct sk_buff *skb;
	struct ethhdr *eth;
	struct iphdr *iph;
	void *message;

	skb = netdev_alloc_skb_ip_align(job->dev, ETH_HLEN + sizeof(*iph) + options + len);
	if (!skb)
		return NULL;
	eth = skb_put_zero(skb, sizeof(*eth));
	ether_addr_copy(eth->h_dest, job->dev->dev_addr);
	ether_addr_copy(eth->h_source, bench_station);
	eth->h_proto = htons(ETH_P_IP);

	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = IPVERSION;
	iph->ihl = (sizeof(*iph) + options) / 4;
	iph->tot_len = htons(sizeof(*iph) + options + len);
	iph->id = htons(sequence);
	iph->ttl = IPDEFTTL;
	iph->protocol = job->type == BENCH_UDP ? IPPROTO_UDP : IPPROTO_ICMP;
	iph->saddr = bench_source(job);
	iph->daddr = job->destination.ip;
	skb_put_data(skb, record_route, options);
	ip_send_check(iph);

	message = skb_put(skb, len);
	memset(message, 0xa5, len);
	if (job->type == ICMP_DEST_UNREACH)
		bench_fill_quotation(job, message + sizeof(struct icmphdr));
	if (job->type == BENCH_UDP)
		bench_fill_udp(message, len);
	else
		bench_fill_icmp(job, message, len, sequence);

	skb->protocol = eth_type_trans(skb, job->dev);
	if (job->flags & BENCH_FLAG_DRIVER)
		__skb_push(skb, ETH_HLEN);
	else
		bench_record_queue(skb, sequence);
	return job->flags & BENCH_FLAG_FRAGMENTS ? bench_cut(skb) : skb;
}
