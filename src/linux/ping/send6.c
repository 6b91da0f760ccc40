// SPDX-License-Identifier: GPL-2.0-only
/* Requests that ping sockets of IPv6 send, see send.c. */
#include <icmpx/dispatch.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/transp_v6.h>

#include "compat6.h"
#include "error/error.h"
#include "ping/internal.h"

/* Reads the ICMPv6 header. Only the program's type, code and sequence number are used. */
static int icmpx6_read_request(struct msghdr *msg, size_t len, struct icmp6hdr *request)
{
	if (len > 0xFFFF)
		return -EMSGSIZE;
	if (len < sizeof(*request))
		return -EINVAL;
	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (memcpy_from_msg(request, msg, sizeof(*request)))
		return -EFAULT;
	return icmpx6_is_request(request->icmp6_type, request->icmp6_code) ? 0 : -EINVAL;
}

/* Sets the destination of the flow and its label, and the interface if the address has a scope. */
static int icmpx6_destination(struct sock *sk, const struct msghdr *msg, struct flowi6 *fl6)
{
	DECLARE_SOCKADDR(const struct sockaddr_in6 *, name, msg->msg_name);

	if (!name) {
		if (sk->sk_state != TCP_ESTABLISHED)
			return -EDESTADDRREQ;
		fl6->daddr = sk->sk_v6_daddr;
		fl6->flowlabel = inet6_sk(sk)->flow_label;
		return 0;
	}
	if (msg->msg_namelen < sizeof(*name))
		return -EINVAL;
	if (name->sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	fl6->daddr = name->sin6_addr;
	if (icmpx6_sk_sndflow(sk))
		fl6->flowlabel = name->sin6_flowinfo & IPV6_FLOWINFO_MASK;
	if (__ipv6_addr_needs_scope_id(ipv6_addr_type(&name->sin6_addr)))
		fl6->flowi6_oif = name->sin6_scope_id;
	return 0;
}

/* The interface that the socket's options name: the most particular one first. */
static int icmpx6_socket_interface(const struct sock *sk, const struct in6_addr *destination)
{
	const struct ipv6_pinfo *np = inet6_sk(sk);

	return READ_ONCE(sk->sk_bound_dev_if) ?: np->sticky_pktinfo.ipi6_ifindex ?:
	       ipv6_addr_is_multicast(destination) ? READ_ONCE(np->mcast_oif) :
						     READ_ONCE(np->ucast_oif);
}

/* RFC 4007, 6: an address of a link means nothing without the interface. */
static int icmpx6_choose_interface(struct sock *sk, struct flowi6 *fl6)
{
	const int type = ipv6_addr_type(&fl6->daddr);
	const int bound = READ_ONCE(sk->sk_bound_dev_if);

	if (!fl6->flowi6_oif)
		fl6->flowi6_oif = icmpx6_socket_interface(sk, &fl6->daddr);
	if (type & IPV6_ADDR_MAPPED)
		return -EINVAL;
	if (!fl6->flowi6_oif)
		return __ipv6_addr_needs_scope_id(type) ? -EINVAL : 0;
	if (!bound || bound == fl6->flowi6_oif)
		return 0;
	/* A socket that is bound to a VRF may use the interfaces in it. */
	return l3mdev_master_ifindex_by_index(sock_net(sk), fl6->flowi6_oif) == bound ? 0 : -EINVAL;
}

/*
 * Reads the control messages (RFC 3542, 6). As in the built-in code, extension headers are
 * checked and not sent.
 */
static int icmpx6_read_control(struct sock *sk, struct icmpx6_outgoing *out)
{
	struct ipv6_txoptions options = { .tot_len = sizeof(options) };
	int err;

	icmpx6_init_cookie(&out->ipc, sk);
	if (!out->msg->msg_controllen)
		return 0;
	out->ipc.opt = &options;
	err = ip6_datagram_send_ctl(sock_net(sk), sk, out->msg, &out->fl6, &out->ipc);
	out->ipc.opt = NULL;
	return err;
}

/* As in the built-in code, the source is that of the socket, whatever IPV6_PKTINFO names. */
static int icmpx6_route_request(struct sock *sk, struct icmpx6_outgoing *out)
{
	const struct in6_addr destination = out->fl6.daddr;
	struct flowi6 *fl6 = &out->fl6;
	struct dst_entry *dst;

	fl6->flowi6_proto = IPPROTO_ICMPV6;
	fl6->saddr = inet6_sk(sk)->saddr;
	fl6->flowi6_mark = out->ipc.sockc.mark;
	fl6->flowi6_uid = READ_ONCE(sk->sk_uid);
	fl6->fl6_icmp_type = out->header.icmp6_type;
	fl6->fl6_icmp_code = out->header.icmp6_code;
	security_sk_classify_flow(sk, flowi6_to_flowi_common(fl6));
	fl6->flowlabel = ip6_make_flowinfo(out->ipc.tclass, fl6->flowlabel);

	dst = icmpx6_sk_route(sk, fl6, &destination);
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	out->rt = dst_rt6_info(dst);
	if (out->ipc.hlimit < 0)
		out->ipc.hlimit = ip6_sk_dst_hoplimit(inet6_sk(sk), fl6, dst);
	return 0;
}

/*
 * Another thread may be about to give the socket its first identifier. It has the socket locked
 * until a reply finds the socket, and inet_sport is set last. All later requests need no lock.
 */
static __be16 icmpx6_identifier(struct sock *sk)
{
	__be16 identifier = READ_ONCE(inet_sk(sk)->inet_sport);

	if (unlikely(!identifier)) {
		lock_sock(sk);
		identifier = inet_sk(sk)->inet_sport;
		release_sock(sk);
	}
	return identifier;
}

static int icmpx6_send_message(struct sock *sk, struct icmpx6_outgoing *out)
{
	int err;

	err = icmpx6_read_request(out->msg, out->len, &out->header);
	if (err)
		return err;
	err = icmpx6_destination(sk, out->msg, &out->fl6);
	if (err)
		return err;
	err = icmpx6_choose_interface(sk, &out->fl6);
	if (err)
		return err;
	err = icmpx6_read_control(sk, out);
	if (err)
		return err;
	err = icmpx6_route_request(sk, out);
	if (err)
		return err;
	out->header.icmp6_cksum = 0;
	out->header.icmp6_identifier = icmpx6_identifier(sk);
	err = icmpx6_send_datagram(sk, out);
	if (out->rt)
		ip6_rt_put(out->rt);
	return err;
}

/**
 * icmpx_ping6_sendmsg() - sendmsg(2).
 * @sk: the socket, of IPv6
 * @msg: an ICMPv6 header and data; the destination; control messages; flags
 * @len: bytes of the header and the data
 *
 * Sends echo requests and extended echo requests. Their identifier is the socket's.
 *
 * Context: process. Does not wait for room in the send buffer, as the built-in code does not.
 *
 * Return: @len or a negative errno.
 */
int icmpx_ping6_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct icmpx6_outgoing out = { .msg = msg, .len = len };
	int err;

	err = icmpx6_send_message(sk, &out);
	if (!err)
		return len;
	icmpx_count(&icmpx_net(sock_net(sk))->v6, ICMPX_PING_SEND_FAILED);
	return err;
}
