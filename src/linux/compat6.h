/* SPDX-License-Identifier: GPL-2.0-only */
/* All differences of IPv6 between the kernel versions that icmpx is built for. */
#ifndef ICMPX_COMPAT6_H
#define ICMPX_COMPAT6_H

#include <linux/bpf-cgroup.h>
#include <linux/version.h>
#include <net/ip6_fib.h>
#include <net/ip_fib.h>
#include <net/ipv6.h>
#include <net/xfrm.h>

#include "compat.h"

/* Since 6.6 the flags of a socket are bits of one word, see compat.h. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define icmpx6_inet_flag(sk, flag, field) inet_test_bit(flag, sk)
#else
#define icmpx6_inet_flag(sk, flag, field) (inet6_sk(sk)->field)
#endif

static inline bool icmpx6_sk_recverr(const struct sock *sk)
{
	return icmpx6_inet_flag(sk, RECVERR6, recverr);
}

static inline bool icmpx6_sk_recverr_rfc4884(const struct sock *sk)
{
	return icmpx6_inet_flag(sk, RECVERR6_RFC4884, recverr_rfc4884);
}

static inline bool icmpx6_sk_sndflow(const struct sock *sk)
{
	return icmpx6_inet_flag(sk, SNDFLOW, sndflow);
}

/* IPV6_AUTOFLOWLABEL, else the setting auto_flowlabels. */
static inline bool icmpx6_sk_autolabel(const struct sock *sk)
{
	if (icmpx6_inet_flag(sk, AUTOFLOWLABEL_SET, autoflowlabel_set))
		return icmpx6_inet_flag(sk, AUTOFLOWLABEL, autoflowlabel);
	return ip6_default_np_autolabel(sock_net(sk));
}

/* IPV6_MTU_DISCOVER. Since 6.6 it is no bit field. */
static inline int icmpx6_sk_pmtudisc(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return READ_ONCE(inet6_sk(sk)->pmtudisc);
#else
	return inet6_sk(sk)->pmtudisc;
#endif
}

/* As icmpx_run_bpf_connect4(). */
static inline int icmpx_run_bpf_connect6(struct sock *sk, ICMPX_SOCKADDR *uaddr, int *addr_len)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return BPF_CGROUP_RUN_PROG_INET6_CONNECT_LOCK(sk, uaddr, addr_len);
#else
	return BPF_CGROUP_RUN_PROG_INET6_CONNECT_LOCK(sk, uaddr);
#endif
}

/* Since 6.9 the kernel has the setting error_anycast_as_unicast. */
#define ICMPX_HAS_ANYCAST_AS_UNICAST (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0))

static inline bool icmpx6_anycast_as_unicast(const struct net *net)
{
#if ICMPX_HAS_ANYCAST_AS_UNICAST
	return READ_ONCE(net->ipv6.sysctl.icmpv6_error_anycast_as_unicast);
#else
	return false;
#endif
}

/*
 * Whether the kernel can mark a route as obsolete through its tables. Other routes are on the
 * list of uncached routes, since 6.4 by a member of the dst.
 */
static inline bool icmpx6_route_is_shared(const struct rt6_info *rt)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return list_empty(&rt->dst.rt_uncached);
#else
	return list_empty(&rt->rt6i_uncached);
#endif
}

/*
 * Since 6.7 IPv6 counts the packets that it is asked to send apart from those that it sends.
 * Before, it counted both as one, with their bytes.
 */
static __always_inline void icmpx6_count_ip_request(struct net *net, struct inet6_dev *idev,
						    unsigned int len)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	IP6_INC_STATS(net, idev, IPSTATS_MIB_OUTREQUESTS);
#else
	IP6_UPD_PO_STATS(net, idev, IPSTATS_MIB_OUT, len);
#endif
}

/*
 * The jiffies that a token of a host takes to be earned, of setting @ratelimit. Until 7.2, a
 * host that is reached by a wide prefix earns tokens faster.
 */
static inline int icmpx6_interval(int ratelimit, int prefix_len)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	return ratelimit;
#else
	return ratelimit >> ((128 - prefix_len) / 32);
#endif
}

/* The hash by which Linux chooses among next hops. Since 6.11 a namespace may have its own key. */
static inline u32 icmpx6_hash_from_keys(const struct net *net, struct flow_keys *keys)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	return fib_multipath_hash_from_keys(net, keys);
#else
	return flow_hash_from_keys(keys);
#endif
}

/* As icmpx_decode_session_reverse(). */
static inline int icmpx6_decode_session_reverse(struct net *net, struct sk_buff *skb,
						struct flowi6 *fl6)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return xfrm_decode_session_reverse(net, skb, flowi6_to_flowi(fl6), AF_INET6);
#else
	return xfrm_decode_session_reverse(skb, flowi6_to_flowi(fl6), AF_INET6);
#endif
}

/* The options of a socket, for one message. Since 6.7 the function takes the socket. */
static inline void icmpx6_init_cookie(struct ipcm6_cookie *ipc, struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	ipcm6_init_sk(ipc, sk);
#else
	ipcm6_init_sk(ipc, inet6_sk(sk));
#endif
	ipc->sockc.tsflags = READ_ONCE(sk->sk_tsflags);
	ipc->sockc.mark = READ_ONCE(sk->sk_mark);
}

/* SO_PRIORITY. Since 6.14 a message may have its own. */
static inline u32 icmpx6_priority(const struct sock *sk, const struct ipcm6_cookie *ipc)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	return ipc->sockc.priority;
#else
	return READ_ONCE(sk->sk_priority);
#endif
}

/* The device whose counters tell of a limited message. Since 7.2 it is counted for no device. */
static inline struct inet6_dev *icmpx6_limit_idev(const struct rt6_info *rt)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	return NULL;
#else
	return rt->rt6i_idev;
#endif
}

#endif
