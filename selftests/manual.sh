#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpx(4) has each setting and each counter of icmpx, and none that there is not.

dir=$(dirname "$0")
# shellcheck source=lib/module.sh
. "$dir/lib/module.sh"

# Beside the programs where these are installed.
manual=$dir/lib/icmpx.4
[[ -e $manual ]] || manual=$dir/../src/man/icmpx.4

# documented MACRO: what is named so at the head of an item.
documented() {
	sed -nE "s/^\.It $1 //p" "$manual" | sed 's/ , /\n/g' | sort
}

# expect_same WHAT: what is in $there, and what is in $told.
expect_same() {
	expect_equal "$(comm -23 <(echo "$there") <(echo "$told"))" "" "$1 without a word in icmpx(4)"
	expect_equal "$(comm -13 <(echo "$there") <(echo "$told"))" "" "$1 in icmpx(4) alone"
}

test_settings() {
	local there told
	begin
	mark_log
	expect_success "loading" load_icmpx
	there=$(cd /proc/sys && printf '%s\n' net/icmpx/* net/icmpx6/* | tr / . | sort)
	told=$(documented Va)
	# It says itself that not every kernel has this one.
	[[ -e /proc/sys/net/ipv6/icmp/error_anycast_as_unicast ]] || told=$(grep -v error_anycast_as_unicast <<<"$told")
	expect_same "settings"
	expect_calm_log
}

test_counters() {
	local there told
	begin
	mark_log
	expect_success "loading" load_icmpx
	there=$(awk '{ print $1 }' /proc/net/icmpx_stat /proc/net/icmpx6_stat | sort -u)
	# The manual begins each list with the counter that is the sum of it, and parameters have a value.
	told=$({ documented Cm | grep -v '=' && printf '%s\n' packets_in errors_wanted; } | sort)
	expect_same "counters"
	expect_calm_log
}

load_run "$@"
