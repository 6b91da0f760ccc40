// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets a packet come in while an echo reply is on its way out, on the same CPU
 * and in the midst of it, as some tunnels do: the namespace that the module is
 * loaded in, parameter what: "request" for another echo request, "datagram" for
 * one to a closed UDP port.
 */
#include <linux/icmp.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/nsproxy.h>
#include <linux/udp.h>
#include <net/ip.h>

static char *what = "request";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "which packet comes in: request, datagram");

static struct net *test_net;

/* The message of an echo reply, made what the parameter says. */
static void test_make_message(struct sk_buff *skb)
{
	struct iphdr *iph = ip_hdr(skb);
	const unsigned int len = skb->len - iph->ihl * 4;
	struct icmphdr *icmph = (void *)iph + iph->ihl * 4;
	struct udphdr *udph = (struct udphdr *)icmph;

	if (!strcmp(what, "request")) {
		icmph->type = ICMP_ECHO;
		icmph->checksum = 0;
		icmph->checksum = ip_compute_csum(icmph, len);
		return;
	}
	iph->protocol = IPPROTO_UDP;
	*udph = (struct udphdr){
		.source = htons(4000),
		.dest = htons(9),
		.len = htons(len),
	};
}

/* Comes back from where the reply goes. */
static void test_bring_in(const struct sk_buff *reply, struct net_device *dev)
{
	struct sk_buff *skb = skb_copy(reply, GFP_ATOMIC);
	struct iphdr *iph;

	if (!skb)
		return;
	skb_orphan(skb);
	skb_scrub_packet(skb, false);
	iph = ip_hdr(skb);
	swap(iph->saddr, iph->daddr);
	test_make_message(skb);
	ip_send_check(iph);
	skb->dev = dev;
	skb->skb_iif = 0;
	skb->protocol = htons(ETH_P_IP);
	skb->ip_summed = CHECKSUM_NONE;
	skb_reset_mac_header(skb);
	netif_receive_skb(skb);
}

static unsigned int test_out(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);
	const struct icmphdr *icmph = (const void *)iph + iph->ihl * 4;

	if (iph->protocol == IPPROTO_ICMP && !skb_is_nonlinear(skb) &&
	    icmph->type == ICMP_ECHOREPLY)
		test_bring_in(skb, state->out);
	return NF_ACCEPT;
}

static const struct nf_hook_ops test_hook = {
	.hook = test_out,
	.pf = NFPROTO_IPV4,
	.hooknum = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_LAST,
};

static int __init test_busy_init(void)
{
	int err;

	test_net = get_net(current->nsproxy->net_ns);
	err = nf_register_net_hook(test_net, &test_hook);
	if (err)
		put_net(test_net);
	return err;
}

static void __exit test_busy_exit(void)
{
	nf_unregister_net_hook(test_net, &test_hook);
	put_net(test_net);
}

module_init(test_busy_init);
module_exit(test_busy_exit);
MODULE_DESCRIPTION("Lets packets come in while replies go out, for icmpx's tests");
MODULE_LICENSE("GPL");
