// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of replies to the ping socket that sent the request, and recvmsg(). */
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/transp_v6.h>

#include "compat6.h"
#include "ping/internal.h"
#include "tracing.h"

static enum icmpx_stat icmpx_drop_outcome(enum skb_drop_reason reason)
{
	switch (reason) {
	case SKB_DROP_REASON_SOCKET_RCVBUFF:
		return ICMPX_DROP_SOCKET_FULL;
	case SKB_DROP_REASON_SOCKET_FILTER:
		return ICMPX_DROP_SOCKET_FILTER;
	default:
		return ICMPX_DROP_SOCKET_MEMORY;
	}
}

/* Not inline: what is delivered would save a register more. */
static noinline int icmpx_ping_drop(struct icmpx_family *family, struct sock *sk,
				    struct sk_buff *skb, enum icmpx_stat outcome,
				    enum skb_drop_reason reason)
{
	__icmpx_count(family, outcome);
	if (icmpx_is_tracing())
		icmpx_trace_received(skb, outcome);
	icmpx_skb_drop(sk, skb, reason);
	return NET_RX_DROP;
}

/**
 * icmpx_ping_wanted() - Find the ping socket that sent the request of a reply.
 * @ix: icmpx's state of the namespace that the reply came into
 * @skb: the reply, whose ICMP header can be read
 * @ambiguous: set to true if several sockets share the identifier, and none has the
 *	reply's source as its peer
 *
 * Context: as icmpx_rcv().
 *
 * Return: the socket; NULL if icmpx has no such socket.
 */
struct sock *icmpx_ping_wanted(struct icmpx_net *ix, struct sk_buff *skb, bool *ambiguous)
{
	const struct icmpx_ping_query query = {
		.peer = &ip_hdr(skb)->saddr,
		.local = &ip_hdr(skb)->daddr,
		.dif = inet_iif(skb),
		.sdif = inet_sdif(skb),
		.id = ntohs(icmp_hdr(skb)->un.echo.id),
	};

	return icmpx_ping_find(&ix->ping, &query, ambiguous);
}

#if IS_ENABLED(CONFIG_IPV6)
/* The same of IPv6. */
struct sock *icmpx_ping6_wanted(struct icmpx_net *ix, struct sk_buff *skb, bool *ambiguous)
{
	const struct icmpx_ping_query query = {
		.peer = &ipv6_hdr(skb)->saddr,
		.local = &ipv6_hdr(skb)->daddr,
		.dif = inet6_iif(skb),
		.sdif = inet6_sdif(skb),
		.id = ntohs(icmp6_hdr(skb)->icmp6_identifier),
	};

	return icmpx_ping6_find(&ix->ping, &query, ambiguous);
}
#endif

static __always_inline int icmpx_ping_deliver(struct icmpx_family *family, struct sock *sk,
					      struct sk_buff *skb)
{
	const enum skb_drop_reason reason = icmpx_sock_queue(sk, skb);

	if (unlikely(reason))
		return icmpx_ping_drop(family, sk, skb, icmpx_drop_outcome(reason), reason);
	__icmpx_count(family, ICMPX_DELIVER_PING);
	return NET_RX_SUCCESS;
}

/* Once it is in the queue, a reply belongs to the program, so it is noted before. */
static noinline int icmpx_ping_deliver_traced(struct icmpx_family *family, struct sock *sk,
					      struct sk_buff *skb)
{
	const u16 identifier = ntohs(icmp_hdr(skb)->un.echo.id);
	const u16 sequence = ntohs(icmp_hdr(skb)->un.echo.sequence);
	struct icmpx_traced reply;
	int status;

	icmpx_trace_note(&reply, skb, skb_transport_offset(skb));
	status = icmpx_ping_deliver(family, sk, skb);
	if (status == NET_RX_SUCCESS)
		icmpx_trace_delivered(&reply, sk, identifier, sequence);
	return status;
}

/**
 * icmpx_ping_rcv() - Give a reply to the ping socket that sent the request.
 * @family: icmpx's state of the reply's address family in the namespace that it came into
 * @skb: an echo reply or an extended echo reply, whose ICMP header was pulled;
 *	consumed
 * @sk: the socket that icmpx_ping_wanted() or icmpx_ping6_wanted() returned, or NULL
 * @ambiguous: what that function set; selects the counter of the drop without @sk
 *
 * The program gets the message with its ICMP header. The skb itself goes into the
 * receive queue, not a clone: no other reader needs the skb.
 *
 * Context: as icmpx_rcv().
 *
 * Return: NET_RX_SUCCESS or NET_RX_DROP.
 */
int icmpx_ping_rcv(struct icmpx_family *family, struct sk_buff *skb, struct sock *sk,
		   bool ambiguous)
{
	/* The header of ICMPv6 has the same length. */
	__skb_push(skb, sizeof(struct icmphdr));
	if (!sk)
		return icmpx_ping_drop(family, NULL, skb,
				       ambiguous ? ICMPX_DROP_AMBIGUOUS : ICMPX_DROP_NO_SOCKET,
				       SKB_DROP_REASON_NO_SOCKET);

	/* A reply that waits for a program must not hold a conntrack entry. */
	nf_reset_ct(skb);
	if (icmpx_is_tracing())
		return icmpx_ping_deliver_traced(family, sk, skb);
	return icmpx_ping_deliver(family, sk, skb);
}

/**
 * icmpx_ping_queue() - Queue a packet for a socket.
 * @sk: the socket
 * @skb: the packet; consumed
 *
 * Linux calls this for skbs in a socket's backlog, which wait for the socket lock. Replies
 * do not wait for that lock.
 *
 * Context: process; @sk is locked.
 *
 * Return: 0, or -1 if the packet was dropped.
 */
int icmpx_ping_queue(struct sock *sk, struct sk_buff *skb)
{
	const enum skb_drop_reason reason = icmpx_sock_queue(sk, skb);

	if (!reason)
		return 0;
	icmpx_skb_drop(sk, skb, reason);
	return -1;
}

/* Tells the program the source of @skb. Returns the length of the address, in bytes. */
static int icmpx_source_address(struct msghdr *msg, const struct sk_buff *skb)
{
	DECLARE_SOCKADDR(struct sockaddr_in *, name, msg->msg_name);

	*name = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = ip_hdr(skb)->saddr,
	};
	return sizeof(*name);
}

#if IS_ENABLED(CONFIG_IPV6)
static int icmpx6_source_address(struct msghdr *msg, const struct sock *sk,
				 const struct sk_buff *skb)
{
	DECLARE_SOCKADDR(struct sockaddr_in6 *, name, msg->msg_name);
	const struct ipv6hdr *header = ipv6_hdr(skb);

	*name = (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_flowinfo = icmpx6_sk_sndflow(sk) ? ip6_flowinfo(header) : 0,
		.sin6_addr = header->saddr,
		.sin6_scope_id = ipv6_iface_scope_id(&header->saddr, inet6_iif(skb)),
	};
	return sizeof(*name);
}

/* The source of a reply over IPv6, and what the socket's options ask for (RFC 3542). */
static void icmpx6_describe(struct sock *sk, struct msghdr *msg, struct sk_buff *skb,
			    int *addr_len)
{
	if (msg->msg_name)
		*addr_len = icmpx6_source_address(msg, sk, skb);
	if (inet6_sk(sk)->rxopt.all)
		ip6_datagram_recv_ctl(sk, msg, skb);
}
#else
static void icmpx6_describe(struct sock *sk, struct msghdr *msg, struct sk_buff *skb,
			    int *addr_len)
{
}
#endif

static void icmpx_describe(struct sock *sk, struct msghdr *msg, struct sk_buff *skb, int *addr_len)
{
	if (msg->msg_name)
		*addr_len = icmpx_source_address(msg, skb);
	if (icmpx_sk_cmsg_flags(sk))
		ip_cmsg_recv(msg, skb);
}

/* Receives a reply; sets @addr_len to the length of the source address, if that is wanted. */
static int icmpx_receive(struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len)
{
	struct sk_buff *skb;
	size_t copied;
	int err;

	skb = skb_recv_datagram(sk, flags, &err);
	if (!skb)
		return err;
	copied = min_t(size_t, skb->len, len);
	if (copied < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	err = skb_copy_datagram_msg(skb, 0, msg, copied);
	if (!err) {
		/* sock_recv_cmsgs() would lose the time stamp of the first packet (SIOCGSTAMP). */
		__sock_recv_cmsgs(msg, sk, skb);
		if (sk->sk_family == AF_INET6)
			icmpx6_describe(sk, msg, skb, addr_len);
		else
			icmpx_describe(sk, msg, skb, addr_len);
		err = copied;
	}
	skb_free_datagram(sk, skb);
	return err;
}

/**
 * icmpx_ping_recvmsg() - recvmsg(2).
 * @sk: the socket
 * @msg: set to the message, its source address and its control messages
 * @len: room for the message, in bytes
 * @flags: MSG_PEEK, MSG_DONTWAIT, MSG_ERRQUEUE, ...
 * @addr_len: set to the length of the address, in bytes; since Linux 7.2, that is set in
 *	@msg instead
 *
 * Context: process.
 *
 * Return: bytes received, or a negative errno.
 */
#if ICMPX_RECVMSG_HAS_ADDR_LEN
int icmpx_ping_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len)
{
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (flags & MSG_ERRQUEUE)
		return inet_recv_error(sk, msg, len, addr_len);
	return icmpx_receive(sk, msg, len, flags, addr_len);
}
#else
int icmpx_ping_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags)
{
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (flags & MSG_ERRQUEUE)
		return inet_recv_error(sk, msg, len);
	return icmpx_receive(sk, msg, len, flags, &msg->msg_namelen);
}
#endif
