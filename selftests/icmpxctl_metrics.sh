#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpxctl metrics: what it prints is what Prometheus reads, and has the values of the kernel.

dir=$(dirname "$0")
# shellcheck source=lib/icmpxctl.sh
. "$dir/lib/icmpxctl.sh"

promtool=("$dir/../scripts/unpacked" promtool)

start() {
	begin
	needs_icmpxctl
	load_icmpx || ktap_skip "cannot load icmpx"
	make_network6
	at=(-n "$server")
}

# value NAME LABELS: the value of a sample in $out.
value() {
	awk -v name="$1$2" '$1 == name { print $2 }' <<<"$out"
}

needs_promtool() {
	# It is fetched by scripts/setup: there is no network here.
	"${promtool[@]}" --version >/dev/null 2>&1 || ktap_skip "needs promtool: scripts/setup"
}

# What both families have counted, in each sort of metric.
make_traffic() {
	client_pings 5 >/dev/null
	client_pings6 7 >/dev/null
}

test_promtool() {
	start
	needs_promtool
	make_traffic
	ctl "${at[@]}" metrics
	expect_equal "$status" 0 "status"
	expect_equal "$("${promtool[@]}" check metrics <<<"$out" 2>&1)" "" "what promtool has to say"
	ctl metrics
	expect_equal "$("${promtool[@]}" check metrics <<<"$out" 2>&1)" "" "what promtool has to say without -n"
	unload_icmpx
	ctl metrics
	expect_equal "$("${promtool[@]}" check metrics <<<"$out" 2>&1)" "" "what promtool has to say without icmpx"
}

test_openmetrics() {
	start
	python3 -c 'import prometheus_client' 2>/dev/null || ktap_skip "needs python3-prometheus-client"
	make_traffic
	ctl "${at[@]}" metrics -f openmetrics
	expect_equal "$status" 0 "status"
	expect_success "prometheus_client reads them" python3 -c '
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = {family.name: family for family in text_string_to_metric_families(sys.argv[1])}
assert families["icmpx_packets"].type == "counter", families
assert families["icmpx"].type == "info", families
assert families["icmpx_sending"].type == "gauge", families
assert all(family.documentation for family in families.values())
' "$out"$'\n'
}

# Each line of /proc/net/icmpx_stat is a sample, with its value.
test_values() {
	local family file name number sample labels
	start
	make_traffic
	# Requests that wait for nothing more.
	ctl "${at[@]}" metrics
	for family in ipv4 ipv6; do
		file=/proc/net/icmpx_stat
		[[ $family == ipv4 ]] || file=/proc/net/icmpx6_stat
		while read -r name number; do
			labels="{family=\"$family\",netns=\"$server\"}"
			case $name in
			packets_in | errors_wanted | errors_to_raw_sockets | fragmented_replies | route_lookups | node_info_*_late) sample=icmpx_${name}_total ;;
			ping_sockets | sending) sample=icmpx_$name ;;
			ping_*) sample=icmpx_${name}_total ;;
			*)
				sample=icmpx_packets_total labels="{family=\"$family\",outcome=\"$name\",netns=\"$server\"}"
				[[ $name != error_* ]] || sample=icmpx_errors_total
				;;
			esac
			expect_equal "$(value "$sample" "$labels")" "$number" "$family $name"
		done < <(in_server cat "$file")
	done
	expect_equal "$(value icmpx_packets_total "{family=\"ipv4\",outcome=\"reply_in_place\",netns=\"$server\"}")" 5 "replies"
	expect_equal "$(value icmpx_packets_total "{family=\"ipv6\",outcome=\"reply_in_place\",netns=\"$server\"}")" 7 "replies"
}

test_settings_and_state() {
	start
	in_server sysctl -q -w net.icmpx.echo_ratelimit=123 net.icmpx6.echo_burst=45 net.icmpx.ratemask=-1 net.icmpx.node_name=12
	ip -n "$server" link add 7 type dummy
	in_server sysctl -q -w net.icmpx.express=7
	ctl "${at[@]}" metrics
	expect_equal "$(value icmpx_setting "{family=\"ipv4\",setting=\"echo_ratelimit\",netns=\"$server\"}")" 123 "a setting"
	expect_equal "$(value icmpx_setting "{family=\"ipv6\",setting=\"echo_burst\",netns=\"$server\"}")" 45 "a setting"
	expect_equal "$(value icmpx_setting "{family=\"ipv4\",setting=\"ratemask\",netns=\"$server\"}")" -1 "a negative setting"
	expect_equal "$(grep -cE 'setting="(node_name|express)"' <<<"$out")" 0 "settings that are no numbers, with names of digits"
	expect_equal "$(value icmpx_loaded "{netns=\"$server\"}")" 1 "loaded"
	expect_equal "$(value icmpx_info "{version=\"$(</sys/module/icmpx/version)\",netns=\"$server\"}")" 1 "version"
	ctl "${at[@]}" -4 metrics
	expect_equal "$(grep -c 'ipv6' <<<"$out")" 0 "samples of IPv6 with -4"
}

test_limited_prefixes() {
	start
	in_server sysctl -q -w net.icmpx.echo_ratelimit=1 net.icmpx.echo_burst=1
	in_client ping -q -n -c 20 -i 0.01 -W 0.1 "$server_address" >/dev/null
	ctl "${at[@]}" metrics
	expect_equal "$(value icmpx_limited_prefixes "{family=\"ipv4\",netns=\"$server\"}")" 1 "limited over IPv4"
	expect_equal "$(value icmpx_limited_prefixes "{family=\"ipv6\",netns=\"$server\"}")" 0 "limited over IPv6"
	ctl_as=(ip netns exec "$server" "${as_nobody[@]}")
	ctl metrics
	expect_equal "$status" 0 "status of an unprivileged user"
	expect_equal "$(grep -c limited_prefixes <<<"$out")" 0 "what takes privilege"
	expect_equal "$(grep -c '^icmpx_packets_in_total' <<<"$out")" 2 "what takes none"
}

test_not_loaded() {
	start
	unload_icmpx
	ctl metrics
	expect_equal "$status" 0 "status"
	expect_equal "$(grep -v '^#' <<<"$out")" "icmpx_loaded 0" "samples"
	expect_equal "$(tail -n 1 <<<"$out")" "# EOF" "the last line"
}

test_file() {
	local file=$scratch/metrics/icmpx.prom reader
	start
	mkdir -m 755 "$scratch/metrics"
	(umask 077 && ctl "${at[@]}" metrics -o "$file" && expect_equal "$status$out$err" 0 "status and output")
	expect_equal "$(stat -c '%a' "$file")" 644 "mode"
	expect_equal "$(tail -n 1 "$file")" "# EOF" "the last line"
	# Whoever has the old file open goes on reading that.
	exec {reader}<"$file"
	ctl "${at[@]}" metrics -o "$file" -f openmetrics
	expect_equal "$(grep -c '^# TYPE icmpx_packets ' <&"$reader")" 0 "lines of the new file in the old one"
	expect_equal "$(grep -c '^# TYPE icmpx_packets ' "$file")" 1 "lines of the new file"
	exec {reader}<&-
	expect_equal "$(ls "$scratch/metrics")" icmpx.prom "files"
	ctl "${at[@]}" metrics -o "$scratch/nosuch/icmpx.prom"
	expect_equal "$status $err" "1 icmpxctl: $scratch/nosuch/icmpx.prom: No such file or directory" "no directory"
	mkdir "$scratch/metrics/taken"
	ctl "${at[@]}" metrics -o "$scratch/metrics/taken"
	expect_equal "$status" 1 "status when it cannot be put into its place"
	expect_equal "$(ls "$scratch/metrics")" "icmpx.prom"$'\n'"taken" "files afterwards"
}

# What is no regular file stays what it is.
test_special_files() {
	start
	mkfifo "$scratch/pipe"
	timeout 60 cat "$scratch/pipe" >"$scratch/read" &
	ctl metrics -o "$scratch/pipe"
	expect_equal "$status$out$err" 0 "status and output with a pipe"
	[[ -p $scratch/pipe ]] || ktap_fail "the pipe was replaced"
	wait $!
	expect_equal "$(tail -n 1 "$scratch/read")" "# EOF" "the last line that came out of the pipe"
	mknod "$scratch/null" c 1 3
	ctl metrics -o "$scratch/null"
	expect_equal "$status$out$err" 0 "status and output with a device"
	[[ -c $scratch/null ]] || ktap_fail "the device was replaced"
	ln -s target "$scratch/link"
	seq 10000 >"$scratch/target"
	ctl metrics -o "$scratch/link"
	expect_equal "$status$out$err" 0 "status and output with a link"
	[[ -L $scratch/link ]] || ktap_fail "the link was replaced"
	expect_equal "$(tail -n 1 "$scratch/target")" "# EOF" "the last line where it leads"
	rm "$scratch/target"
	ctl metrics -o "$scratch/link"
	expect_equal "$(tail -n 1 "$scratch/target")" "# EOF" "the last line where there was nothing"
	mknod "$scratch/full" c 1 7
	ctl metrics -o "$scratch/full"
	expect_equal "$status $err" "1 icmpxctl: $scratch/full: No space left on device" "a device that is full"
}

test_wrong_command_lines() {
	needs_icmpxctl
	expect_refuses 2 "metrics takes no 'x'" metrics x
	expect_refuses 2 "option -o takes an argument" metrics -o
	expect_refuses 2 "-o takes the name of a file" metrics -o ''
	expect_refuses 2 "there is no format 'json': prometheus or openmetrics" metrics -f json
	expect_refuses 2 "metrics has no JSON: see icmpxctl -j stats" -j metrics
}

# The examples, where there is systemd.
test_units() {
	local units=$dir/../src/icmpxctl/examples
	needs_command systemd-analyze
	[[ -d $units ]] || ktap_skip "the examples are not here"
	needs_icmpxctl
	mkdir "$scratch/units"
	sed "s,/usr/sbin/icmpxctl,$icmpxctl,; /^Documentation=/d" "$units/icmpx-metrics.service" >"$scratch/units/icmpx-metrics.service"
	sed '/^Documentation=/d' "$units/icmpx-metrics.timer" >"$scratch/units/icmpx-metrics.timer"
	expect_equal "$(systemd-analyze verify "$scratch"/units/icmpx-metrics.* 2>&1)" "" "what systemd-analyze has to say"
}

load_run "$@"
