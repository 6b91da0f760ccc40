// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peer to beat: an echo responder as XDP programs do it. It believes the
 * checksums, and answers whoever asks for whatever address: nothing that it looks
 * at is more than what it must, to find the bytes to change.
 */
#include <linux/bpf.h>
#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __always_inline void turn_round(struct ethhdr *eth, struct iphdr *ip, struct icmphdr *icmp)
{
	const __be32 address = ip->saddr;
	__u8 station[ETH_ALEN];
	__u32 sum;

	__builtin_memcpy(station, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, station, ETH_ALEN);
	ip->saddr = ip->daddr;
	ip->daddr = address;
	icmp->type = ICMP_ECHOREPLY;
	sum = icmp->checksum + bpf_htons(ICMP_ECHO << 8);
	icmp->checksum = sum + (sum >> 16);
}

SEC("xdp")
int respond(struct xdp_md *context)
{
	void *end = (void *)(long)context->data_end;
	struct ethhdr *eth = (void *)(long)context->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct icmphdr *icmp = (void *)(ip + 1);

	if ((void *)(icmp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->version != 4 ||
	    ip->ihl != 5 || ip->protocol != IPPROTO_ICMP || icmp->type != ICMP_ECHO)
		return XDP_PASS;
	turn_round(eth, ip, icmp);
	return XDP_TX;
}
