/* SPDX-License-Identifier: GPL-2.0-only */
/* Ping sockets: socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), see icmp(7). */
#ifndef ICMPX_PING_H
#define ICMPX_PING_H

#include <linux/icmp.h>
#include <net/ip.h>
#include <net/ping.h>
#include <net/sock.h>

#include "icmpx.h"

extern struct proto icmpx_ping_prot;

/* ping.c */
void icmpx_group_range(struct net *net, kgid_t range[2]);
int icmpx_ping_init(void);
void icmpx_ping_exit(void);
void icmpx_ping_take_over(void);
void icmpx_ping_give_back(void);

/* ping_bind.c */
int icmpx_ping_get_port(struct sock *sk, unsigned short id);
void icmpx_ping_unhash(struct sock *sk);
int icmpx_ping_bind(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);

/* ping_connect.c */
int icmpx_ping_pre_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);
int icmpx_ping_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);

/* ping_send.c */
int icmpx_ping_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

/* ping_receive.c */
struct sock *icmpx_ping_wanted(struct icmpx_net *ix, struct sk_buff *skb, bool *ambiguous);
int icmpx_ping_rcv(struct icmpx_net *ix, struct sk_buff *skb, struct sock *sk, bool ambiguous);
int icmpx_ping_queue(struct sock *sk, struct sk_buff *skb);
#if ICMPX_RECVMSG_HAS_ADDR_LEN
int icmpx_ping_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len);
#else
int icmpx_ping_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags);
#endif

/* ping_error.c */
void icmpx_ping_err(struct icmpx_net *ix, struct sk_buff *skb, int offset, u32 info);

/* ping_proc.c */
int icmpx_ping_proc_init(struct net *net);
void icmpx_ping_proc_exit(struct net *net);

/* cmsg.c */
int icmpx_cmsg_send(struct sock *sk, struct msghdr *msg, struct ipcm_cookie *ipc);

/**
 * struct icmpx_outgoing - a message on its way from a program to the wire
 * @msg: the message of the program; the data after its ICMP header is read next
 * @len: bytes of the message, the ICMP header included
 * @header: the ICMP header to send; its checksum is filled in
 * @sum: sum of the data copied so far
 * @ipc: what the program wants of this one message
 * @fl4: the flow that the route was looked up for
 * @rt: the route; a reference, which goes to the packet; then NULL
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
