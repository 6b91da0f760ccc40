// SPDX-License-Identifier: GPL-2.0-only
//
// What a packet costs, with the built-in code and with icmpx, in one boot.
//
// Usage: scenarios run [ROUNDS [PART]]    as root, with ICMPX_KO and ICMPX_RELEASE in the environment and icmpx not loaded;
//                                         those scenarios whose name contains PART
//        scenarios families <TABLES       the same with IPv4 and IPv6 side by side
//        scenarios plot <TABLES           an SVG of the ratios
//        scenarios check FIGURES <TABLES  fails where icmpx takes more than one percent more than FIGURES say
//
// A table has a line for each scenario, its columns separated by tabs: kernel, scenario, cost with the built-in code, with
// icmpx, ratio; for several rounds, in which the two take turns, medians, and the spread of the two from the lower to the
// upper quartile. The unit is the nanosecond; under QEMU's -icount, that is an instruction.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/socket.hpp"
#include "lib/socket6.hpp"
#include "scenario.hpp"
#include "tool.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace {

using bench::over_ipv6;
using bench::Scenario;

constexpr std::string_view bench_file = "/proc/icmpx_bench";
constexpr unsigned warm_up = 128;

/// What one scenario has beyond the others, as long as this is there: with each address, lookups of routes take longer.
class Device {
public:
	explicit Device(const Scenario &scenario)
		: name_(scenario.several_queues ? "bench4" : "bench0"), ipv6_(scenario.ipv6),
		  network_(scenario.ipv6	     ? "2001:db8:99::"
			   : scenario.several_queues ? "10.98.0."
						     : "10.99.0.")
	{
		if (several_queues())
			host::run(
				"ip link add bench4 numtxqueues 4 numrxqueues 4 type dummy && "
				"ip address add 10.98.0.1/24 dev bench4 && ip link set bench4 up");
		if (ipv6_)
			host::run("ip address add " + address() + "/64 dev " + name_ +
				  " nodad && ip -6 route add default via " + neighbour());
	}
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;
	~Device()
	{
		if (ipv6_)
			host::try_run("ip -6 route delete default via " + neighbour() +
				      "; ip address delete " + address() + "/64 dev " + name_);
		if (several_queues())
			host::try_run("ip link delete bench4");
	}

	const std::string &name() const { return name_; }
	std::string address() const { return network_ + "1"; }
	std::string neighbour() const { return network_ + "2"; }

private:
	bool several_queues() const { return name_ == "bench4"; }

	std::string name_;
	bool ipv6_;
	std::string network_;
};

/// Many sources are behind a router, or their neighbour entries would be what is measured.
std::string source_of(const Scenario &scenario, const Device &device)
{
	if (!scenario.source.empty())
		return scenario.source;
	if (scenario.sources > 1)
		return scenario.ipv6 ? "2001:db8:100::1" : "11.0.0.1";
	return device.neighbour();
}

std::int64_t measure(const Scenario &scenario)
{
	std::optional<sock::Socket> raw, udp;
	const std::string file(bench_file);
	const Device device(scenario);

	if (!scenario.before.empty())
		host::run(scenario.before);
	if (scenario.raw_socket) {
		// With room for all that comes, or most packets would soon be ours alone.
		raw = scenario.ipv6 ? sock6::raw(IPPROTO_ICMPV6) : sock::raw(IPPROTO_ICMP);
		sock::set(*raw, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
	}
	if (scenario.ipv6 && scenario.type == 1) {
		udp = sock6::udp();
		sock6::bind(*udp, {packet6::ipv6(device.address()), 9});
	} else if (!scenario.ipv6 && scenario.type == 3) {
		udp = sock::udp();
		sock::bind(*udp, {packet::ipv4(device.address()), 9});
	}
	for (unsigned count :
	     {std::max(warm_up, scenario.sources > 1 ? scenario.count : 0), scenario.count}) {
		std::ostringstream line;

		line << device.name() << ' ' << source_of(scenario, device) << ' '
		     << (scenario.destination.empty() ? device.address() : scenario.destination)
		     << ' ' << scenario.type << ' ' << scenario.bytes << ' ' << count << " 0 0 "
		     << scenario.sources << ' '
		     << scenario.options + 2 * scenario.gro + 8 * scenario.fragments;
		host::check(host::write_file(file, line.str()) ? 0 : -1, scenario.name);
	}
	if (!scenario.after.empty())
		host::run(scenario.after);
	return std::stoll(ktap::require_value(host::read_file(file), file));
}

std::int64_t quantile(std::vector<std::int64_t> values, unsigned percent)
{
	std::ranges::sort(values);
	return values[(values.size() - 1) * percent / 100];
}

std::string environment(const char *name)
{
	const char *value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): there is one thread

	if (!value)
		ktap::fatal(std::string("no ") + name + " in the environment");
	return value;
}

int run(unsigned rounds, const std::string &part)
{
	const module::Helper bench("icmpx_bench");
	const std::string file = environment("ICMPX_KO");
	std::string kernel = environment("ICMPX_RELEASE");
	std::vector<Scenario> chosen;
	std::map<std::string, std::vector<std::int64_t>> costs[2];

	kernel = kernel.substr(0, kernel.find_first_of("-+"));
	host::try_run("modprobe dummy numdummies=0");
	host::run("ip link add bench0 type dummy && ip address add 10.99.0.1/24 dev bench0 && "
		  "ip link set bench0 up && ip route add default via 10.99.0.2");
	for (const Scenario &scenario : bench::scenarios()) {
		if (scenario.name.find(part) != std::string::npos)
			chosen.push_back(scenario);
	}
	unsigned most = rounds;
	for (const Scenario &scenario : chosen)
		most = std::max(most, scenario.rounds);
	for (unsigned round = 0; round < most; round++) {
		for (bool ours : {false, true}) {
			if (ours)
				ktap::require_equal(module::load(file), 0, "loading " + file);
			for (const Scenario &scenario : chosen) {
				if (round < std::max(rounds, scenario.rounds))
					costs[ours][scenario.name].push_back(measure(scenario));
			}
			if (ours)
				ktap::require_equal(module::unload_when_idle("icmpx"), 0,
						    "unloading");
		}
	}
	for (const Scenario &scenario : chosen) {
		auto builtin = quantile(costs[0][scenario.name], 50);
		auto ours = quantile(costs[1][scenario.name], 50);

		std::printf("%s\t%s\t%lld\t%lld\t%.3f", kernel.c_str(), scenario.name.c_str(),
			    static_cast<long long>(builtin), static_cast<long long>(ours),
			    static_cast<double>(ours) / static_cast<double>(builtin));
		for (auto &of : costs) {
			if (rounds > 1)
				std::printf(
					"\t%lld-%lld",
					static_cast<long long>(quantile(of[scenario.name], 25)),
					static_cast<long long>(quantile(of[scenario.name], 75)));
		}
		std::printf("\n");
	}
	return 0;
}

struct Row {
	std::string kernel;
	std::string name;
	double builtin = 0;
	double ours = 0;

	bool ipv6() const { return name.starts_with(over_ipv6); }
	/// What both families have under one name.
	std::string subject() const
	{
		return kernel + '\t' + (ipv6() ? name.substr(over_ipv6.size()) : name);
	}
};

/// Puts what is measured over IPv6 behind the same over IPv4.
std::vector<Row> side_by_side(std::vector<Row> rows)
{
	std::vector<Row> ordered;

	while (!rows.empty()) {
		const std::string subject = rows.front().subject();
		const auto rest = std::ranges::stable_partition(
			rows, [&](const Row &row) { return row.subject() == subject; });

		std::move(rows.begin(), rest.begin(), std::back_inserter(ordered));
		rows.erase(rows.begin(), rest.begin());
	}
	return ordered;
}

std::vector<Row> read_table(std::istream &in)
{
	std::vector<Row> rows;

	for (std::string line; std::getline(in, line);) {
		std::istringstream fields(line);
		std::string builtin, ours;
		Row row;

		if (!std::getline(fields, row.kernel, '\t') ||
		    !std::getline(fields, row.name, '\t') || !std::getline(fields, builtin, '\t') ||
		    !std::getline(fields, ours, '\t'))
			continue;
		row.builtin = std::stod(builtin);
		row.ours = std::stod(ours);
		rows.push_back(row);
	}
	return rows;
}

/// A line for each subject: kernel, subject, then of IPv4 and of IPv6 each the two costs and the ratio.
int families(const std::vector<Row> &rows)
{
	for (auto row = rows.begin(); row != rows.end();) {
		const std::string subject = row->subject();

		std::printf("%s", subject.c_str());
		for (bool ipv6 : {false, true}) {
			if (row != rows.end() && row->subject() == subject && row->ipv6() == ipv6) {
				std::printf("\t%.0f\t%.0f\t%.3f", row->builtin, row->ours,
					    row->ours / row->builtin);
				row++;
			} else {
				std::printf("\t-\t-\t-");
			}
		}
		std::printf("\n");
	}
	return 0;
}

int plot(const std::vector<Row> &rows)
{
	constexpr int left = 300, scale = 400, height = 18;
	const auto width = left + scale + 60;
	int y = 40;

	std::printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\" "
		    "font-family=\"sans-serif\" font-size=\"12\">\n"
		    "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		    "<text x=\"10\" y=\"22\">Cost of a packet with icmpx; the built-in code is "
		    "1</text>\n",
		    width, 60 + rows.size() * height);
	for (const Row &row : rows) {
		const double ratio = row.ours / row.builtin;

		std::printf("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s, %s</text>\n"
			    "<rect x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"%d\" fill=\"%s\"/>\n"
			    "<text x=\"%.0f\" y=\"%d\">%.2f</text>\n",
			    left - 6, y + 12, row.kernel.c_str(), row.name.c_str(), left, y + 2,
			    ratio * scale, height - 4, row.ipv6() ? "#7fb069" : "#3b7ddd",
			    left + ratio * scale + 4, y + 12, ratio);
		y += height;
	}
	std::printf("<line x1=\"%d\" x2=\"%d\" y1=\"36\" y2=\"%d\" stroke=\"black\"/>\n</svg>\n",
		    left + scale, left + scale, y + 4);
	return 0;
}

/// How much of a kept figure a cost may be. Which of a thousand sources meet in the cache of routes is up to its key, which
/// is drawn when the module is loaded: the medians of some keys are within 10 % of each other.
double tolerance(const std::string &scenario)
{
	return scenario.ends_with("1,000 sources") ? 1.1 : 1.01;
}

int check(const std::vector<Row> &rows, const std::vector<Row> &figures)
{
	int failures = 0;

	if (rows.empty())
		ktap::fatal("no table to check");
	for (const Row &row : rows) {
		auto figure = std::ranges::find_if(figures, [&](const Row &kept) {
			return kept.kernel == row.kernel && kept.name == row.name;
		});
		if (figure == figures.end()) {
			std::printf("%s, %s: no figure is kept\n", row.kernel.c_str(),
				    row.name.c_str());
			failures++;
		} else if (row.ours > figure->ours * tolerance(row.name)) {
			std::printf("%s, %s: %.0f, was %.0f\n", row.kernel.c_str(),
				    row.name.c_str(), row.ours, figure->ours);
			failures++;
		}
	}
	std::printf("%zu scenarios, %d above the kept figures\n", rows.size(), failures);
	return failures ? 1 : 0;
}

int main_of(const std::vector<std::string> &arguments)
{
	const std::string verb = arguments.empty() ? "" : arguments[0];

	if (verb == "run")
		return run(arguments.size() > 1 ? static_cast<unsigned>(std::stoul(arguments[1]))
						: 1,
			   arguments.size() > 2 ? arguments[2] : "");
	if (verb == "families")
		return families(side_by_side(read_table(std::cin)));
	if (verb == "plot")
		return plot(side_by_side(read_table(std::cin)));
	if (verb == "check" && arguments.size() == 2) {
		std::ifstream figures(arguments[1]);

		return check(read_table(std::cin), read_table(figures));
	}
	std::cerr << "usage: scenarios run [ROUNDS [PART]] | families | plot | check FIGURES\n";
	return 2;
}

} // namespace

int main(int argc, char **argv) { return run_tool(argc, argv, main_of); }
