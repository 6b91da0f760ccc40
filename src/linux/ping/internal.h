/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations that only the files of ping sockets share. */
#ifndef ICMPX_PING_INTERNAL_H
#define ICMPX_PING_INTERNAL_H

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ping.h>
#include <net/sock.h>

#include "ping/ping.h"

/* bind.c */
int icmpx_ping_get_port(struct sock *sk, unsigned short id);
void icmpx_ping_unhash(struct sock *sk);
int icmpx_ping_bind(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);

/* bind6.c */
#if IS_ENABLED(CONFIG_IPV6)
int icmpx6_check_bind_address(struct sock *sk, const struct sockaddr_in6 *name, int len);
void icmpx6_set_address(struct sock *sk, const struct sockaddr_in6 *name);
#else
static inline int icmpx6_check_bind_address(struct sock *sk, const struct sockaddr_in6 *name,
					    int len)
{
	return -EAFNOSUPPORT;
}

static inline void icmpx6_set_address(struct sock *sk, const struct sockaddr_in6 *name)
{
}
#endif

/* connect.c */
int icmpx_ping_pre_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);
int icmpx_ping6_pre_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);
int icmpx_ping_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);

/* diag.c */
int icmpx_ping_abort(struct sock *sk, int err);

/* family.c */
int icmpx_ping_init_sock(struct sock *sk);
int icmpx_ping_disconnect(struct sock *sk, int flags);
void icmpx_ping_close(struct sock *sk, long timeout);
int icmpx_ping_hash(struct sock *sk);
int icmpx_ping_ops_connect(struct socket *sock, ICMPX_SOCKADDR *uaddr, int addr_len, int flags);

/* family6.c */
#if IS_ENABLED(CONFIG_IPV6)
int icmpx_ping6_init(void);
void icmpx_ping6_exit(void);
void icmpx_ping6_take_over(void);
void icmpx_ping6_start_give_back(void);
void icmpx_ping6_finish_give_back(void);
#else
static inline int icmpx_ping6_init(void)
{
	return 0;
}

static inline void icmpx_ping6_exit(void)
{
}

static inline void icmpx_ping6_take_over(void)
{
}

static inline void icmpx_ping6_start_give_back(void)
{
}

static inline void icmpx_ping6_finish_give_back(void)
{
}
#endif

/* send.c */
int icmpx_ping_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

/* send6.c */
int icmpx_ping6_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

/**
 * struct icmpx6_outgoing - a message of IPv6 that a program sends
 * @msg: the program's message, already read up to the end of its ICMPv6 header
 * @len: bytes of the message, the ICMPv6 header included
 * @header: the ICMPv6 header to send; its checksum is filled in
 * @ipc: options of this message: from its control messages, else from the socket
 * @fl6: the flow that the route was looked up for
 * @rt: the route, with a reference; NULL once the skb has taken the reference over
 */
struct icmpx6_outgoing {
	struct msghdr *msg;
	size_t len;
	struct icmp6hdr header;
	struct ipcm6_cookie ipc;
	struct flowi6 fl6;
	struct rt6_info *rt;
};

/* datagram6.c */
int icmpx6_send_datagram(struct sock *sk, struct icmpx6_outgoing *out);

/* receive.c */
int icmpx_ping_queue(struct sock *sk, struct sk_buff *skb);
#if ICMPX_RECVMSG_HAS_ADDR_LEN
int icmpx_ping_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len);
#else
int icmpx_ping_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags);
#endif

/* cmsg.c */
int icmpx_cmsg_send(struct sock *sk, struct msghdr *msg, struct ipcm_cookie *ipc);

/**
 * struct icmpx_outgoing - a message that a program sends
 * @msg: the program's message, already read up to the end of its ICMP header
 * @len: bytes of the message, the ICMP header included
 * @header: the ICMP header to send; its checksum is filled in
 * @sum: sum of the data copied so far
 * @ipc: options of this message: from its control messages, else from the socket
 * @fl4: the flow that the route was looked up for
 * @rt: the route, with a reference; NULL once the skb has taken the reference over
 */
struct icmpx_outgoing {
	struct msghdr *msg;
	size_t len;
	struct icmphdr header;
	__wsum sum;
	struct ipcm_cookie ipc;
	struct flowi4 fl4;
	struct rtable *rt;
};

/* datagram.c */
int icmpx_send_datagram(struct sock *sk, struct icmpx_outgoing *out);

#endif
