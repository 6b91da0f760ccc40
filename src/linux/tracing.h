/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the packet path tells the tracepoints of trace.h.
 *
 * A message passes one static branch, where its outcome is counted, and nothing is gathered
 * while no tracepoint is on. Where that place no longer has the message, as when the message
 * became the reply, the branch is in front: it leads to a second copy of the function, which
 * takes down what events tell of the message.
 */
#ifndef ICMPX_TRACING_H
#define ICMPX_TRACING_H

#include <linux/in6.h>
#include <linux/jump_label.h>

#include "icmpx.h"

/**
 * struct icmpx_traced - what events tell of a message, or of the packet that an error is about
 * @source: address; that of IPv4 is mapped (RFC 4291, 2.5.5.2)
 * @destination: the same
 * @device: name of the device that it came in by; "" if there is none; padded with zeros
 * @netns: inode number of the network namespace
 * @length: bytes of the message or the packet
 * @family: AF_INET or AF_INET6
 * @type: ICMP type of the message, or of the error
 * @code: ICMP code
 */
struct icmpx_traced {
	struct in6_addr source;
	struct in6_addr destination;
	char device[IFNAMSIZ];
	u32 netns;
	u32 length;
	u16 family;
	u8 type;
	u8 code;
};

#ifdef CONFIG_TRACEPOINTS
DECLARE_STATIC_KEY_FALSE(icmpx_tracing);

/* Whether any tracepoint is on. Context: any. */
static __always_inline bool icmpx_is_tracing(void)
{
	return static_branch_unlikely(&icmpx_tracing);
}

int icmpx_tracing_begin(void);
void icmpx_tracing_end(void);

void icmpx_trace_note(struct icmpx_traced *traced, const struct sk_buff *skb, int offset);
void icmpx_trace_noted(const struct icmpx_traced *traced, enum icmpx_stat outcome);
void icmpx_trace_received(const struct sk_buff *skb, enum icmpx_stat outcome);
void icmpx_trace_answered(const struct icmpx_traced *request, const void *source, u8 type, u8 code,
			  enum icmpx_stat outcome);
void icmpx_trace_delivered(const struct icmpx_traced *reply, struct sock *sk, u16 identifier,
			   u16 sequence);
void icmpx_trace_error(const struct net *net, u16 family, const struct sk_buff *skb, u8 type,
		       u8 code, __be32 info, enum icmpx_stat outcome);
#else
static __always_inline bool icmpx_is_tracing(void)
{
	return false;
}

static inline void icmpx_trace_note(struct icmpx_traced *traced, const struct sk_buff *skb,
				    int offset)
{
}

static inline void icmpx_trace_noted(const struct icmpx_traced *traced, enum icmpx_stat outcome)
{
}

static inline void icmpx_trace_received(const struct sk_buff *skb, enum icmpx_stat outcome)
{
}

static inline void icmpx_trace_answered(const struct icmpx_traced *request, const void *source,
					u8 type, u8 code, enum icmpx_stat outcome)
{
}

static inline void icmpx_trace_delivered(const struct icmpx_traced *reply, struct sock *sk,
					 u16 identifier, u16 sequence)
{
}

static inline void icmpx_trace_error(const struct net *net, u16 family, const struct sk_buff *skb,
				     u8 type, u8 code, __be32 info, enum icmpx_stat outcome)
{
}
#endif

#endif
