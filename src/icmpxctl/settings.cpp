// SPDX-License-Identifier: GPL-2.0-only
#include "settings.hpp"

#include <charconv>

#include <icmpx/netlink.h>

#include "words.hpp"

namespace icmpxctl {

namespace {

std::optional<std::pair<std::int32_t, std::int32_t>> parse_range(const Attributes &attributes)
{
	const auto least = attributes.number(ICMPX_A_SETTING_RANGE_MIN);
	const auto greatest = attributes.number(ICMPX_A_SETTING_RANGE_MAX);

	if (!least || !greatest)
		return std::nullopt;
	return std::pair{static_cast<std::int32_t>(*least), static_cast<std::int32_t>(*greatest)};
}

} // namespace

std::string Setting::full_name() const { return icmpxctl::full_name(family, name); }

std::optional<std::int64_t> Setting::number() const
{
	std::int64_t number = 0;
	const char *end = value.data() + value.size();
	const auto [stop, error] = std::from_chars(value.data(), end, number);

	if (!is_number || error != std::errc{} || stop != end)
		return std::nullopt;
	return number;
}

Json Setting::json() const
{
	if (const auto there = number())
		return *there;
	return value;
}

Setting parse_setting(const Attributes &attributes)
{
	return {.family = static_cast<int>(attributes.number(ICMPX_A_SETTING_FAMILY).value_or(0)),
		.name = attributes.text(ICMPX_A_SETTING_NAME),
		.value = attributes.text(ICMPX_A_SETTING_VALUE),
		.is_number = attributes.has(ICMPX_A_SETTING_NUMBER),
		.range = parse_range(attributes)};
}

Setting read_setting(Netlink &netlink, int family, std::string_view name)
{
	Setting setting;
	Message message(ICMPX_CMD_SETTING_GET);

	message.put_u8(ICMPX_A_SETTING_FAMILY, static_cast<std::uint8_t>(family))
		.put_text(ICMPX_A_SETTING_NAME, name);
	netlink.request(std::move(message), [&setting](int, const Attributes &attributes) {
		setting = parse_setting(attributes);
	});
	return setting;
}

std::vector<Setting> read_settings(Netlink &netlink, std::optional<int> family)
{
	std::vector<Setting> all;
	Message message(ICMPX_CMD_SETTING_GET);

	if (family)
		message.put_u8(ICMPX_A_SETTING_FAMILY, static_cast<std::uint8_t>(*family));
	netlink.dump(std::move(message), [&all](int, const Attributes &attributes) {
		all.push_back(parse_setting(attributes));
	});
	return all;
}

void no_setting(Netlink &netlink, const std::string &word)
{
	// A word without a family is compared with names without one.
	const bool full = word.find('.') != std::string::npos;
	std::vector<std::string> names;

	for (const Setting &setting : read_settings(netlink, {}))
		names.push_back(full ? setting.full_name() : setting.name);

	const std::string meant = nearest(word, names);

	throw Error("there is no setting '" + word + "'" +
		    (meant.empty() ? "; icmpxctl show lists them" : "; is it " + meant + "?"));
}

} // namespace icmpxctl
