// SPDX-License-Identifier: GPL-2.0-only
//
// Between a caller and the core: the linker leads each call of an entry to the function here that has its name (--wrap), and
// an entry that has none does not link.

#include "digest.hpp"

#include <icmpx/core.h>

#include <algorithm>
#include <span>

using record::answered;
using record::asked;
using record::Bytes;
using record::put;

recorded record_take()
{
	const recorded all = record::state;

	record::state = {};
	return all;
}

void record_show(bool show) { record::shown = show; }

/// Declares an entry as it is in the core, and as callers are led to it.
#define ENTRY_OF(version, name)                                                                    \
	extern "C" decltype(icmpx##version##_##name) real##version##_##name asm(                   \
		"__real_icmpx" #version "_" #name);                                                \
	extern "C" decltype(icmpx##version##_##name) wrap##version##_##name asm(                   \
		"__wrap_icmpx" #version "_" #name)
#define ENTRY(name) ENTRY_OF(, name)
#define ENTRY6(name) ENTRY_OF(6, name)

ENTRY(decide);
icmpx_verdict wrap_decide(const u8 *header, u32 policy)
{
	asked("decide", Bytes{header, ICMPX_HEADER_LEN}, policy);
	const icmpx_verdict verdict = real_decide(header, policy);
	answered(verdict.action, verdict.in_error, verdict.outcome);
	return verdict;
}

ENTRY6(decide);
icmpx_verdict wrap6_decide(const u8 *header, u32 policy)
{
	asked("decide6", Bytes{header, ICMPX_HEADER_LEN}, policy);
	const icmpx_verdict verdict = real6_decide(header, policy);
	answered(verdict.action, verdict.in_error, verdict.outcome);
	return verdict;
}

ENTRY(rate_limited);
bool wrap_rate_limited(u8 type, u8 code, u32 ratemask)
{
	asked("rate_limited", type, code, ratemask);
	const bool limited = real_rate_limited(type, code, ratemask);
	answered(limited);
	return limited;
}

ENTRY(is_request);
bool wrap_is_request(u8 type, u8 code)
{
	asked("is_request", type, code);
	const bool is = real_is_request(type, code);
	answered(is);
	return is;
}

ENTRY6(is_request);
bool wrap6_is_request(u8 type, u8 code)
{
	asked("is_request6", type, code);
	const bool is = real6_is_request(type, code);
	answered(is);
	return is;
}

ENTRY(decide_error);
icmpx_error_verdict wrap_decide_error(const u8 *header, const u8 *embedded, size_t len,
				      u32 no_pmtu_disc)
{
	asked("decide_error", Bytes{header, ICMPX_HEADER_LEN}, Bytes{embedded, len}, no_pmtu_disc);
	const icmpx_error_verdict verdict = real_decide_error(header, embedded, len, no_pmtu_disc);
	answered(verdict.info, verdict.needed, verdict.action, verdict.outcome, verdict.in_error,
		 verdict.checks, verdict.protocol);
	return verdict;
}

ENTRY6(segments_valid);
bool wrap6_segments_valid(const u8 *header, size_t len)
{
	asked("segments_valid6", Bytes{header, len});
	const bool valid = real6_segments_valid(header, len);
	answered(valid);
	return valid;
}

ENTRY(echo_reply);
bool wrap_echo_reply(u8 *header)
{
	asked("echo_reply", Bytes{header, ICMPX_HEADER_LEN});
	const bool carried = real_echo_reply(header);
	answered(carried, Bytes{header, ICMPX_HEADER_LEN});
	return carried;
}

ENTRY6(echo_reply);
void wrap6_echo_reply(u8 *header)
{
	asked("echo_reply6", Bytes{header, ICMPX_HEADER_LEN});
	real6_echo_reply(header);
	answered(Bytes{header, ICMPX_HEADER_LEN});
}

ENTRY(express_length);
u32 wrap_express_length(const u8 *frame, u32 len)
{
	asked("express_length", Bytes{frame, ICMPX_FRAME_LEN}, len);
	const u32 total = real_express_length(frame, len);
	answered(total);
	return total;
}

ENTRY(express_reply);
void wrap_express_reply(u8 *frame, u8 ttl)
{
	asked("express_reply", Bytes{frame, ICMPX_FRAME_LEN}, ttl);
	real_express_reply(frame, ttl);
	answered(Bytes{frame, ICMPX_FRAME_LEN});
}

ENTRY6(express_length);
u32 wrap6_express_length(const u8 *frame, u32 len)
{
	asked("express_length6", Bytes{frame, ICMPX6_FRAME_LEN}, len);
	const u32 total = real6_express_length(frame, len);
	answered(total);
	return total;
}

ENTRY6(express_reply);
void wrap6_express_reply(u8 *frame, u8 hop_limit)
{
	asked("express_reply6", Bytes{frame, ICMPX6_FRAME_LEN}, hop_limit);
	real6_express_reply(frame, hop_limit);
	answered(Bytes{frame, ICMPX6_FRAME_LEN});
}

ENTRY(timestamp_reply);
void wrap_timestamp_reply(u8 *message, __be32 now)
{
	asked("timestamp_reply", Bytes{message, ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN}, now);
	real_timestamp_reply(message, now);
	answered(Bytes{message, ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN});
}

ENTRY(probe_parse);
void wrap_probe_parse(const u8 *data, size_t len, icmpx_probe_query *query)
{
	asked("probe_parse", Bytes{data, len});
	real_probe_parse(data, len, query);
	answered(*query);
}

ENTRY(probe_reply);
void wrap_probe_reply(u8 *header, u8 code, u8 status)
{
	asked("probe_reply", Bytes{header, ICMPX_HEADER_LEN}, code, status);
	real_probe_reply(header, code, status);
	answered(Bytes{header, ICMPX_HEADER_LEN});
}

ENTRY6(probe_reply);
void wrap6_probe_reply(u8 *header, u8 code, u8 status)
{
	asked("probe_reply6", Bytes{header, ICMPX_HEADER_LEN}, code, status);
	real6_probe_reply(header, code, status);
	answered(Bytes{header, ICMPX_HEADER_LEN});
}

ENTRY(options_prespecified);
bool wrap_options_prespecified(const icmpx_options *request, __be32 *address)
{
	asked("options_prespecified", *request);
	const bool left = real_options_prespecified(request, address);
	answered(left, left ? *address : __be32{});
	return left;
}

ENTRY(options_echo);
bool wrap_options_echo(const icmpx_options *request, __be32 source, bool prespecified_is_ours,
		       icmpx_options *reply)
{
	asked("options_echo", *request, source, prespecified_is_ours);
	const bool made = real_options_echo(request, source, prespecified_is_ours, reply);
	answered(made, *reply);
	return made;
}

ENTRY(options_fill);
void wrap_options_fill(icmpx_options *reply, __be32 source, __be32 destination, __be32 now)
{
	asked("options_fill", *reply, source, destination, now);
	real_options_fill(reply, source, destination, now);
	answered(*reply);
}

ENTRY(bucket_earned);
u32 wrap_bucket_earned(u32 elapsed, u32 ticks, u32 rate)
{
	asked("bucket_earned", elapsed, ticks, rate);
	const u32 earned = real_bucket_earned(elapsed, ticks, rate);
	answered(earned);
	return earned;
}

ENTRY(bucket_fill);
s32 wrap_bucket_fill(s32 credit, u32 earned, u32 burst)
{
	asked("bucket_fill", credit, earned, burst);
	const s32 filled = real_bucket_fill(credit, earned, burst);
	answered(filled);
	return filled;
}

ENTRY(tokens_take);
bool wrap_tokens_take(u32 *tokens, u32 elapsed, u32 cost)
{
	asked("tokens_take", *tokens, elapsed, cost);
	const bool taken = real_tokens_take(tokens, elapsed, cost);
	answered(taken, *tokens);
	return taken;
}

ENTRY(flow_allow);
bool wrap_flow_allow(u64 *arrival, u64 now, u32 rate, u32 burst)
{
	asked("flow_allow", *arrival, now, rate, burst);
	const bool allowed = real_flow_allow(arrival, now, rate, burst);
	answered(allowed, *arrival);
	return allowed;
}

ENTRY(decide_send);
icmpx_send_verdict wrap_decide_send(u8 type, const u8 *datagram, const u8 *inner_type, u32 facts)
{
	asked("decide_send", type, Bytes{datagram, 20},
	      Bytes{inner_type, inner_type == nullptr ? 0U : 1U}, facts);
	const icmpx_send_verdict verdict = real_decide_send(type, datagram, inner_type, facts);
	answered(verdict.outcome, verdict.send, verdict.tos);
	return verdict;
}

ENTRY6(decide_send);
icmpx6_send_verdict wrap6_decide_send(u8 type, u8 code, const icmpx6_offender *offender)
{
	asked("decide_send6", type, code, Bytes{offender->header, ICMPX6_IP_HEADER_LEN},
	      Bytes{offender->inner_type, offender->inner_type == nullptr ? 0U : 1U},
	      Bytes{offender->option, offender->option == nullptr ? 0U : 1U}, offender->facts);
	const icmpx6_send_verdict verdict = real6_decide_send(type, code, offender);
	answered(verdict.outcome, verdict.send, verdict.for_many);
	return verdict;
}

ENTRY(extensible);
bool wrap_extensible(u8 type)
{
	asked("extensible", type);
	const bool may = real_extensible(type);
	answered(may);
	return may;
}

ENTRY6(extensible);
bool wrap6_extensible(u8 type)
{
	asked("extensible6", type);
	const bool may = real6_extensible(type);
	answered(may);
	return may;
}

ENTRY(node_name_length);
size_t wrap_node_name_length(const char *name, size_t len)
{
	asked("node_name_length", Bytes{reinterpret_cast<const u8 *>(name), len});
	const std::size_t length = real_node_name_length(name, len);
	answered(length);
	return length;
}

ENTRY6(node_decide);
icmpx6_node_query wrap6_node_decide(const u8 *message, size_t len, const u8 *source, u32 mask,
				    const icmpx_node *self)
{
	asked("node_decide6", Bytes{message, len}, Bytes{source, 16}, mask);
	put(*self);
	const auto query = real6_node_decide(message, len, source, mask, self);
	answered(query.subject, query.code, query.tells, query.flags);
	return query;
}

ENTRY6(node_name);
size_t wrap6_node_name(const icmpx_node *self, u8 *data)
{
	asked("node_name6");
	put(*self);
	const std::size_t len = real6_node_name(self, data);
	answered(Bytes{data, len});
	return len;
}

ENTRY6(node_wants);
bool wrap6_node_wants(u8 flags, const u8 *address)
{
	asked("node_wants6", flags, Bytes{address, 16});
	const bool wants = real6_node_wants(flags, address);
	answered(wants);
	return wants;
}

ENTRY6(node_reply);
void wrap6_node_reply(u8 *header, icmpx6_node_query query, bool truncated)
{
	asked("node_reply6", Bytes{header, ICMPX6_NODE_INFO_LEN}, query.code, query.flags,
	      truncated);
	real6_node_reply(header, query, truncated);
	answered(Bytes{header, ICMPX6_NODE_INFO_LEN});
}

ENTRY(extension_build);
size_t wrap_extension_build(const icmpx_interface *interfaces, size_t count, const icmpx_node *node,
			    u8 *extension)
{
	asked("extension_build", count);
	for (const icmpx_interface &interface :
	     std::span{interfaces, std::min<std::size_t>(count, ICMPX_INTERFACES_MAX)})
		put(interface);
	if (node != nullptr)
		put(*node);
	const std::size_t len = real_extension_build(interfaces, count, node, extension);
	answered(Bytes{extension, len});
	return len;
}

ENTRY(extension_length);
u16 wrap_extension_length(const u8 *header)
{
	asked("extension_length", Bytes{header, ICMPX_HEADER_LEN});
	const u16 length = real_extension_length(header);
	answered(length);
	return length;
}

ENTRY6(extension_length);
u16 wrap6_extension_length(const u8 *header)
{
	asked("extension_length6", Bytes{header, ICMPX_HEADER_LEN});
	const u16 length = real6_extension_length(header);
	answered(length);
	return length;
}

ENTRY(extension_check);
icmpx_extension_verdict wrap_extension_check(u16 length, size_t before, const u8 *payload,
					     size_t len)
{
	asked("extension_check", length, before, Bytes{payload, len});
	const icmpx_extension_verdict verdict = real_extension_check(length, before, payload, len);
	answered(verdict.at, verdict.invalid);
	return verdict;
}

ENTRY(prefix_valid);
bool wrap_prefix_valid(const icmpx_prefix *prefix)
{
	asked("prefix_valid", *prefix);
	const bool valid = real_prefix_valid(prefix);
	answered(valid);
	return valid;
}

ENTRY(prefixes_build);
void wrap_prefixes_build(const icmpx_prefix *prefixes, size_t count, icmpx_prefixes *set)
{
	asked("prefixes_build", count);
	for (const icmpx_prefix &prefix :
	     std::span{prefixes, std::min<std::size_t>(count, ICMPX_PREFIXES_MAX)})
		put(prefix);
	real_prefixes_build(prefixes, count, set);
	answered(set->count4, set->count6);
}

ENTRY(prefixes_have);
bool wrap_prefixes_have(const icmpx_prefixes *set, u32 address)
{
	asked("prefixes_have", address);
	const bool has = real_prefixes_have(set, address);
	answered(has);
	return has;
}

ENTRY6(prefixes_have);
bool wrap6_prefixes_have(const icmpx_prefixes *set, const u8 *address)
{
	asked("prefixes_have6", Bytes{address, 16});
	const bool has = real6_prefixes_have(set, address);
	answered(has);
	return has;
}
