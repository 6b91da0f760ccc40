// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way out: one control socket for each CPU, whose send buffer bounds the
 * memory of replies in flight and whose lock stops recursion; the message made
 * a reply, the IP header put in front of it, and the packet handed to IP.
 */
#include <linux/icmp.h>
#include <linux/workqueue.h>
#include <net/icmp.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/sock.h>

#include "claim.h"
#include "reply.h"

DEFINE_PER_CPU(struct sock *, icmpx_control_sk);

/* What every host and, in practice, every link takes whole (RFC 791). */
#define ICMPX_SMALL 576

/*
 * Replies in flight on a CPU: eight messages of 64 KiB, or some hundred small
 * ones. A reply that is its request turned round is charged with the buffer
 * that the driver took for it, often a page for 84 bytes, hence more than the
 * two messages that suffice for copies that fit.
 */
#define ICMPX_SNDBUF (8 * SKB_TRUESIZE(64 * 1024))

static void icmpx_destroy_sockets(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		inet_ctl_sock_destroy(per_cpu(icmpx_control_sk, cpu));
		per_cpu(icmpx_control_sk, cpu) = NULL;
	}
}

static int icmpx_create_sockets(void)
{
	struct sock *sk;
	int cpu, err;

	for_each_possible_cpu(cpu) {
		err = inet_ctl_sock_create(&sk, PF_INET, SOCK_RAW, IPPROTO_ICMP, &init_net);
		if (err) {
			icmpx_destroy_sockets();
			return err;
		}
		sk->sk_sndbuf = ICMPX_SNDBUF;
		/* Nobody waits for room: sock_wfree() need not wake anyone. */
		sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
		inet_sk(sk)->pmtudisc = IP_PMTUDISC_DONT;
		per_cpu(icmpx_control_sk, cpu) = sk;
	}
	return 0;
}

struct icmpx_create_work {
	struct work_struct work;
	int err;
};

static void icmpx_create_sockets_work(struct work_struct *work)
{
	container_of(work, struct icmpx_create_work, work)->err = icmpx_create_sockets();
}

/**
 * icmpx_transmit_init() - Create the control sockets.
 *
 * A socket belongs to the control group of the task that creates it, and what
 * it sends is under that group's filters (BPF, net_cls). Replies are the
 * kernel's, not those of whoever loads the module: so a kernel worker creates
 * them, which is in the root group.
 *
 * Context: process.
 *
 * Return: 0 or a negative errno, with nothing left behind.
 */
int icmpx_transmit_init(void)
{
	struct icmpx_create_work create;

	INIT_WORK_ONSTACK(&create.work, icmpx_create_sockets_work);
	queue_work(system_wq, &create.work);
	flush_work(&create.work);
	destroy_work_on_stack(&create.work);
	return create.err;
}

/**
 * icmpx_transmit_exit() - Release the control sockets.
 *
 * Replies in flight keep their socket until they are gone; that is the
 * kernel's code and memory alone.
 *
 * Context: process; nobody transmits any more.
 */
void icmpx_transmit_exit(void)
{
	icmpx_destroy_sockets();
}

/* A timestamp reply is as long as RFC 792 says, whatever the request was. */
static bool icmpx_make_timestamp(struct sk_buff *skb)
{
	const unsigned int len = ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN;

	if (skb->len > len ? pskb_trim(skb, len) : __skb_put_padto(skb, len, false))
		return false;
	if (!pskb_may_pull(skb, len))
		return false;
	icmpx_timestamp_reply(skb->data, inet_current_timestamp());
	return true;
}

/* Makes the request's message the reply's; its data begins at the ICMP header. */
static bool icmpx_make_message(struct sk_buff *skb, const struct icmpx_reply *reply, bool carry)
{
	struct icmphdr *header = (struct icmphdr *)skb->data;

	switch (reply->type) {
	case ICMP_TIMESTAMPREPLY:
		return icmpx_make_timestamp(skb);
	case ICMP_EXT_ECHOREPLY:
		icmpx_probe_reply(skb->data, reply->code, reply->status);
		break;
	default:
		carry &= icmpx_echo_reply(skb->data);
		break;
	}
	if (unlikely(!carry)) {
		header->checksum = 0;
		header->checksum = csum_fold(skb_checksum(skb, 0, skb->len, 0));
	}
	return true;
}

/*
 * Fragments are put together by their identification, so what is fragmented
 * gets one from the kernel's generator, which repeats none soon; and so does
 * what may be on its way, but for flows whose route is kept, which count.
 * A small message gets the request's: no state is shared between CPUs, and
 * nobody learns from it what else this host sends.
 */
static void icmpx_identify(struct net *net, struct icmpx_net *ix, struct iphdr *iph,
			   const struct icmpx_reply *reply, unsigned int len, unsigned int mtu)
{
	if (unlikely(len > mtu)) {
		__icmpx_count(ix, ICMPX_FRAGMENTED_REPLIES);
		__ip_select_ident(net, iph, 1);
	} else if (likely(len <= ICMPX_SMALL)) {
		iph->id = (__force __be16)reply->id;
	} else if (reply->kept) {
		iph->id = htons(reply->kept->id++);
	} else {
		__ip_select_ident(net, iph, 1);
	}
}

/* The time to live of what goes by a route. */
static u8 icmpx_ttl(const struct net *net, const struct sock *sk, const struct rtable *rt)
{
	u32 ttl;

	if (unlikely(rt->rt_type == RTN_MULTICAST))
		return inet_sk(sk)->mc_ttl;
	ttl = dst_metric_raw(&rt->dst, RTAX_HOPLIMIT);
	return ttl ?: READ_ONCE(net->ipv4.sysctl_ip_default_ttl);
}

/* An IP header of @hlen bytes, but for its identification and its options. */
static __always_inline struct iphdr *icmpx_put_header(struct sk_buff *skb, unsigned int hlen,
						      __be32 saddr, __be32 daddr, u8 ttl,
						      u8 tos)
{
	struct iphdr *iph;

	skb_reset_transport_header(skb);
	iph = __skb_push(skb, hlen);
	skb_reset_network_header(skb);
	iph->version = IPVERSION;
	iph->ihl = hlen / 4;
	iph->tos = tos;
	iph->frag_off = 0;
	iph->ttl = ttl;
	iph->protocol = IPPROTO_ICMP;
	iph->saddr = saddr;
	iph->daddr = daddr;

	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	return iph;
}

/**
 * icmpx_put_ip_header() - Put an IP header in front of a message, but for its identification.
 * @skb: the message, with its socket and its route
 * @fl4: the addresses
 * @options: IP options, room for which is kept; NULL for none
 * @destination: network order: where the message goes in the end
 * @tos: type of service
 *
 * Context: bottom halves disabled.
 */
void icmpx_put_ip_header(struct sk_buff *skb, const struct flowi4 *fl4,
			 struct icmpx_options *options, __be32 destination, u8 tos)
{
	const unsigned int hlen = sizeof(struct iphdr) + (options ? options->len : 0);

	icmpx_put_header(skb, hlen, fl4->saddr, fl4->daddr,
			 icmpx_ttl(sock_net(skb->sk), skb->sk, skb_rtable(skb)), tos);
	if (options)
		icmpx_put_options(skb, options, destination);
}

/* As icmpx_route_is_plain(), of a route that may have been kept since that was found out. */
static bool icmpx_is_plain(const struct icmpx_reply *reply, const struct rtable *rt)
{
	if (likely(reply->kept))
		return reply->kept->plain && !rt->rt_pmtu;
	return icmpx_route_is_plain(rt);
}

/* skb_set_owner_w() for a socket that is one, and has no flow hash. */
static void icmpx_charge(struct sock *sk, struct sk_buff *skb)
{
	skb_orphan(skb);
	skb->sk = sk;
	skb->destructor = sock_wfree;
	refcount_add(skb->truesize, &sk->sk_wmem_alloc);
}

/* A borrowed route gets a reference where the packet leaves RCU: no memory of others is written. */
static void icmpx_set_route(struct sk_buff *skb, const struct icmpx_reply *reply,
			    struct rtable *rt)
{
	/* That there is one is known here, and asked there. */
	if (!rt)
		__builtin_unreachable();
	if (likely(reply->kept))
		skb_dst_set_noref(skb, &rt->dst);
	else
		skb_dst_set(skb, &rt->dst);
}

/**
 * icmpx_transmit() - Make the reply out of the request and send it.
 * @sk: the control socket, locked
 * @ix: ours of the namespace
 * @reply: all set; its skb becomes NULL if that is what was sent
 * @rt: the route, a reference to which is consumed, unless it is borrowed
 *
 * Context: bottom halves disabled; rcu_read_lock().
 *
 * Return: the outcome to count.
 */
enum icmpx_stat icmpx_transmit(struct sock *sk, struct icmpx_net *ix, struct icmpx_reply *reply,
			       struct rtable *rt)
{
	const unsigned int hlen = sizeof(struct iphdr) + (reply->options ? reply->options->len : 0);
	const bool plain = icmpx_is_plain(reply, rt);
	enum icmpx_stat outcome = ICMPX_DROP_NO_BUFFER;
	struct net *net = sock_net(sk);
	bool in_place, carry;
	struct sk_buff *request = reply->skb;
	struct sk_buff *skb;
	unsigned int mtu;
	struct iphdr *iph;
	u8 ttl;

	mtu = likely(plain) ? READ_ONCE(rt->dst.dev->mtu) : dst_mtu(&rt->dst);
	if (unlikely(!inetdev_valid_mtu(mtu))) {
		outcome = ICMPX_DROP_NO_ROUTE;
		goto err_route;
	}
	if (unlikely(refcount_read(&sk->sk_wmem_alloc) >= sk->sk_sndbuf))
		goto err_route;
	/* As one packet may come in what a virtual machine meant to be cut into many. */
	outcome = ICMPX_DROP_OUTPUT;
	if (unlikely(request->len > IP_MAX_MTU - hlen))
		goto err_route;

	outcome = ICMPX_DROP_NO_MEMORY;
	/* Who left the checksum to hardware left no checksum to carry over. */
	carry = request->ip_summed != CHECKSUM_PARTIAL;
	skb = icmpx_claim(request, hlen, mtu, plain);
	if (unlikely(!skb))
		goto err_route;
	in_place = skb == request;
	if (in_place) {
		reply->skb = NULL;
		/* Netfilter takes it for where a packet came in that passes through. */
		skb->dev = NULL;
	}
	if (unlikely(!icmpx_make_message(skb, reply, carry)))
		goto err_skb;

	icmpx_set_route(skb, reply, rt);
	skb->priority = READ_ONCE(sk->sk_priority);
	skb->mark = reply->flow.mark;
	skb->ignore_df = 1;
	icmpx_charge(sk, skb);
	ttl = likely(plain) ? READ_ONCE(net->ipv4.sysctl_ip_default_ttl) : icmpx_ttl(net, sk, rt);
	iph = icmpx_put_header(skb, hlen, reply->flow.saddr, reply->flow.daddr, ttl, reply->tos);
	if (unlikely(reply->options))
		icmpx_put_options(skb, reply->options, reply->destination);
	icmpx_identify(net, ix, iph, reply, skb->len, mtu);
	/*
	 * Of every type of reply: Linux counts what a raw socket sends by the
	 * type that its route was looked up for, and a control socket is one.
	 */
	if (unlikely(icmpx_local_out(net, ix, sk, skb, ICMP_ECHOREPLY, true)))
		return ICMPX_DROP_OUTPUT;
	return in_place ? ICMPX_REPLY_IN_PLACE : ICMPX_REPLY_COPIED;

err_skb:
	kfree_skb(skb);
err_route:
	icmpx_put_route(reply, rt);
	__ICMP_INC_STATS(net, ICMP_MIB_OUTERRORS);
	return outcome;
}
