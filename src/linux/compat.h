/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that icmpx is built for; nowhere else. */
#ifndef ICMPX_COMPAT_H
#define ICMPX_COMPAT_H

#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include <net/dst.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/route.h>

/* Since 6.11 a sysctl handler gets its table read-only. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define ICMPX_CTL_TABLE const struct ctl_table
#else
#define ICMPX_CTL_TABLE struct ctl_table
#endif

/*
 * Since 6.6 a table of sysctls is registered with its size; before, it ended
 * with an empty entry. Ours has one, not counted in @count.
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

/* Which bits of the TOS field choose a route: since 6.12, all of the DSCP. */
static inline u8 icmpx_route_tos(u8 tos)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return tos & INET_DSCP_MASK;
#else
	return RT_TOS(tos);
#endif
}

/* The same, where a source address is chosen (fib_compute_spec_dst). */
static inline u8 icmpx_source_tos(u8 tos)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return tos & INET_DSCP_MASK;
#else
	return tos & IPTOS_RT_MASK;
#endif
}

/* Whether @function belongs to a module, not to the kernel itself. */
static inline bool icmpx_in_module(const void *function)
{
#ifdef MODULES_VADDR
	const unsigned long address = (unsigned long)function;

	return address >= MODULES_VADDR && address < MODULES_END;
#else
	return is_vmalloc_addr(function);
#endif
}

#endif
