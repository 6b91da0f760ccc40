// SPDX-License-Identifier: GPL-2.0-only
/*
 * Builds the packet of a program's message over IPv6. What fits into one packet without more
 * ado, as nearly every ping does, is built here. All else is built by ip6_append_data(), which
 * also reports what it refuses to the error queue.
 */
#include <linux/icmpv6.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>

#include "compat6.h"
#include "out/out6.h"
#include "ping/internal.h"

/* Bytes of headroom that the packet needs. */
static unsigned int icmpx6_headroom(const struct icmpx6_outgoing *out)
{
	return LL_RESERVED_SPACE(out->rt->dst.dev) + sizeof(struct ipv6hdr);
}

/* Whether a message becomes one packet in a linear buffer, with no more than an IPv6 header. */
static bool icmpx6_is_simple(struct sock *sk, const struct icmpx6_outgoing *out)
{
	const unsigned int fragment = READ_ONCE(inet6_sk(sk)->frag_size);
	const unsigned int len = sizeof(struct ipv6hdr) + out->len;
	const struct dst_entry *dst = &out->rt->dst;
	unsigned int mtu;

	if (dst_xfrm(dst) || dst->header_len || out->rt->rt6i_nfheader_len)
		return false;
	if (icmpx6_headroom(out) + out->len >= SKB_MAX_ALLOC)
		return false;
	mtu = icmpx6_sk_pmtudisc(sk) >= IPV6_PMTUDISC_PROBE ? READ_ONCE(dst->dev->mtu) :
							      dst_mtu(dst);
	return len <= mtu && (!fragment || len <= fragment);
}

/* RFC 4443, 2.3. @sum is that of the data behind the header. */
static void icmpx6_fill_checksum(struct icmpx6_outgoing *out, __wsum sum)
{
	sum = csum_partial(&out->header, sizeof(out->header), sum);
	out->header.icmp6_cksum = csum_ipv6_magic(&out->fl6.saddr, &out->fl6.daddr, out->len,
						  IPPROTO_ICMPV6, sum);
}

static struct sk_buff *icmpx6_copy_message(struct sock *sk, struct icmpx6_outgoing *out)
{
	const unsigned int headroom = icmpx6_headroom(out);
	struct sk_buff *skb;
	__wsum sum = 0;
	int err;

	skb = sock_alloc_send_skb(sk, headroom + out->len, 1, &err);
	if (!skb)
		return ERR_PTR(err);
	skb_reserve(skb, headroom);
	skb_put(skb, out->len);
	if (!csum_and_copy_from_iter_full(skb->data + sizeof(out->header),
					  out->len - sizeof(out->header), &sum,
					  &out->msg->msg_iter)) {
		kfree_skb(skb);
		return ERR_PTR(-EFAULT);
	}
	icmpx6_fill_checksum(out, sum);
	memcpy(skb->data, &out->header, sizeof(out->header));
	return skb;
}

static void icmpx6_dress(struct sock *sk, struct sk_buff *skb, struct icmpx6_outgoing *out)
{
	const struct ipcm6_cookie *ipc = &out->ipc;
	struct flowi6 *fl6 = &out->fl6;
	struct ipv6hdr *header;

	header = icmpx6_put_header(skb, &fl6->saddr, &fl6->daddr, ipc->hlimit);
	/* A control message may ask for -1, which is 255 here, as in the built-in code. */
	ip6_flow_hdr(header, (u8)ipc->tclass,
		     ip6_make_flowlabel(sock_net(sk), skb, fl6->flowlabel, icmpx6_sk_autolabel(sk),
					fl6));
	skb->ignore_df = ip6_sk_ignore_df(sk);
	skb->priority = icmpx6_priority(sk, ipc);
	skb->mark = ipc->sockc.mark;
	icmpx_set_delivery_time(skb, ipc->sockc.transmit_time, sk);
	icmpx_setup_tx_timestamp(skb, &ipc->sockc);
	skb_dst_set(skb, &out->rt->dst);
	out->rt = NULL;
}

/*
 * The socket is not locked: nothing of the message is kept in it, so several threads can send
 * at once. As in the built-in code, the program is not told if the packet is dropped on its way
 * out.
 */
static int icmpx6_send_simple(struct sock *sk, struct icmpx6_outgoing *out)
{
	struct net *net = sock_net(sk);
	struct sk_buff *skb;
	int err;

	skb = icmpx6_copy_message(sk, out);
	if (IS_ERR(skb)) {
		IP6_INC_STATS(net, ip6_dst_idev(&out->rt->dst), IPSTATS_MIB_OUTDISCARDS);
		return PTR_ERR(skb);
	}
	icmpx6_dress(sk, skb, out);
	rcu_read_lock();
	err = icmpx6_local_out(net, sk, skb, out->header.icmp6_type, false);
	rcu_read_unlock();
	icmpx_count(&icmpx_net(net)->v6, err ? ICMPX_PING_SEND_FAILED : ICMPX_PING_SENT);
	return 0;
}

/* Copies a part of the message for ip6_append_data(), and adds it to the sum of its skb. */
static int icmpx6_getfrag(void *from, char *to, int offset, int len, int odd, struct sk_buff *skb)
{
	struct icmpx6_outgoing *out = from;
	__wsum sum = 0;

	if (!csum_and_copy_from_iter_full(to, len, &sum, &out->msg->msg_iter))
		return -EFAULT;
	skb->csum = csum_block_add(skb->csum, sum, odd);
	skb->ip_summed = CHECKSUM_NONE;
	return 0;
}

/* Sends what ip6_append_data() has queued. All pieces but the last one have an even length. */
static int icmpx6_push_queue(struct sock *sk, struct icmpx6_outgoing *out)
{
	struct sk_buff *head = skb_peek(&sk->sk_write_queue);
	struct sk_buff *skb;
	__wsum sum = 0;

	skb_queue_walk(&sk->sk_write_queue, skb)
		sum = csum_add(sum, skb->csum);
	icmpx6_fill_checksum(out, sum);
	*icmp6_hdr(head) = out->header;
	return ip6_push_pending_frames(sk);
}

static int icmpx6_send_queued(struct sock *sk, struct icmpx6_outgoing *out)
{
	struct net *net = sock_net(sk);
	int err;

	lock_sock(sk);
	err = ip6_append_data(sk, icmpx6_getfrag, out, out->len, sizeof(out->header), &out->ipc,
			      &out->fl6, out->rt, MSG_DONTWAIT);
	if (err) {
		ip6_flush_pending_frames(sk);
	} else {
		const bool failed = icmpx6_push_queue(sk, out);

		icmpx_count(&icmpx_net(net)->v6, failed ? ICMPX_PING_SEND_FAILED : ICMPX_PING_SENT);
	}
	release_sock(sk);
	return err;
}

/**
 * icmpx6_send_datagram() - Send a program's message over IPv6.
 * @sk: the socket
 * @out: the message, all members set but the checksum
 *
 * Context: process.
 *
 * Return: 0, also if the packet is dropped on its way out; -EMSGSIZE if the message needs
 * fragments and must not be fragmented; -EAGAIN if the send buffer is full; -ENOBUFS, -EFAULT.
 */
int icmpx6_send_datagram(struct sock *sk, struct icmpx6_outgoing *out)
{
	struct inet6_dev *idev = ip6_dst_idev(&out->rt->dst);
	int err;

	if (likely(icmpx6_is_simple(sk, out)))
		err = icmpx6_send_simple(sk, out);
	else
		err = icmpx6_send_queued(sk, out);
	/* In case of an error, the route and its device are still held. */
	if (err)
		ICMP6_INC_STATS(sock_net(sk), idev, ICMP6_MIB_OUTERRORS);
	return err;
}
