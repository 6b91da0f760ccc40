/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The C ABI between the two halves of icmpx.
 *
 * The core (src/core, C++20) decides what ICMP says; the shell (src/linux, C)
 * does what Linux does. This header is all that they share: plain structs,
 * fixed-width types and pure functions. Every function may be called in any
 * context; none takes a lock, allocates, sleeps, prints or keeps state, and
 * none reads or writes outside the buffers that its arguments name.
 */
#ifndef ICMPX_CORE_H
#define ICMPX_CORE_H

#include <icmpx/send.h>
#include <icmpx/stat.h>
#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the fixed part of every ICMP message (RFC 792). */
#define ICMPX_HEADER_LEN 8
/* Bytes that a timestamp message has after that (RFC 792). */
#define ICMPX_TIMESTAMP_LEN 12
/* The most bytes of IP options that a header can hold (RFC 791, 3.1). */
#define ICMPX_OPTIONS_MAX 40
/* Bytes of an Ethernet, an IPv4 (RFC 791, no options) and an ICMP header in a row. */
#define ICMPX_FRAME_LEN 42
/* The most bytes of a PROBE query that icmpx_probe_parse() looks at. */
#define ICMPX_PROBE_QUERY_MAX 28

/**
 * enum icmpx_action - what the shell is to do with a message
 * @ICMPX_FINISH: nothing more; the verdict's outcome says why
 * @ICMPX_ANSWER_ECHO: answer an echo request (RFC 792)
 * @ICMPX_ANSWER_PROBE: answer an extended echo request (RFC 8335)
 * @ICMPX_ANSWER_TIMESTAMP: answer a timestamp request (RFC 792)
 * @ICMPX_TO_PING: hand a reply to the ping socket that asked
 * @ICMPX_TO_ERROR: judge with icmpx_decide_error(), then deliver
 * @ICMPX_TO_SOCKETS: deliver an error to raw sockets and its protocol
 */
enum icmpx_action {
	ICMPX_FINISH,
	ICMPX_ANSWER_ECHO,
	ICMPX_ANSWER_PROBE,
	ICMPX_ANSWER_TIMESTAMP,
	ICMPX_TO_PING,
	ICMPX_TO_ERROR,
	ICMPX_TO_SOCKETS,
};

/* What icmpx_decide() needs to know beside the message; bits of a mask. */
#define ICMPX_VIA_BROADCAST	(1u << 0) /* sent to a broadcast or multicast address */
#define ICMPX_IGNORE_ALL	(1u << 1) /* setting echo_ignore_all */
#define ICMPX_IGNORE_BROADCASTS	(1u << 2) /* setting echo_ignore_broadcasts */
#define ICMPX_PROBE_ENABLED	(1u << 3) /* setting echo_enable_probe */
#define ICMPX_STRICT_BROADCAST	(1u << 4) /* broadcast as Linux 7 takes it, see icmpx_decide() */

/**
 * struct icmpx_verdict - what becomes of a message
 * @action: enum icmpx_action
 * @in_error: 1 if the message counts as received in error (RFC 2011,
 *	icmpInErrors)
 * @outcome: enum icmpx_stat, when @action is %ICMPX_FINISH
 *
 * As large as a register that it can be returned in.
 */
struct icmpx_verdict {
	u8 action;
	u8 in_error;
	u16 outcome;
};

/**
 * icmpx_decide() - Decide what a received message calls for.
 * @header: the first %ICMPX_HEADER_LEN bytes of a message whose checksum was
 *	found right
 * @policy: mask of ICMPX_VIA_BROADCAST, ICMPX_IGNORE_ALL, ...
 *
 * RFC 792; RFC 1122, 3.2.2 (unknown types; echo and timestamp requests that
 * came by broadcast); RFC 6633, RFC 6918 (types of the past); RFC 8335.
 * With %ICMPX_STRICT_BROADCAST, a broadcast of an unknown type is refused as a
 * broadcast, and so is a reply to a PROBE query.
 *
 * Return: the verdict.
 */
struct icmpx_verdict icmpx_decide(const u8 *header, u32 policy);

/**
 * icmpx_rate_limited() - Tell whether a message to be sent is under the limits.
 * @type: type of the message to send
 * @code: code of it
 * @ratemask: setting ratemask: bit N stands for type N
 *
 * Fragmentation needed is never limited: path MTU discovery (RFC 1191) breaks
 * without it. Types above 18 have no bit and are not limited.
 *
 * Return: true if the limits apply.
 */
bool icmpx_rate_limited(u8 type, u8 code, u32 ratemask);

/**
 * icmpx_is_request() - Tell whether a message is one that a ping socket sends.
 * @type: type of the message
 * @code: code of it
 *
 * Echo requests (RFC 792) and extended ones (RFC 8335).
 *
 * Return: true if it is.
 */
bool icmpx_is_request(u8 type, u8 code);

/* Further checks that an error needs before delivery; bits of a mask. */
#define ICMPX_COUNT_TIME_EXCEEDED (1u << 0) /* counts as icmpInTimeExcds */
#define ICMPX_CHECK_BROADCAST	(1u << 1) /* setting ignore_bogus_error_responses */
#define ICMPX_CHECK_TAG		(1u << 2) /* only to protocols that validate its tag */

/**
 * struct icmpx_error_verdict - what becomes of an error message
 * @info: the error's argument in host order: an MTU in bytes, a pointer, or a
 *	gateway; 0 where it has none
 * @needed: bytes of the embedded datagram that delivery requires
 * @action: %ICMPX_TO_SOCKETS or %ICMPX_FINISH
 * @outcome: as in struct icmpx_verdict
 * @in_error: as in struct icmpx_verdict
 * @checks: mask of ICMPX_COUNT_TIME_EXCEEDED, ICMPX_CHECK_BROADCAST, ...
 * @protocol: the embedded datagram's protocol
 */
struct icmpx_error_verdict {
	u32 info;
	u16 needed;
	u8 action;
	u8 outcome;
	u8 in_error;
	u8 checks;
	u8 protocol;
};

/**
 * icmpx_decide_error() - Decide whether an error is to be believed and how.
 * @header: the message's first %ICMPX_HEADER_LEN bytes
 * @embedded: the datagram that it quotes
 * @len: readable bytes at @embedded
 * @no_pmtu_disc: setting net.ipv4.ip_no_pmtu_disc, 0 to 3
 *
 * RFC 1122, 3.2.2 and 3.2.2.1 to 3.2.2.5; RFC 1191.
 *
 * Return: the verdict.
 */
struct icmpx_error_verdict icmpx_decide_error(const u8 *header, const u8 *embedded, size_t len,
					      u32 no_pmtu_disc);

/**
 * icmpx_echo_reply() - Turn an echo request's header into that of its reply.
 * @header: the message's first %ICMPX_HEADER_LEN bytes, rewritten in place
 *
 * Identifier, sequence number and data stay (RFC 792; RFC 1122, 3.2.2.6). The
 * checksum is updated, not computed (RFC 1624).
 *
 * Return: false if the checksum cannot be carried over and has to be computed
 * over the whole reply: zero has two forms, and which one a sum over the data
 * would have given cannot be seen from the header alone.
 */
bool icmpx_echo_reply(u8 *header);

/**
 * icmpx_express_length() - Tell whether a frame is an echo request that can be answered as it is.
 * @frame: its first %ICMPX_FRAME_LEN bytes
 * @len: bytes of the frame behind the Ethernet header, at least as many as those have
 *
 * Such a frame needs nothing but its headers turned round. It has an IPv4 datagram with a
 * right header and no options, in one piece, from and to addresses that a host can have
 * (RFC 1122, 3.2.1.3), and one station sent it. The caller checks the owners of the
 * addresses and the checksum of the message.
 *
 * Return: bytes of the datagram; 0 if the frame has no such request.
 */
u32 icmpx_express_length(const u8 *frame, u32 len);

/**
 * icmpx_express_reply() - Turn the headers of an echo request into those of its reply.
 * @frame: the first %ICMPX_FRAME_LEN bytes of a frame that icmpx_express_length() let
 *	pass, rewritten in place
 * @ttl: time to live of the reply
 *
 * Both checksums are updated, not computed (RFC 1624). The type of service stays (RFC
 * 1122, 3.2.2.6), and the identification is made of what tells the request from others of
 * its sender.
 */
void icmpx_express_reply(u8 *frame, u8 ttl);

/**
 * icmpx_timestamp_reply() - Turn a timestamp request into its reply.
 * @message: %ICMPX_HEADER_LEN + %ICMPX_TIMESTAMP_LEN bytes, of which the
 *	header and the originate timestamp are the request's; rewritten
 * @now: milliseconds since midnight UT, as RFC 792 wants it on the wire
 */
void icmpx_timestamp_reply(u8 *message, __be32 now);

/**
 * enum icmpx_probe_by - how a PROBE query names the interface
 * @ICMPX_PROBE_MALFORMED: in no way that RFC 8335 defines
 * @ICMPX_PROBE_BY_NAME: by its name
 * @ICMPX_PROBE_BY_INDEX: by its index
 * @ICMPX_PROBE_BY_IPV4: by an IPv4 address
 * @ICMPX_PROBE_BY_IPV6: by an IPv6 address
 */
enum icmpx_probe_by {
	ICMPX_PROBE_MALFORMED,
	ICMPX_PROBE_BY_NAME,
	ICMPX_PROBE_BY_INDEX,
	ICMPX_PROBE_BY_IPV4,
	ICMPX_PROBE_BY_IPV6,
};

/**
 * struct icmpx_probe_query - the interface that a PROBE query asks for
 * @by: enum icmpx_probe_by; it says which of the other members is set
 * @ifindex: host order
 * @name: ends with 0
 * @address: network order, the first four bytes for IPv4
 */
struct icmpx_probe_query {
	u32 by;
	u32 ifindex;
	char name[ICMPX_IFNAME_MAX];
	u8 address[16];
};

/* Codes of a PROBE reply (RFC 8335, 3). */
#define ICMPX_PROBE_FOUND	0
#define ICMPX_PROBE_BAD_QUERY	1
#define ICMPX_PROBE_NO_SUCH_IF	2

/* Status bits of a PROBE reply (RFC 8335, 3). */
#define ICMPX_PROBE_ACTIVE	4
#define ICMPX_PROBE_HAS_IPV4	2
#define ICMPX_PROBE_HAS_IPV6	1

/**
 * icmpx_probe_parse() - Parse the interface identification of a PROBE query.
 * @data: what follows the message's header
 * @len: readable bytes at @data; more than %ICMPX_PROBE_QUERY_MAX are not
 *	looked at
 * @query: set, all of it
 *
 * RFC 8335, 2.1.
 */
void icmpx_probe_parse(const u8 *data, size_t len, struct icmpx_probe_query *query);

/**
 * icmpx_probe_reply() - Turn a PROBE request's header into that of its reply.
 * @header: the message's first %ICMPX_HEADER_LEN bytes, rewritten in place
 * @code: %ICMPX_PROBE_FOUND, %ICMPX_PROBE_BAD_QUERY or %ICMPX_PROBE_NO_SUCH_IF
 * @status: mask of %ICMPX_PROBE_ACTIVE, ... (the state field is left 0)
 *
 * The checksum is brought up to date (RFC 1624), to what a sum over the whole
 * message gives: with a type that is not 0 zero has one form alone.
 */
void icmpx_probe_reply(u8 *header, u8 code, u8 status);

/**
 * struct icmpx_options - IP options of a header, and where each one is
 * @first_hop: network order: where a source-routed reply goes first, if @srr
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
 * @prespecified_is_ours: whether the address that icmpx_options_prespecified()
 *	found is one at which this host takes the datagram
 * @reply: set, all of it
 *
 * Record route and timestamp options are returned with room taken for this
 * host, source routes reversed (RFC 1122, 3.2.2.6; RFC 1812, 4.3.3.6 and
 * 5.2.4.1), CIPSO returned as it came. Other options are not returned.
 *
 * Return: false if an option has less room than its length and pointer say.
 */
bool icmpx_options_echo(const struct icmpx_options *request, __be32 source,
			bool prespecified_is_ours, struct icmpx_options *reply);

/**
 * icmpx_options_fill() - Put this host into the options of a reply.
 * @reply: what icmpx_options_echo() set, or what a program asks for; a slot
 *	that an option does not have is not filled in
 * @source: network order: the reply's source address
 * @destination: network order: the reply's final destination
 * @now: milliseconds since midnight UT, as RFC 791 wants it on the wire
 */
void icmpx_options_fill(struct icmpx_options *reply, __be32 source, __be32 destination, __be32 now);

/**
 * icmpx_bucket_earned() - Compute the tokens that come into a bucket.
 * @elapsed: time since it was filled last, in ticks
 * @ticks: ticks a second, at least 1
 * @rate: tokens a second
 *
 * More than a second is not made up for. Nothing overflows, whatever the
 * arguments.
 *
 * Return: whole tokens.
 */
u32 icmpx_bucket_earned(u32 elapsed, u32 ticks, u32 rate);

/**
 * icmpx_bucket_fill() - Compute what a bucket holds after tokens came in.
 * @credit: tokens that it holds; below 0 after a race for the last one
 * @earned: what came in
 * @burst: the most that it holds
 *
 * Return: the tokens that it holds then.
 */
s32 icmpx_bucket_fill(s32 credit, u32 earned, u32 burst);

/* How many errors a host may get at once that has had none for long. */
#define ICMPX_TOKENS_BURST 6

/**
 * icmpx_tokens_take() - Take from a bucket that earns with time what one event costs.
 * @tokens: in: what the bucket held when it was last asked; out: what it holds now
 * @elapsed: time since then, which is what it has earned
 * @cost: what one event costs, in the same unit; the bucket holds no more than
 *	%ICMPX_TOKENS_BURST events
 *
 * The limit for each host that Linux has always had (setting ratelimit).
 *
 * Return: true if there was as much.
 */
bool icmpx_tokens_take(u32 *tokens, u32 elapsed, u32 cost);

/**
 * icmpx_flow_allow() - Ask whether one more event conforms to a rate.
 * @arrival: in: when the next event was due, in nanoseconds, 0 at first; out:
 *	when the next one is due now. Left alone if the event does not conform.
 * @now: the time in nanoseconds
 * @rate: events a second, 1 to 1,000,000,000; what does not divide that is
 *	rounded up to a rate that does
 * @burst: events that may come at once, at least 1
 *
 * The generic cell rate algorithm (ITU-T I.371, virtual scheduling): a token
 * bucket whose whole state is one number, so that it can be updated with one
 * compare-and-swap.
 *
 * Return: true if the event conforms.
 */
bool icmpx_flow_allow(u64 *arrival, u64 now, u32 rate, u32 burst);

#ifdef __cplusplus
}
#endif

#endif
