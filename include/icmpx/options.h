/* SPDX-License-Identifier: GPL-2.0-only */
/* IP options (RFC 791). A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_OPTIONS_H
#define ICMPX_CORE_OPTIONS_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most bytes of IP options that a header can hold (RFC 791, 3.1). */
#define ICMPX_OPTIONS_MAX 40

/**
 * struct icmpx_options - IP options of a header, and where each one is
 * @first_hop: network order: where a source-routed reply goes first, if @srr is not 0
 * @len: bytes of options, a multiple of 4 in a reply
 * @srr: where the source route is, counted from the start of the IP header;
 *	0 without one
 * @rr: the same for a record route option
 * @ts: the same for a timestamp option
 * @cipso: the same for a CIPSO option
 * @strict_route: 1 if the source route is a strict one
 * @rr_needaddr: 1 if this host has a slot in the record route option
 * @ts_needtime: 1 if this host has a slot for a time in the timestamp option
 * @ts_needaddr: 1 if this host has a slot for an address there
 * @bytes: the options
 */
struct icmpx_options {
	__be32 first_hop;
	u8 len;
	u8 srr;
	u8 rr;
	u8 ts;
	u8 cipso;
	u8 strict_route;
	u8 rr_needaddr;
	u8 ts_needtime;
	u8 ts_needaddr;
	u8 bytes[ICMPX_OPTIONS_MAX];
};

/**
 * icmpx_options_prespecified() - Find the next host in a timestamp option.
 * @request: the options received
 * @address: set to that host's address, network order
 *
 * Return: true if the option lists the hosts that are to put their time there
 * (RFC 791, flag 3) and one is left.
 */
bool icmpx_options_prespecified(const struct icmpx_options *request, __be32 *address);

/**
 * icmpx_options_echo() - Make a reply's options from those of the request.
 * @request: the options received
 * @source: network order: the request's source address
 * @prespecified_is_ours: whether this host receives datagrams to the address that
 *	icmpx_options_prespecified() found
 * @reply: set, all of it
 *
 * Record route and timestamp options are returned with slots reserved for this
 * host, source routes reversed (RFC 1122, 3.2.2.6; RFC 1812, 4.3.3.6 and
 * 5.2.4.1), CIPSO options unchanged. Other options are not returned.
 *
 * Return: false if an option has less room than its length and pointer say.
 */
bool icmpx_options_echo(const struct icmpx_options *request, __be32 source,
			bool prespecified_is_ours, struct icmpx_options *reply);

/**
 * icmpx_options_fill() - Fill in this host's slots in the options of a reply.
 * @reply: options that icmpx_options_echo() set, or options of a program; a slot
 *	that an option does not have is not filled in
 * @source: network order: the reply's source address
 * @destination: network order: the reply's final destination
 * @now: milliseconds since midnight UT, as RFC 791 wants it on the wire
 */
void icmpx_options_fill(struct icmpx_options *reply, __be32 source, __be32 destination, __be32 now);

#ifdef __cplusplus
}
#endif

#endif
