// SPDX-License-Identifier: GPL-2.0-only
/* How a socket of IPv6 is told of a received error, see errqueue.c. */
#include <icmpx/extension.h>
#include <linux/errqueue.h>
#include <linux/icmpv6.h>
#include <linux/ipv6.h>

#include "compat6.h"
#include "error/error.h"

/**
 * icmpx6_queue_error() - Put a received error of ICMPv6 into a socket's error queue.
 * @sk: the socket
 * @error: the error, its data at the embedded IPv6 header; not consumed
 * @number: errno
 * @payload: start of the bytes in @error that the program gets
 *
 * Context: as icmpx_rcv().
 *
 * Return: as icmpx_queue_clone().
 */
bool icmpx6_queue_error(struct sock *sk, struct sk_buff *error, int number, const u8 *payload)
{
	const struct ipv6hdr *embedded = (const struct ipv6hdr *)error->data;
	const bool extensible = icmpx6_sk_recverr_rfc4884(sk);
	const struct icmp6hdr *header = icmp6_hdr(error);
	const struct sock_extended_err ee = {
		.ee_errno = number,
		.ee_origin = SO_EE_ORIGIN_ICMP6,
		.ee_type = header->icmp6_type,
		.ee_code = header->icmp6_code,
		.ee_info = ntohl(header->icmp6_mtu),
	};

	return icmpx_queue_clone(sk, error, &ee, &embedded->daddr, payload,
				 extensible ? icmpx6_extension_length((const u8 *)header) : 0);
}
