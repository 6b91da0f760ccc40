/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors as sockets know them, and their error queue: IP_RECVERR of ip(7). */
#ifndef ICMPX_ERRQUEUE_H
#define ICMPX_ERRQUEUE_H

#include <linux/skbuff.h>
#include <net/sock.h>

/**
 * struct icmpx_errno - an error as sockets know it
 * @number: a positive errno
 * @hard: whether it is there to stay (RFC 1122, 4.2.3.9), and so is told to a
 *	socket that did not ask for errors
 */
struct icmpx_errno {
	int number;
	bool hard;
};

struct icmpx_errno icmpx_errno_of(const struct sock *sk, u8 type, u8 code);
bool icmpx_queue_error(struct sock *sk, struct sk_buff *error, int number, u32 info,
		       const u8 *payload);
void icmpx_queue_local_error(struct sock *sk, int number, __be32 destination, u32 info);

#endif
