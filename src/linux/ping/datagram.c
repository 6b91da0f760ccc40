// SPDX-License-Identifier: GPL-2.0-only
/*
 * Builds the IP datagram of a program's message. The data is copied and checksummed in
 * one pass, in pieces. If the datagram needs fragments, each piece becomes a fragment.
 */
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/sock.h>

#include "error/error.h"
#include "out/out.h"
#include "ping/internal.h"

/**
 * struct icmpx_pieces - how a datagram is cut into pieces
 * @sk: the socket
 * @out: the message
 * @hlen: bytes of the IP header and its options
 * @payload: bytes of payload of each piece but the last, a multiple of 8
 * @mtu: bytes of a piece at most, its IP header and options included
 */
struct icmpx_pieces {
	struct sock *sk;
	struct icmpx_outgoing *out;
	unsigned int hlen;
	unsigned int payload;
	unsigned int mtu;
};

/*
 * As in ip_append_data(), a piece that is too large for a linear buffer has its data in
 * pages, if the device supports scatter/gather.
 */
static unsigned int icmpx_linear_len(const struct icmpx_pieces *pieces, unsigned int len,
				     unsigned int extra)
{
	if (pieces->hlen + len + extra < SKB_MAX_ALLOC)
		return len;
	if (!(pieces->out->rt->dst.dev->features & NETIF_F_SG))
		return len;
	return min_t(unsigned int, len, sizeof(struct icmphdr));
}

/*
 * Only the allocation of the first piece waits for room in the send buffer. The other
 * pieces may fill the buffer to twice its size, so that a datagram of which some pieces
 * are allocated does not block.
 */
static struct sk_buff *icmpx_alloc_piece(const struct icmpx_pieces *pieces, unsigned int len,
					 bool first, int *err)
{
	const struct dst_entry *dst = &pieces->out->rt->dst;
	const unsigned int headroom = LL_RESERVED_SPACE(dst->dev) + pieces->hlen +
				      (first ? dst->header_len : 0);
	const unsigned int extra = headroom - pieces->hlen + dst->trailer_len + 15;
	const unsigned int linear = icmpx_linear_len(pieces, len, extra);
	const unsigned int size = pieces->hlen + linear + extra;
	struct sock *sk = pieces->sk;
	struct sk_buff *skb = NULL;

	*err = -ENOBUFS;
	if (first)
		skb = sock_alloc_send_pskb(sk, size, len - linear,
					   pieces->out->msg->msg_flags & MSG_DONTWAIT, err,
					   PAGE_ALLOC_COSTLY_ORDER);
	else if (refcount_read(&sk->sk_wmem_alloc) <= 2 * READ_ONCE(sk->sk_sndbuf))
		skb = alloc_skb_with_frags(size, len - linear, PAGE_ALLOC_COSTLY_ORDER, err,
					   sk->sk_allocation);
	if (!skb)
		return NULL;
	skb_reserve(skb, headroom);
	skb_put(skb, linear);
	skb->data_len = len - linear;
	skb->len += len - linear;
	return skb;
}

/* Copies the program's data to a piece, from @offset on, and adds it to the checksum. */
static int icmpx_fill_piece(struct icmpx_outgoing *out, struct sk_buff *skb, unsigned int offset)
{
	struct iov_iter *from = &out->msg->msg_iter;
	int i;

	if (!csum_and_copy_from_iter_full(skb->data + offset, skb_headlen(skb) - offset, &out->sum,
					  from))
		return -EFAULT;
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		if (!csum_and_copy_from_iter_full(skb_frag_address(frag), skb_frag_size(frag),
						  &out->sum, from))
			return -EFAULT;
	}
	return 0;
}

/*
 * Adds the pieces after the first one to the frag_list of @head. The memory of all pieces
 * is charged to the socket through @head.
 */
static int icmpx_add_pieces(const struct icmpx_pieces *pieces, struct sk_buff *head)
{
	struct sk_buff **tail = &skb_shinfo(head)->frag_list;
	unsigned int left = pieces->out->len - head->len;
	struct sk_buff *skb;
	unsigned int len;
	int err;

	for (; left; left -= len) {
		len = left > pieces->mtu - pieces->hlen ? pieces->payload : left;
		skb = icmpx_alloc_piece(pieces, len, false, &err);
		if (!skb)
			return err;
		*tail = skb;
		tail = &skb->next;
		head->len += len;
		head->data_len += len;
		head->truesize += skb->truesize;
		refcount_add(skb->truesize, &pieces->sk->sk_wmem_alloc);
		err = icmpx_fill_piece(pieces->out, skb, 0);
		if (err)
			return err;
	}
	return 0;
}

static struct sk_buff *icmpx_copy_message(const struct icmpx_pieces *pieces)
{
	struct icmpx_outgoing *out = pieces->out;
	const unsigned int len = out->len > pieces->mtu - pieces->hlen ? pieces->payload : out->len;
	struct sk_buff *skb;
	int err;

	skb = icmpx_alloc_piece(pieces, len, true, &err);
	if (!skb)
		return ERR_PTR(err);
	err = icmpx_fill_piece(out, skb, sizeof(out->header));
	if (!err)
		err = icmpx_add_pieces(pieces, skb);
	if (err) {
		kfree_skb(skb);
		return ERR_PTR(err);
	}
	out->header.checksum =
		csum_fold(csum_partial(&out->header, sizeof(out->header), out->sum));
	memcpy(skb->data, &out->header, sizeof(out->header));
	skb->ip_summed = CHECKSUM_NONE;
	return skb;
}

static u8 icmpx_request_ttl(const struct sock *sk, const struct icmpx_outgoing *out)
{
	const struct inet_sock *inet = inet_sk(sk);
	const int ttl = READ_ONCE(inet->uc_ttl);

	if (out->ipc.ttl)
		return out->ipc.ttl;
	if (out->rt->rt_type == RTN_MULTICAST)
		return READ_ONCE(inet->mc_ttl);
	return ttl < 0 ? ip4_dst_hoplimit(&out->rt->dst) : ttl;
}

/* Returns IP_DF if routers must not fragment the datagram (RFC 1191), else 0. */
static __be16 icmpx_dont_fragment(struct sock *sk, const struct sk_buff *skb,
				  const struct rtable *rt)
{
	const u8 discovery = READ_ONCE(inet_sk(sk)->pmtudisc);

	if (discovery == IP_PMTUDISC_DO || discovery == IP_PMTUDISC_PROBE)
		return htons(IP_DF);
	if (skb->len <= dst_mtu(&rt->dst) && ip_dont_fragment(sk, &rt->dst))
		return htons(IP_DF);
	return 0;
}

static void icmpx_dress(struct sock *sk, struct sk_buff *skb, struct icmpx_outgoing *out,
			unsigned int hlen)
{
	const struct ipcm_cookie *ipc = &out->ipc;
	const u8 tos = ipc->tos != -1 ? ipc->tos : READ_ONCE(inet_sk(sk)->tos);
	const u8 ttl = icmpx_request_ttl(sk, out);
	struct iphdr *iph;

	skb->ignore_df = ip_sk_ignore_df(sk);
	iph = icmpx_put_header(skb, hlen, out->fl4.saddr, out->fl4.daddr, ttl, tos);
	iph->frag_off = icmpx_dont_fragment(sk, skb, out->rt);
	ip_select_ident(sock_net(sk), skb, sk);
	if (ipc->opt)
		icmpx_put_ip_options(skb, &ipc->opt->opt, ipc->addr);

	skb->priority = icmpx_priority(sk, ipc);
	skb->mark = ipc->sockc.mark;
	icmpx_set_delivery_time(skb, ipc->sockc.transmit_time, sk);
	icmpx_setup_tx_timestamp(skb, &ipc->sockc);
	if (out->msg->msg_flags & MSG_CONFIRM)
		skb_set_dst_pending_confirm(skb, 1);
	skb_dst_set(skb, &out->rt->dst);
	out->rt = NULL;
}

/**
 * icmpx_send_datagram() - Send a program's message.
 * @sk: the socket, locked
 * @out: the message, all members set but the sum and the checksum
 *
 * Context: process; may wait for room in the send buffer.
 *
 * Return: 0; -EMSGSIZE if the message needs fragments and must not be fragmented, or does
 * not fit into an IP datagram; -ENETUNREACH, -EAGAIN, -ENOBUFS, -EFAULT, ...
 */
int icmpx_send_datagram(struct sock *sk, struct icmpx_outgoing *out)
{
	const struct ip_options *opt = out->ipc.opt ? &out->ipc.opt->opt : NULL;
	const unsigned int options_len = opt ? opt->optlen : 0;
	struct icmpx_net *ix = icmpx_net(sock_net(sk));
	struct icmpx_pieces pieces = {
		.sk = sk,
		.out = out,
		.hlen = sizeof(struct iphdr) + options_len,
	};
	struct sk_buff *skb;
	unsigned int max;
	int err;

	pieces.mtu = ip_sk_use_pmtu(sk) ? dst_mtu(&out->rt->dst) :
					  READ_ONCE(out->rt->dst.dev->mtu);
	if (!inetdev_valid_mtu(pieces.mtu))
		return -ENETUNREACH;
	pieces.payload = round_down(pieces.mtu - pieces.hlen, 8);
	max = ip_sk_ignore_df(sk) ? IP_MAX_MTU : pieces.mtu;
	if (out->len > max - pieces.hlen) {
		icmpx_queue_local_error(sk, EMSGSIZE, out->fl4.daddr, pieces.mtu - options_len);
		return -EMSGSIZE;
	}

	skb = icmpx_copy_message(&pieces);
	if (IS_ERR(skb)) {
		IP_INC_STATS(sock_net(sk), IPSTATS_MIB_OUTDISCARDS);
		return PTR_ERR(skb);
	}
	icmpx_dress(sk, skb, out, pieces.hlen);
	err = icmpx_local_out(sock_net(sk), ix, sk, skb, out->header.type, false);
	if (!err)
		icmpx_count(&ix->v4, ICMPX_PING_SENT);
	return err;
}
