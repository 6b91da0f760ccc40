/* SPDX-License-Identifier: GPL-2.0-only */
/* All differences between the kernel versions that icmpx is built for. */
#ifndef ICMPX_COMPAT_H
#define ICMPX_COMPAT_H

#include <linux/bpf-cgroup.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/xfrm.h>

/* Since 6.19 the type of a socket's address has no fixed size. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define ICMPX_SOCKADDR struct sockaddr_unsized
#else
#define ICMPX_SOCKADDR struct sockaddr
#endif

/* Since 6.6 a protocol says where the part for IPv6 is in its sockets. */
#define ICMPX_PROTO_HAS_PINFO_OFFSET (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0))

/* Since 7.2 a protocol's recvmsg() stores the length of the address in the msghdr. */
#define ICMPX_RECVMSG_HAS_ADDR_LEN (LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0))

/* Since 6.19 the kernel has the setting errors_extension_mask, too. */
#define ICMPX_KERNEL_HAS_EXTENSIONS (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0))

/* Since 6.13 no module may look up an inet_peer. */
#define ICMPX_HAS_INET_PEER (LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0))

/*
 * Since 7.2 no module may call ipv4_sk_update_pmtu(), ipv4_sk_redirect(),
 * ip6_sk_update_pmtu() and ip6_sk_dst_lookup_flow().
 */
#define ICMPX_HAS_SK_ROUTE_UPDATES (LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0))

/*
 * Since 7.2 the kernel checks whether a message came by broadcast before it checks whether
 * the type is handled, and a reply to a PROBE query is no exception.
 */
#define ICMPX_BROADCAST_FIRST (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0))

/* Since 6.17 the workqueue whose work runs on the CPU that queues it has another name. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define icmpx_wq system_percpu_wq
#else
#define icmpx_wq system_wq
#endif

/*
 * The last argument of __icmp_send() is the options of the datagram, or all of its IP control
 * block. A check of the function's type tells which: a stable kernel may change it, too, so
 * the version does not tell.
 */
#define ICMPX_SEND_TAKES_PARM \
	__same_type(__icmp_send, \
		    void(struct sk_buff *, int, int, __be32, const struct inet_skb_parm *))

/* Since 6.11 a sysctl handler gets its table read-only. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define ICMPX_CTL_TABLE const struct ctl_table
#else
#define ICMPX_CTL_TABLE struct ctl_table
#endif

/*
 * Since 6.6 a table of sysctls is registered with its size; before, it ended
 * with an empty entry. @table ends with one that is not counted in @count.
 */
static inline struct ctl_table_header *icmpx_register_sysctl(struct net *net, const char *path,
							     struct ctl_table *table, size_t count)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return register_net_sysctl_sz(net, path, table, count);
#else
	return register_net_sysctl(net, path, table);
#endif
}

/* Since 6.6 the flags of an inet socket are bits of one word. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define icmpx_inet_flag(sk, flag, field) inet_test_bit(flag, sk)
#else
#define icmpx_inet_flag(sk, flag, field) (inet_sk(sk)->field)
#endif

static inline bool icmpx_sk_recverr(const struct sock *sk)
{
	return icmpx_inet_flag(sk, RECVERR, recverr);
}

static inline bool icmpx_sk_recverr_rfc4884(const struct sock *sk)
{
	return icmpx_inet_flag(sk, RECVERR_RFC4884, recverr_rfc4884);
}

static inline bool icmpx_sk_hdrincl(const struct sock *sk)
{
	return icmpx_inet_flag(sk, HDRINCL, hdrincl);
}

static inline bool icmpx_sk_bind_address_no_port(const struct sock *sk)
{
	return icmpx_inet_flag(sk, BIND_ADDRESS_NO_PORT, bind_address_no_port);
}

/* The control messages that a socket wants with each datagram that it receives. */
static inline unsigned int icmpx_sk_cmsg_flags(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return inet_cmsg_flags(inet_sk(sk));
#else
	return inet_sk(sk)->cmsg_flags;
#endif
}

/* Since 6.11 drop monitors are told of the socket. */
static inline void icmpx_skb_drop(struct sock *sk, struct sk_buff *skb, enum skb_drop_reason reason)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	sk_skb_reason_drop(sk, skb, reason);
#else
	kfree_skb_reason(skb, reason);
#endif
}

/* 0, or the reason why an skb was not queued. Since 7.2 the kernel returns the reason itself. */
static inline enum skb_drop_reason icmpx_sock_queue(struct sock *sk, struct sk_buff *skb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	return sock_queue_rcv_skb_reason(sk, skb);
#else
	enum skb_drop_reason reason;

	return sock_queue_rcv_skb_reason(sk, skb, &reason) ? reason : SKB_NOT_DROPPED_YET;
#endif
}

static inline kuid_t icmpx_sk_uid(struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	return sk_uid(sk);
#else
	return sock_i_uid(sk);
#endif
}

static inline int icmpx_sk_drops(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return sk_drops_read(sk);
#else
	return atomic_read(&sk->sk_drops);
#endif
}

/* Since 6.7 a BPF program may change the length of the address. */
static inline int icmpx_run_bpf_connect4(struct sock *sk, ICMPX_SOCKADDR *uaddr, int *addr_len)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return BPF_CGROUP_RUN_PROG_INET4_CONNECT_LOCK(sk, uaddr, addr_len);
#else
	return BPF_CGROUP_RUN_PROG_INET4_CONNECT_LOCK(sk, uaddr);
#endif
}

/* Reads a control message of SOL_SOCKET. Since 6.4 the kernel takes no msghdr for it. */
static inline int icmpx_sock_cmsg_send(struct sock *sk, struct msghdr *msg, struct cmsghdr *cmsg,
				       struct sockcm_cookie *sockc)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return __sock_cmsg_send(sk, cmsg, sockc);
#else
	return __sock_cmsg_send(sk, msg, cmsg, sockc);
#endif
}

/* Whether the CPU can read the data of an skb. Since 6.12 pages may be memory of a device. */
static inline bool icmpx_skb_readable(const struct sk_buff *skb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return skb_frags_readable(skb);
#else
	return true;
#endif
}

/* SO_TXTIME. Since 6.10 the skb also says which clock the time is of. */
static inline void icmpx_set_delivery_time(struct sk_buff *skb, u64 time, const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	skb_set_delivery_type_by_clockid(skb, time, sk->sk_clockid);
#else
	skb->tstamp = time;
#endif
}

/* Since 6.14 the priority is in the sockcm_cookie; before, it was used only with a TOS. */
static inline void icmpx_set_priority(struct ipcm_cookie *ipc, u32 priority)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	ipc->sockc.priority = priority;
#else
	ipc->priority = priority;
#endif
}

static inline u32 icmpx_priority(const struct sock *sk, const struct ipcm_cookie *ipc)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	return ipc->sockc.priority;
#else
	return ipc->tos != -1 ? ipc->priority : READ_ONCE(sk->sk_priority);
#endif
}

/*
 * Since 6.13 a program may choose the number of a time stamp. SOF_TIMESTAMPING_TX_ACK is TCP's:
 * the built-in code takes no number for it, which skb_setup_tx_timestamp() would.
 */
static inline void icmpx_setup_tx_timestamp(struct sk_buff *skb, const struct sockcm_cookie *sockc)
{
	const u32 tsflags = sockc->tsflags & ~SOF_TIMESTAMPING_TX_ACK;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	struct sockcm_cookie cookie = *sockc;

	cookie.tsflags = tsflags;
	skb_setup_tx_timestamp(skb, &cookie);
#else
	skb_setup_tx_timestamp(skb, tsflags);
#endif
}

/* Sets the bits of the TOS field that choose a route. Since 6.18 they are a dscp_t. */
static inline void icmpx_set_flow_tos(struct flowi4 *fl4, u8 tos)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	fl4->flowi4_dscp = inet_dsfield_to_dscp(tos);
#else
	fl4->flowi4_tos = tos;
#endif
}

/* 0 or a negative errno. Since 6.13 the kernel returns a drop reason instead. */
static inline int icmpx_route_input(struct sk_buff *skb, __be32 daddr, __be32 saddr, u8 tos,
				    struct net_device *dev)
{
	const int err = ip_route_input(skb, daddr, saddr, inet_dsfield_to_dscp(tos), dev);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	return err ? -EINVAL : 0;
#else
	return err;
#endif
}

/*
 * Fills in the flow of a datagram that a program sends. Since 6.6 the scope says whether
 * the datagram may leave the link; before, a bit of the TOS did.
 */
static inline void icmpx_flow_init(struct flowi4 *fl4, struct sock *sk, struct ipcm_cookie *ipc,
				   const struct msghdr *msg, __be32 daddr, __be32 saddr)
{
	struct inet_sock *inet = inet_sk(sk);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	const u8 tos = ipc->tos & INET_DSCP_MASK;
#else
	u8 tos = get_rttos(ipc, inet);
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	const u8 scope = ip_sendmsg_scope(inet, ipc, msg);
#else
	const u8 scope = RT_SCOPE_UNIVERSE;

	if (sock_flag(sk, SOCK_LOCALROUTE) || (msg->msg_flags & MSG_DONTROUTE) ||
	    (ipc->opt && ipc->opt->opt.is_strictroute))
		tos |= RTO_ONLINK;
#endif
	flowi4_init_output(fl4, ipc->oif, ipc->sockc.mark, tos, scope, sk->sk_protocol,
			   inet_sk_flowi_flags(sk), daddr, saddr, 0, 0, READ_ONCE(sk->sk_uid));
}

/*
 * Whether the kernel keeps a route at its next hop, where it can mark the route for all
 * users. Other routes are on the list of uncached routes, since 6.4 by a member of the dst.
 */
static inline bool icmpx_route_is_shared(const struct rtable *rt)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return list_empty(&rt->dst.rt_uncached);
#else
	return list_empty(&rt->rt_uncached);
#endif
}

/* The bits of the TOS field that choose a route: since 6.12, all bits of the DSCP. */
static inline u8 icmpx_route_tos(u8 tos)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return tos & INET_DSCP_MASK;
#else
	return RT_TOS(tos);
#endif
}

/* The same for the lookup that chooses a source address, as in fib_compute_spec_dst(). */
static inline u8 icmpx_source_tos(u8 tos)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return tos & INET_DSCP_MASK;
#else
	return tos & IPTOS_RT_MASK;
#endif
}

/* Fills in the flow of the reverse direction. Since 6.7 the kernel's function takes a namespace. */
static inline int icmpx_decode_session_reverse(struct net *net, struct sk_buff *skb,
					       struct flowi4 *fl4)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return xfrm_decode_session_reverse(net, skb, flowi4_to_flowi(fl4), AF_INET);
#else
	return xfrm_decode_session_reverse(skb, flowi4_to_flowi(fl4), AF_INET);
#endif
}

/* Whether netfilter or tc has a hook at a device's egress. Since 6.6 tc has one list for all. */
static inline bool icmpx_has_egress_hooks(const struct net_device *dev)
{
#ifdef CONFIG_NETFILTER_EGRESS
	if (rcu_access_pointer(dev->nf_hooks_egress))
		return true;
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#ifdef CONFIG_NET_XGRESS
	return rcu_access_pointer(dev->tcx_egress);
#endif
#elif defined(CONFIG_NET_CLS_ACT)
	return rcu_access_pointer(dev->miniq_egress);
#endif
	return false;
}

/* Since 6.7 IP counts the datagrams that it is asked to send. @bh_disabled is a constant. */
static __always_inline void icmpx_count_ip_request(struct net *net, bool bh_disabled)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	if (bh_disabled)
		__IP_INC_STATS(net, IPSTATS_MIB_OUTREQUESTS);
	else
		IP_INC_STATS(net, IPSTATS_MIB_OUTREQUESTS);
#endif
}

/*
 * Counts a packet of @len bytes of either family that does not go through ip_output() or
 * ip6_output(). Since 6.7 the packets that IP is asked to send are counted apart from those
 * that it sends, and only those with their bytes.
 */
static inline void icmpx_count_ip_out(struct ipstats_mib __percpu *ip, unsigned int len)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	__SNMP_INC_STATS64(ip, IPSTATS_MIB_OUTREQUESTS);
#endif
	__SNMP_UPD_PO_STATS64(ip, IPSTATS_MIB_OUT, len);
}

#if IS_ENABLED(CONFIG_IPV6)
/* The device that has an IPv6 address. Since 7.1 IPv6 is no module, but may be disabled. */
static inline struct net_device *icmpx_ipv6_dev_find(struct net *net,
						     const struct in6_addr *address)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
	return ipv6_mod_enabled() ? ipv6_dev_find(net, address, NULL) : ERR_PTR(-EAFNOSUPPORT);
#else
	return ipv6_stub->ipv6_dev_find(net, address, NULL);
#endif
}
#endif

/*
 * Sets the address at which a traced function continues. The kernel's function was renamed
 * in 6.2. Not every architecture has it. On arm64 before 6.2, it required that all registers
 * were saved.
 */
#if defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
#define ICMPX_FTRACE_REDIRECTS

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#define ICMPX_FTRACE_FLAGS 0
#else
#define ICMPX_FTRACE_FLAGS FTRACE_OPS_FL_SAVE_REGS
#endif

static __always_inline void icmpx_ftrace_go_to(struct ftrace_regs *fregs, unsigned long ip)
{
#ifndef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
	instruction_pointer_set(ftrace_get_regs(fregs), ip);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	ftrace_regs_set_instruction_pointer(fregs, ip);
#else
	ftrace_instruction_pointer_set(fregs, ip);
#endif
}
#endif

/* The attributes of the request of a dump. Since 6.7 they are in the struct genl_info. */
static inline struct nlattr **icmpx_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return genl_info_dump(cb)->attrs;
#else
	return (struct nlattr **)genl_dumpit_info(cb)->attrs;
#endif
}

#endif
