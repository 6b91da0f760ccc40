// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peer to beat: an echo responder of both families as XDP programs do it. It
 * believes the checksums, and answers whoever asks for whatever address: nothing that
 * it looks at is more than what it must, to find the bytes to change.
 */
#include <linux/bpf.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __always_inline void turn_round(struct ethhdr *eth)
{
	__u8 station[ETH_ALEN];

	__builtin_memcpy(station, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, station, ETH_ALEN);
}

static __always_inline int respond4(struct ethhdr *eth, void *end)
{
	struct iphdr *ip = (void *)(eth + 1);
	struct icmphdr *icmp = (void *)(ip + 1);
	__be32 address;
	__u32 sum;

	if ((void *)(icmp + 1) > end || ip->version != 4 || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_ICMP || icmp->type != ICMP_ECHO)
		return XDP_PASS;
	turn_round(eth);
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	icmp->type = ICMP_ECHOREPLY;
	sum = icmp->checksum + bpf_htons(ICMP_ECHO << 8);
	icmp->checksum = sum + (sum >> 16);
	return XDP_TX;
}

static __always_inline int respond6(struct ethhdr *eth, void *end)
{
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct icmp6hdr *icmp = (void *)(ip + 1);
	struct in6_addr address;
	__u32 sum;

	if ((void *)(icmp + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_ICMPV6 ||
	    icmp->icmp6_type != ICMPV6_ECHO_REQUEST)
		return XDP_PASS;
	turn_round(eth);
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	icmp->icmp6_type = ICMPV6_ECHO_REPLY;
	sum = icmp->icmp6_cksum + (__u16)~bpf_htons(1 << 8);
	icmp->icmp6_cksum = sum + (sum >> 16);
	return XDP_TX;
}

SEC("xdp")
int respond(struct xdp_md *context)
{
	void *end = (void *)(long)context->data_end;
	struct ethhdr *eth = (void *)(long)context->data;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return respond4(eth, end);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return respond6(eth, end);
	return XDP_PASS;
}
