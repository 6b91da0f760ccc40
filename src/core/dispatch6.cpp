// SPDX-License-Identifier: GPL-2.0-only
#include "dispatch6.hpp"

#include "verdict.hpp"

namespace icmpx {
namespace {

/// Counts the types from @p first to @p last that @p handler is for.
constexpr int count(Handler6 handler, std::size_t first = 0, std::size_t last = 255)
{
	int n = 0;

	for (std::size_t type = first; type <= last; ++type)
		n += kTable6[type].handler == handler ? 1 : 0;
	return n;
}

// RFC 4443, 2.1: the types below 128 are errors, and no others are.
static_assert(count(Handler6::kError, 0, 127) == 128 && count(Handler6::kError) == 128);
// RFC 4443, 4: an echo request and its reply. RFC 8335, 2 and 3: extended ones.
static_assert(kTable6[128].handler == Handler6::kEcho && count(Handler6::kEcho) == 1);
static_assert(kTable6[160].handler == Handler6::kProbe && count(Handler6::kProbe) == 1);
static_assert(kTable6[129].handler == Handler6::kPing && kTable6[161].handler == Handler6::kPing);
static_assert(count(Handler6::kPing) == 2);
// RFC 4620, 4: a query is to be answered, and this host sends none that a reply could be for.
static_assert(kTable6[139].handler == Handler6::kNodeInfo && count(Handler6::kNodeInfo) == 1);
// RFC 4861, 4: solicitations, advertisements and redirects.
static_assert(count(Handler6::kNd, 133, 137) == 5 && count(Handler6::kNd) == 5);
// RFC 2710, 3, and RFC 3810, 5: queries, reports of both versions, and done.
static_assert(count(Handler6::kMld, 130, 132) == 3 && count(Handler6::kMld) == 4);
static_assert(kTable6[143].handler == Handler6::kMld);
// RFC 4443, 2.4 (b): what is not assigned is unknown, and so are the types for experiments (200
// and 201) and for an expansion (255).
static_assert(count(Handler6::kUnused, 138, 159) == count(Handler6::kUnused));
static_assert(count(Handler6::kUnknown, 162, 255) == count(Handler6::kUnknown));
static_assert(count(Handler6::kUnknown) == 255 - 161);

constexpr bool all(u32 policy, u32 bits) { return (policy & bits) == bits; }

/// For a request by echo or PROBE: @p action, or why the request is ignored.
constexpr icmpx_verdict answer(icmpx_action action, u32 policy)
{
	if (all(policy, ICMPX6_IGNORE_ALL))
		return finish(ICMPX_IGNORE_ECHO, false);
	if (action == ICMPX_ANSWER_PROBE && !all(policy, ICMPX6_PROBE_ENABLED))
		return finish(ICMPX_IGNORE_PROBE, false);
	if (all(policy, ICMPX6_VIA_MULTICAST | ICMPX6_IGNORE_MULTICAST))
		return finish(ICMPX_IGNORE_MULTICAST, false);
	if (all(policy, ICMPX6_VIA_ANYCAST | ICMPX6_IGNORE_ANYCAST))
		return finish(ICMPX_IGNORE_ANYCAST, false);
	return act(action);
}

constexpr icmpx_verdict decide(u8 type, u32 policy)
{
	switch (kTable6[type].handler) {
		[[likely]] case Handler6::kEcho : return answer(ICMPX_ANSWER_ECHO, policy);
	case Handler6::kProbe:
		return answer(ICMPX_ANSWER_PROBE, policy);
	case Handler6::kNodeInfo:
		return act(ICMPX_ANSWER_NODE_INFO);
	case Handler6::kError:
		return act(ICMPX_TO_ERROR);
	case Handler6::kPing:
		return act(ICMPX_TO_PING);
	case Handler6::kNd:
		return finish(ICMPX_PASS_ND, false);
	case Handler6::kMld:
		return finish(ICMPX_PASS_MLD, false);
	case Handler6::kUnused:
		return finish(ICMPX_IGNORE_TYPE, false);
	case Handler6::kUnknown:
		break;
	}
	return finish(ICMPX_DROP_UNKNOWN_TYPE, false);
}

constexpr u8 pass(Handler6 handler)
{
	switch (handler) {
	case Handler6::kNd:
		return ICMPX_PASS_ND;
	case Handler6::kMld:
		return ICMPX_PASS_MLD;
	default:
		return 0;
	}
}

constexpr icmpx6_passes make_pass_table()
{
	icmpx6_passes table{};

	for (std::size_t type = 0; type < kTable6.size(); ++type)
		table.outcome[type] = pass(kTable6[type].handler);
	return table;
}

} // namespace
} // namespace icmpx

constexpr icmpx6_passes icmpx6_pass_table = icmpx::make_pass_table();

icmpx_verdict icmpx6_decide(const u8 *header, u32 policy)
{
	using namespace icmpx;

	const icmpx_verdict verdict = decide(header[kTypeAt], policy);

	if (verdict.action == ICMPX_ANSWER_PROBE &&
	    !probe_asks_about_us(ConstHeader{header, ICMPX_HEADER_LEN}))
		return finish(ICMPX_IGNORE_PROBE, false);
	return verdict;
}

bool icmpx6_is_request(u8 type, u8 code)
{
	using namespace icmpx;

	const Handler6 handler = kTable6[type].handler;

	return code == 0 && (handler == Handler6::kEcho || handler == Handler6::kProbe);
}
