// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Metrics as text, in the two formats that Prometheus reads. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace icmpxctl {

/// They differ in where the name of a counter has its suffix, so no text is both.
enum class Exposition {
	prometheus,  ///< text format 0.0.4, as node_exporter's textfile collector reads
	open_metrics ///< OpenMetrics 1.0
};

enum class MetricType { counter, gauge, info };

struct Sample {
	/// Names and values.
	std::vector<std::pair<std::string, std::string>> labels;
	/// In decimal.
	std::string value;
};

/// A family of metrics.
struct Metric {
	/// Without the suffix of its type, _total or _info.
	std::string name;
	MetricType type;
	/// A sentence.
	std::string help;
	std::vector<Sample> samples;
};

/// The text, with its end. Metrics without samples are left out.
std::string expose(const std::vector<Metric> &metrics, Exposition format);

} // namespace icmpxctl
