// SPDX-License-Identifier: GPL-2.0-only
/* Requests that ping sockets send: what may be sent, to which address, by which route. */
#include <icmpx/dispatch.h>
#include <icmpx/options.h>
#include <linux/slab.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "ping/internal.h"

/* Reads the ICMP header. Only the program's type, code and sequence number are used. */
static int icmpx_read_request(struct msghdr *msg, size_t len, struct icmphdr *request)
{
	if (len > 0xFFFF)
		return -EMSGSIZE;
	if (len < sizeof(*request))
		return -EINVAL;
	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (memcpy_from_msg(request, msg, sizeof(*request)))
		return -EFAULT;
	return icmpx_is_request(request->type, request->code) ? 0 : -EINVAL;
}

static int icmpx_destination(struct sock *sk, const struct msghdr *msg, __be32 *address)
{
	DECLARE_SOCKADDR(const struct sockaddr_in *, name, msg->msg_name);

	if (!name) {
		*address = inet_sk(sk)->inet_daddr;
		return sk->sk_state == TCP_ESTABLISHED ? 0 : -EDESTADDRREQ;
	}
	if (msg->msg_namelen < sizeof(*name))
		return -EINVAL;
	if (name->sin_family != AF_INET)
		return -EAFNOSUPPORT;
	*address = name->sin_addr.s_addr;
	return 0;
}

/* IP options of a socket, with room for as many bytes as an IP header can have. */
union icmpx_socket_options {
	struct ip_options_rcu opt;
	u8 room[sizeof(struct ip_options_rcu) + ICMPX_OPTIONS_MAX];
};

/* Copies the IP options of setsockopt(): another task may replace them during sendmsg(). */
static struct ip_options_rcu *icmpx_socket_options(struct sock *sk,
						   union icmpx_socket_options *copy)
{
	const struct ip_options_rcu *options;

	rcu_read_lock();
	options = rcu_dereference(inet_sk(sk)->inet_opt);
	if (options)
		memcpy(copy->room, options, sizeof(*options) + options->opt.optlen);
	rcu_read_unlock();
	return options ? &copy->opt : NULL;
}

static int icmpx_route_request(struct sock *sk, struct icmpx_outgoing *out, __be32 source,
			       __be32 destination)
{
	struct net *net = sock_net(sk);
	const struct inet_sock *inet = inet_sk(sk);
	struct ipcm_cookie *ipc = &out->ipc;
	struct flowi4 *fl4 = &out->fl4;
	__be32 first = destination;
	struct rtable *rt;

	if (ipc->opt && ipc->opt->opt.srr) {
		if (!destination)
			return -EINVAL;
		first = ipc->opt->opt.faddr;
	}
	if (ipv4_is_multicast(destination)) {
		if (!ipc->oif || netif_index_is_l3_master(net, ipc->oif))
			ipc->oif = READ_ONCE(inet->mc_index);
		if (!source)
			source = READ_ONCE(inet->mc_addr);
	} else if (!ipc->oif) {
		ipc->oif = READ_ONCE(inet->uc_index);
	}

	icmpx_flow_init(fl4, sk, ipc, out->msg, first, source);
	fl4->fl4_icmp_type = out->header.type;
	fl4->fl4_icmp_code = out->header.code;
	security_sk_classify_flow(sk, flowi4_to_flowi_common(fl4));
	rt = ip_route_output_flow(net, fl4, sk);
	if (IS_ERR(rt)) {
		if (PTR_ERR(rt) == -ENETUNREACH)
			IP_INC_STATS(net, IPSTATS_MIB_OUTNOROUTES);
		return PTR_ERR(rt);
	}
	out->rt = rt;
	/*
	 * The final destination of a source route. For 0.0.0.0, the route lookup has set
	 * an address of this host.
	 */
	ipc->addr = destination ?: fl4->daddr;
	return 0;
}

/* Sends a request whose route has been looked up. */
static int icmpx_send_request(struct sock *sk, struct icmpx_outgoing *out)
{
	const unsigned int flags = out->msg->msg_flags;
	int err;

	if ((out->rt->rt_flags & RTCF_BROADCAST) && !sock_flag(sk, SOCK_BROADCAST))
		return -EACCES;
	if (flags & MSG_PROBE) {
		if (flags & MSG_CONFIRM)
			dst_confirm_neigh(&out->rt->dst, &out->fl4.daddr);
		return 0;
	}

	lock_sock(sk);
	out->header.checksum = 0;
	out->header.un.echo.id = inet_sk(sk)->inet_sport;
	err = icmpx_send_datagram(sk, out);
	release_sock(sk);
	return err;
}

static int icmpx_send_message(struct sock *sk, struct icmpx_outgoing *out)
{
	struct ip_options_rcu *requested = NULL;
	union icmpx_socket_options copy;
	__be32 source, destination;
	int err;

	err = icmpx_read_request(out->msg, out->len, &out->header);
	if (err)
		return err;
	err = icmpx_destination(sk, out->msg, &destination);
	if (err)
		return err;

	ipcm_init_sk(&out->ipc, inet_sk(sk));
	if (out->msg->msg_controllen) {
		err = icmpx_cmsg_send(sk, out->msg, &out->ipc);
		requested = out->ipc.opt;
		if (err)
			goto free_options;
	}
	if (!requested)
		out->ipc.opt = icmpx_socket_options(sk, &copy);
	source = out->ipc.addr;
	err = icmpx_route_request(sk, out, source, destination);
	if (err)
		goto free_options;
	err = icmpx_send_request(sk, out);
	ip_rt_put(out->rt);
free_options:
	kfree(requested);
	return err;
}

/**
 * icmpx_ping_sendmsg() - sendmsg(2).
 * @sk: the socket
 * @msg: an ICMP header and data; the destination; control messages; flags
 * @len: bytes of the header and the data
 *
 * Sends echo requests and extended echo requests. Their identifier is the socket's.
 *
 * Context: process.
 *
 * Return: @len or a negative errno.
 */
int icmpx_ping_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	struct icmpx_outgoing out = { .msg = msg, .len = len };
	int err;

	err = icmpx_send_message(sk, &out);
	if (!err)
		return len;
	icmpx_count(&icmpx_net(sock_net(sk))->v4, ICMPX_PING_SEND_FAILED);
	return err;
}
