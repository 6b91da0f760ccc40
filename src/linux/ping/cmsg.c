// SPDX-License-Identifier: GPL-2.0-only
/* Control messages of sendmsg(): options of ip(7) and socket(7) that are for one datagram. */
#include <icmpx/options.h>
#include <linux/slab.h>
#include <net/ip.h>
#include <net/sock.h>

#include "ping/internal.h"

/* Returns the int of a control message if it is in @low to @high, else a negative errno. */
static int icmpx_cmsg_int(struct cmsghdr *cmsg, int low, int high)
{
	int value;

	if (cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EINVAL;
	value = *(int *)CMSG_DATA(cmsg);
	return value < low || value > high ? -EINVAL : value;
}

static int icmpx_cmsg_options(struct net *net, struct cmsghdr *cmsg, struct ip_options_rcu **optp)
{
	const size_t len = min_t(size_t, cmsg->cmsg_len - sizeof(*cmsg), ICMPX_OPTIONS_MAX);
	struct ip_options_rcu *opt;
	int err = -EINVAL;

	opt = kzalloc(sizeof(*opt) + round_up(len, 4), GFP_KERNEL);
	if (!opt)
		return -ENOMEM;
	/* The padding of the last word is zero, and zero is the option that ends the list. */
	memcpy(opt->opt.__data, CMSG_DATA(cmsg), len);
	opt->opt.optlen = round_up(len, 4);
	if (len && ip_options_compile(net, &opt->opt, NULL))
		goto err_free;
	err = -EPERM;
	if (opt->opt.srr && !ns_capable(net->user_ns, CAP_NET_RAW))
		goto err_free;
	kfree(*optp);
	*optp = opt;
	return 0;

err_free:
	kfree(opt);
	return err;
}

static int icmpx_cmsg_pktinfo(struct cmsghdr *cmsg, struct ipcm_cookie *ipc)
{
	const struct in_pktinfo *info = (const struct in_pktinfo *)CMSG_DATA(cmsg);

	if (cmsg->cmsg_len != CMSG_LEN(sizeof(*info)))
		return -EINVAL;
	if (info->ipi_ifindex)
		ipc->oif = info->ipi_ifindex;
	ipc->addr = info->ipi_spec_dst.s_addr;
	return 0;
}

static int icmpx_cmsg_tos(struct cmsghdr *cmsg, struct ipcm_cookie *ipc)
{
	int tos;

	if (cmsg->cmsg_len == CMSG_LEN(sizeof(u8)))
		tos = *(u8 *)CMSG_DATA(cmsg);
	else
		tos = icmpx_cmsg_int(cmsg, 0, U8_MAX);
	if (tos < 0)
		return tos;
	ipc->tos = tos;
	icmpx_set_priority(ipc, rt_tos2priority(tos));
	return 0;
}

static int icmpx_cmsg_ip(struct net *net, struct cmsghdr *cmsg, struct ipcm_cookie *ipc)
{
	int value;

	switch (cmsg->cmsg_type) {
	case IP_RETOPTS:
		return icmpx_cmsg_options(net, cmsg, &ipc->opt);
	case IP_PKTINFO:
		return icmpx_cmsg_pktinfo(cmsg, ipc);
	case IP_TOS:
		return icmpx_cmsg_tos(cmsg, ipc);
	case IP_TTL:
		value = icmpx_cmsg_int(cmsg, 1, U8_MAX);
		if (value < 0)
			return value;
		ipc->ttl = value;
		return 0;
	case IP_PROTOCOL:
		/* An option of raw sockets: a ping socket checks the value and ignores it. */
		value = icmpx_cmsg_int(cmsg, 1, U8_MAX);
		return min(value, 0);
	default:
		return -EINVAL;
	}
}

/**
 * icmpx_cmsg_send() - Read the control messages of a sendmsg().
 * @sk: the socket
 * @msg: the message
 * @ipc: initialised by the caller; set to what the control messages ask for. The caller
 *	frees its options, also after an error.
 *
 * Context: process.
 *
 * Return: 0; -EINVAL for a control message that is malformed, unknown or out of range;
 * -EPERM; -ENOMEM.
 */
int icmpx_cmsg_send(struct sock *sk, struct msghdr *msg, struct ipcm_cookie *ipc)
{
	struct cmsghdr *cmsg;
	int err = 0;

	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level == SOL_SOCKET)
			err = icmpx_sock_cmsg_send(sk, msg, cmsg, &ipc->sockc);
		else if (cmsg->cmsg_level == SOL_IP)
			err = icmpx_cmsg_ip(sock_net(sk), cmsg, ipc);
		if (err)
			return err;
	}
	return 0;
}
