#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# include/icmpx/icmpx.yaml is what the kernel's own YNL tool takes, and what the module does. YNL in the environment is
# the directory of that tool, tools/net/ynl of the kernel's source.

# shellcheck source=lib/netns.sh
. "$(dirname "$0")/lib/netns.sh"

# Beside the programs where these are installed.
spec=$(dirname "$0")/lib/icmpx.yaml
[[ -e $spec ]] || spec=$(dirname "$0")/../include/icmpx/icmpx.yaml

begin() {
	needs_icmpx
	[[ -e ${YNL-}/cli.py ]] || ktap_skip "needs the directory tools/net/ynl of the kernel's source in YNL"
	make_network
}

# ynl ARGUMENT…: in the server's namespace.
ynl() {
	in_server /usr/bin/python3 "$YNL/cli.py" --spec "$spec" --no-schema --output-json "$@"
}

# field EXPRESSION: of the JSON on the standard input, which is called x.
field() {
	/usr/bin/python3 -c "import json, sys; x = json.load(sys.stdin); print($1)"
}

# The schema is the kernel's own.
test_specification() {
	begin
	expect_success "the schema" /usr/bin/python3 "$YNL/cli.py" --spec "$spec" \
		--schema "$YNL/../../../Documentation/netlink/genetlink.yaml" --list-ops
	expect_equal "$(ynl --list-msgs | grep -c ntf)" 3 "messages to groups"
}

test_settings() {
	begin
	expect_success "setting one" ynl --do setting-set --json '{"family": 2, "name": "echo_burst", "value": "33"}'
	expect_equal "$(in_server cat /proc/sys/net/icmpx/echo_burst)" 33 "echo_burst"
	expect_equal "$(ynl --do setting-get --json '{"family": 2, "name": "echo_burst"}' |
		field 'x["value"], x["range-min"], x["range-max"]')" "33 1 1000000" "what it says"
	expect_failure "a value out of range" ynl --do setting-set \
		--json '{"family": 2, "name": "echo_burst", "value": "0"}'
	expect_equal "$(ynl --dump setting-get | field 'len(x)')" \
		"$(in_server sh -c 'ls /proc/sys/net/icmpx /proc/sys/net/icmpx6' | grep -c '^[a-z]')" "settings"
}

test_counters() {
	begin
	expect_success "pings" client_pings 3
	expect_equal "$(ynl --dump counters-get | field '[c["value"] for c in x[0]["counter"] if c["name"] == "reply_in_place"]')" \
		"[3]" "reply_in_place"
	expect_equal "$(ynl --dump counters-get |
		field 'sorted({c["kind"] for f in x for c in f["counter"]})')" \
		"['error-outcome', 'fact', 'outcome', 'state', 'sum']" "kinds"
}

test_lists() {
	begin
	expect_success "a limit" ynl --do setting-set --json '{"family": 2, "name": "echo_ratelimit", "value": "1"}'
	expect_success "a short burst" ynl --do setting-set --json '{"family": 2, "name": "echo_burst", "value": "1"}'
	local tries found
	# A limit ends after a while without a refusal, and a slow machine takes longer to ask: requests come all the time.
	in_client ping -q -i 0.002 10.0.0.2 >/dev/null &
	for ((tries = 0; tries < 20; tries++)); do
		found=$(ynl --dump limited-get | field 'x[0]["prefix"], x[0]["length"]' 2>/dev/null || true)
		[[ ! $found ]] || break
	done
	kill $!
	expect_equal "$found" "10.0.0.1 32" "who is limited"
	expect_success "an express device" ynl --do express-add --json '{"name": "server"}'
	expect_equal "$(ynl --dump express-get | field '[d["name"] for d in x]')" "['server']" "express devices"
	expect_success "without it" ynl --do express-del --json '{"name": "server"}'
	expect_equal "$(ynl --dump express-get | field 'x')" "[]" "express devices"
	expect_equal "$(ynl --dump socket-get | field 'x')" "[]" "ping sockets"
}

ktap_run "$@"
