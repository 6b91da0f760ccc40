// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// What the parts of icmpxctl doctor have in common that make findings of facts. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "findings.hpp"

namespace icmpxctl {

/// The facts, and the findings so far.
class Diagnosis {
public:
	explicit Diagnosis(const Facts &facts) : facts_(facts) {}

	const Facts &facts() const { return facts_; }

	void problem(std::string id, std::string text, std::vector<std::string> fix = {});
	void note(std::string id, std::string text, std::vector<std::string> fix = {});

	/// The command that does the work of a command in the namespace that the facts are of.
	std::string here(const std::string &command) const;

	/// The command that changes a setting of the namespace.
	std::string set(const std::string &name, const std::string &value) const;

	/// The value of a setting; empty if there is no such setting.
	std::string setting(std::string_view name) const;

	/// The value of a setting that is a number; 0 if there is no such setting.
	std::int64_t value(std::string_view name) const;

	/// The findings, most important first.
	std::vector<Finding> take();

private:
	const Facts &facts_;
	std::vector<Finding> findings_;
};

/// The value of a counter; 0 if there is no such counter.
std::uint64_t count(const FamilyFacts &family, std::string_view counter);

/// Whether icmpx is loaded, and what it has taken over.
void look_at_module(Diagnosis &diagnosis);

/// Settings and limits by which pings are not answered.
void look_at_settings(Diagnosis &diagnosis);

} // namespace icmpxctl
