/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations that only the files of ping sockets share. */
#ifndef ICMPX_PING_INTERNAL_H
#define ICMPX_PING_INTERNAL_H

#include <linux/icmp.h>
#include <net/ip.h>
#include <net/ping.h>
#include <net/sock.h>

#include "ping/ping.h"

/* bind.c */
int icmpx_ping_get_port(struct sock *sk, unsigned short id);
void icmpx_ping_unhash(struct sock *sk);
int icmpx_ping_bind(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);

/* connect.c */
int icmpx_ping_pre_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);
int icmpx_ping_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len);

/* send.c */
int icmpx_ping_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);

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
