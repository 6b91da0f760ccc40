// SPDX-License-Identifier: GPL-2.0-only
#include "exposition.hpp"

namespace icmpxctl {

namespace {

std::string_view suffix(MetricType type)
{
	switch (type) {
	case MetricType::counter:
		return "_total";
	case MetricType::info:
		return "_info";
	case MetricType::gauge:
		break;
	}
	return "";
}

std::string_view word(MetricType type, Exposition format)
{
	switch (type) {
	case MetricType::counter:
		return "counter";
	case MetricType::info:
		return format == Exposition::open_metrics ? "info" : "gauge";
	case MetricType::gauge:
		break;
	}
	return "gauge";
}

/// With a backslash before what would end a value.
std::string escaped(std::string_view value)
{
	std::string text;

	for (const char c : value) {
		if (c == '\n') {
			text += "\\n";
			continue;
		}
		if (c == '\\' || c == '"')
			text += '\\';
		text += c;
	}
	return text;
}

std::string labels(const Sample &sample)
{
	std::string text;

	for (const auto &[name, value] : sample.labels) {
		text += text.empty() ? "{" : ",";
		text += name + "=\"" + escaped(value) + "\"";
	}
	return text.empty() ? text : text + "}";
}

void expose(std::string &text, const Metric &metric, Exposition format)
{
	const std::string full = metric.name + std::string(suffix(metric.type));
	const std::string &name = format == Exposition::open_metrics ? metric.name : full;

	text += "# HELP " + name + " " + escaped(metric.help) + "\n";
	text += "# TYPE " + name + " " + std::string(word(metric.type, format)) + "\n";
	for (const Sample &sample : metric.samples)
		text += full + labels(sample) + " " + sample.value + "\n";
}

} // namespace

std::string expose(const std::vector<Metric> &metrics, Exposition format)
{
	std::string text;

	for (const Metric &metric : metrics)
		if (!metric.samples.empty())
			expose(text, metric, format);
	// To a reader of the other format, a comment.
	return text + "# EOF\n";
}

} // namespace icmpxctl
