/* SPDX-License-Identifier: GPL-2.0-only */
/* The tracepoints icmpx:*; icmpx_trace(4) tells what each field means. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM icmpx

#if !defined(ICMPX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define ICMPX_TRACE_H

#include <linux/tracepoint.h>

#include "tracing.h"

/* Names for what is a number in an event. User space gets the list with the event's format. */
#define icmpx_show_family(family) \
	__print_symbolic(family, { AF_INET, "ipv4" }, { AF_INET6, "ipv6" })

/*
 * All text is copied into the event: a pointer would outlive the module, and a tool that reads
 * events as they are stored could not follow it.
 */
DECLARE_EVENT_CLASS(icmpx_message,
	TP_PROTO(const struct icmpx_traced *traced, enum icmpx_stat outcome),
	TP_ARGS(traced, outcome),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, length)
		__field(u16, family)
		__field(u8, type)
		__field(u8, code)
		__array(u8, source, sizeof(struct in6_addr))
		__array(u8, destination, sizeof(struct in6_addr))
		__array(char, device, IFNAMSIZ)
		__array(char, outcome, ICMPX_STAT_NAME_LEN)
	),
	TP_fast_assign(
		__entry->netns = traced->netns;
		__entry->length = traced->length;
		__entry->family = traced->family;
		__entry->type = traced->type;
		__entry->code = traced->code;
		memcpy(__entry->source, &traced->source, sizeof(traced->source));
		memcpy(__entry->destination, &traced->destination, sizeof(traced->destination));
		memcpy(__entry->device, traced->device, IFNAMSIZ);
		icmpx_stat_name(outcome, __entry->outcome);
	),
	TP_printk("%s type=%u code=%u source=%pI6c destination=%pI6c length=%u device=%s netns=%u outcome=%s",
		  icmpx_show_family(__entry->family), __entry->type, __entry->code,
		  __entry->source, __entry->destination, __entry->length, __entry->device,
		  __entry->netns, __entry->outcome)
);

/* The end of a message that came in. */
DEFINE_EVENT_FN(icmpx_message, icmpx_receive,
	TP_PROTO(const struct icmpx_traced *traced, enum icmpx_stat outcome),
	TP_ARGS(traced, outcome),
	icmpx_tracing_begin, icmpx_tracing_end
);

/* A reply that was sent. */
DEFINE_EVENT_FN(icmpx_message, icmpx_reply,
	TP_PROTO(const struct icmpx_traced *traced, enum icmpx_stat outcome),
	TP_ARGS(traced, outcome),
	icmpx_tracing_begin, icmpx_tracing_end
);

/* An error that there was a reason to send. */
TRACE_EVENT_FN(icmpx_error,
	TP_PROTO(const struct icmpx_traced *traced, u8 protocol, __be32 info,
		 enum icmpx_stat outcome),
	TP_ARGS(traced, protocol, info, outcome),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, length)
		__field(u32, info)
		__field(u16, family)
		__field(u8, type)
		__field(u8, code)
		__field(u8, protocol)
		__array(u8, source, sizeof(struct in6_addr))
		__array(u8, destination, sizeof(struct in6_addr))
		__array(char, device, IFNAMSIZ)
		__array(char, outcome, ICMPX_STAT_NAME_LEN)
	),
	TP_fast_assign(
		__entry->netns = traced->netns;
		__entry->length = traced->length;
		__entry->info = ntohl(info);
		__entry->family = traced->family;
		__entry->type = traced->type;
		__entry->code = traced->code;
		__entry->protocol = protocol;
		memcpy(__entry->source, &traced->source, sizeof(traced->source));
		memcpy(__entry->destination, &traced->destination, sizeof(traced->destination));
		memcpy(__entry->device, traced->device, IFNAMSIZ);
		icmpx_stat_name(outcome, __entry->outcome);
	),
	TP_printk("%s type=%u code=%u info=%u source=%pI6c destination=%pI6c protocol=%u length=%u device=%s netns=%u outcome=%s",
		  icmpx_show_family(__entry->family), __entry->type, __entry->code, __entry->info,
		  __entry->source, __entry->destination, __entry->protocol, __entry->length,
		  __entry->device, __entry->netns, __entry->outcome),
	icmpx_tracing_begin, icmpx_tracing_end
);

/* A reply or an error that a limit refused. */
TRACE_EVENT_FN(icmpx_limit,
	TP_PROTO(const struct icmpx_traced *traced, u8 type, u8 code, enum icmpx_stat limit),
	TP_ARGS(traced, type, code, limit),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u16, family)
		__field(u8, type)
		__field(u8, code)
		__array(u8, address, sizeof(struct in6_addr))
		__array(char, limit, ICMPX_STAT_NAME_LEN)
	),
	TP_fast_assign(
		__entry->netns = traced->netns;
		__entry->family = traced->family;
		__entry->type = type;
		__entry->code = code;
		memcpy(__entry->address, &traced->source, sizeof(traced->source));
		icmpx_stat_name(limit, __entry->limit);
	),
	TP_printk("%s type=%u code=%u address=%pI6c netns=%u limit=%s",
		  icmpx_show_family(__entry->family), __entry->type, __entry->code,
		  __entry->address, __entry->netns, __entry->limit),
	icmpx_tracing_begin, icmpx_tracing_end
);

/* A reply that a ping socket got. */
TRACE_EVENT_FN(icmpx_ping_deliver,
	TP_PROTO(const struct icmpx_traced *traced, u64 inode, u16 identifier, u16 sequence),
	TP_ARGS(traced, inode, identifier, sequence),
	TP_STRUCT__entry(
		__field(u64, inode)
		__field(u32, netns)
		__field(u32, length)
		__field(u16, family)
		__field(u16, identifier)
		__field(u16, sequence)
		__field(u8, type)
		__array(u8, source, sizeof(struct in6_addr))
	),
	TP_fast_assign(
		__entry->inode = inode;
		__entry->netns = traced->netns;
		__entry->length = traced->length;
		__entry->family = traced->family;
		__entry->identifier = identifier;
		__entry->sequence = sequence;
		__entry->type = traced->type;
		memcpy(__entry->source, &traced->source, sizeof(traced->source));
	),
	TP_printk("%s type=%u source=%pI6c identifier=%u sequence=%u length=%u inode=%llu netns=%u",
		  icmpx_show_family(__entry->family), __entry->type, __entry->source,
		  __entry->identifier, __entry->sequence, __entry->length, __entry->inode,
		  __entry->netns),
	icmpx_tracing_begin, icmpx_tracing_end
);

#endif

/* In a directory that the compiler searches: objects may be apart from sources. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
