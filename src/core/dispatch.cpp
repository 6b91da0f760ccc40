// SPDX-License-Identifier: GPL-2.0-only
#include "dispatch.hpp"

#include "verdict.hpp"

namespace icmpx {
namespace {

/// Counts the rows for which @p predicate holds.
template <typename Predicate> constexpr int count(Predicate predicate)
{
	int n = 0;

	for (const Row &row : kTable)
		n += predicate(row) ? 1 : 0;
	return n;
}

// The mask of the limited types: the default of net.ipv4.icmp_ratemask.
constexpr u32 default_ratemask()
{
	u32 mask = 0;

	for (u32 type = 0; type <= kLastClassicType; ++type)
		mask |= kTable[type].limited ? 1U << type : 0;
	return mask;
}

// RFC 792: the four errors, the redirect, and the handlers of the rest.
static_assert(count([](const Row &row) { return row.handler == Handler::kError; }) == 5);
static_assert(count([](const Row &row) {
		      return row.handler == Handler::kError && !row.is_error;
	      }) == 0);
static_assert(kTable[kEcho].handler == Handler::kEcho);
static_assert(kTable[kTimestamp].handler == Handler::kTimestamp);
// RFC 1122, 3.2.2: an error is never answered, and an error by broadcast is not believed.
static_assert(count([](const Row &row) { return row.is_error && row.by_broadcast; }) == 0);
// RFC 1122, 3.2.2.6 and 3.2.2.8: these requests to a broadcast address MAY be ignored.
static_assert(count([](const Row &row) { return row.broadcast_is_optional; }) == 2);
static_assert(kTable[kEcho].broadcast_is_optional && kTable[kTimestamp].broadcast_is_optional);
// RFC 6633: a source quench is delivered as before; the transport protocols ignore it.
static_assert(kTable[kSourceQuench].handler == Handler::kError);
// RFC 6918: information and address mask messages are obsolete, and not answered.
static_assert(kTable[15].handler == Handler::kObsolete && kTable[16].handler == Handler::kObsolete);
static_assert(kTable[kAddressMask].handler == Handler::kObsolete);
// RFC 8335: 42 is a request, 43 its reply. RFC 1122: no other type above 18 is known.
static_assert(kTable[kExtendedEcho].handler == Handler::kProbe);
static_assert(kTable[kExtendedEchoReply].handler == Handler::kPing);
static_assert(count([](const Row &row) { return row.handler != Handler::kUnknown; }) ==
	      kLastClassicType + 1 + 2);
static_assert(default_ratemask() == 0x1818);

constexpr bool refuses_broadcast(const Row &row, u32 policy)
{
	const bool unknown = row.handler == Handler::kUnknown;

	if ((policy & ICMPX_STRICT_BROADCAST) != 0 && (unknown || row.handler == Handler::kPing))
		return true;
	if (unknown)
		return false;
	return !row.by_broadcast ||
	       (row.broadcast_is_optional && (policy & ICMPX_IGNORE_BROADCASTS) != 0);
}

constexpr icmpx_verdict decide(u8 type, u32 policy)
{
	const Row &row = kTable[type];

	if ((policy & ICMPX_VIA_BROADCAST) != 0 && refuses_broadcast(row, policy))
		return finish(ICMPX_DROP_BROADCAST, true);

	switch (row.handler) {
		[[likely]] case Handler::kEcho : if ((policy & ICMPX_IGNORE_ALL) !=
						     0) return finish(ICMPX_IGNORE_ECHO, false);
		return act(ICMPX_ANSWER_ECHO);
	case Handler::kProbe:
		if ((policy & ICMPX_IGNORE_ALL) != 0)
			return finish(ICMPX_IGNORE_ECHO, false);
		if ((policy & ICMPX_PROBE_ENABLED) == 0)
			return finish(ICMPX_IGNORE_PROBE, false);
		return act(ICMPX_ANSWER_PROBE);
	case Handler::kTimestamp:
		if ((policy & ICMPX_IGNORE_TIMESTAMPS) != 0)
			return finish(ICMPX_IGNORE_TIMESTAMP, false);
		return act(ICMPX_ANSWER_TIMESTAMP);
	case Handler::kPing:
		return act(ICMPX_TO_PING);
	case Handler::kError:
		return act(ICMPX_TO_ERROR);
	case Handler::kObsolete:
		return finish(ICMPX_IGNORE_TYPE, false);
	case Handler::kUnknown:
		break;
	}
	return finish(ICMPX_DROP_UNKNOWN_TYPE, true);
}

} // namespace
} // namespace icmpx

icmpx_verdict icmpx_decide(const u8 *header, u32 policy)
{
	using namespace icmpx;

	const icmpx_verdict verdict = decide(header[kTypeAt], policy);

	if (verdict.action == ICMPX_ANSWER_PROBE &&
	    !probe_asks_about_us(ConstHeader{header, ICMPX_HEADER_LEN}))
		return finish(ICMPX_IGNORE_PROBE, false);
	return verdict;
}

bool icmpx_rate_limited(u8 type, u8 code, u32 ratemask)
{
	using namespace icmpx;

	if (type > kLastClassicType)
		return false;
	if (type == kUnreachable && code == kFragmentationNeeded)
		return false;
	return (ratemask >> type & 1) != 0;
}

bool icmpx_is_request(u8 type, u8 code)
{
	using namespace icmpx;

	const Handler handler = kTable[type].handler;

	return code == 0 && (handler == Handler::kEcho || handler == Handler::kProbe);
}
