#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A packet that comes in while a reply is on its way out, on the same CPU: it gets no answer, it is counted as what it
# is, and the reply goes on its way.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

count=5

# answers_meanwhile WHAT COUNTER
answers_meanwhile() {
	begin
	make_network
	mark_log
	expect_success "loading" load_icmpx
	# It looks at the namespace that it is loaded in.
	expect_success "loading test_busy" ip netns exec "$server" insmod "$test_modules/test_busy.ko" "what=$1"
	expect_success "pings" client_pings "$count"
	expect_icmpx "$server" "$count" reply_in_place reply_copied
	expect_icmpx "$server" "$count" "$2"
	rmmod test_busy
	expect_success "pings afterwards" client_pings "$count"
	expect_icmpx "$server" "$count" "$2"
	expect_calm_log
}

test_a_request_meanwhile() {
	answers_meanwhile request drop_busy
}

test_a_datagram_meanwhile() {
	answers_meanwhile datagram error_failed_busy
}

load_run "$@"
