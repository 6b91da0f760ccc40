// SPDX-License-Identifier: GPL-2.0-only
#include "counters.hpp"

#include "netlink.hpp"

namespace icmpxctl {

namespace {

Counter parse(const Attributes &attributes)
{
	return {.name = attributes.text(ICMPX_A_COUNTER_NAME),
		.value = attributes.number(ICMPX_A_COUNTER_VALUE).value_or(0),
		.kind = static_cast<unsigned>(
			attributes.number(ICMPX_A_COUNTER_KIND).value_or(ICMPX_COUNTER_KIND_SUM))};
}

} // namespace

std::vector<Counters> read_counters(Netlink &netlink, std::optional<int> family)
{
	std::vector<Counters> all;
	Message message(ICMPX_CMD_COUNTERS_GET);

	if (family)
		message.put_u8(ICMPX_A_COUNTERS_FAMILY, static_cast<std::uint8_t>(*family));
	netlink.dump(std::move(message), [&all](int, const Attributes &attributes) {
		Counters &counters = all.emplace_back();

		counters.family =
			static_cast<int>(attributes.number(ICMPX_A_COUNTERS_FAMILY).value_or(0));
		attributes.each([&counters](int type, std::span<const std::byte> payload) {
			if (type == ICMPX_A_COUNTERS_COUNTER)
				counters.list.push_back(parse(Attributes(payload)));
		});
	});
	return all;
}

} // namespace icmpxctl
