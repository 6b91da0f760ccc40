#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# icmpxctl doctor while icmpx is not loaded: why it is not, and that its commands load it.

# shellcheck source=lib/icmpxctl.sh
. "$(dirname "$0")/lib/icmpxctl.sh"

modules=/lib/modules/$(uname -r)

start() {
	begin
	needs_icmpxctl
	sysctl -q -w net.ipv4.ping_group_range="0 2147483647"
	dmesg -C
}

# Lets modprobe find icmpx, and for a while nothing else: indexing all modules again takes minutes.
install_icmpx() {
	mount -t tmpfs modules "$modules"
	install -D -m 644 "$ICMPX_KO" "$modules/updates/icmpx.ko"
	depmod 2>/dev/null
}

remove_icmpx() {
	umount "$modules"
}

# expect_finding NAME TEXT FIX…: it is there, and says and advises that.
expect_finding() {
	local name=$1 text=$2
	shift 2
	ctl -j doctor
	[[ $status == 1 ]] || complain "status $status: $out $err"
	python3 -ISc 'import json, sys
name, text, *fix = sys.argv[1:]
report = json.load(sys.stdin)
first = report["findings"][0]
assert not report["loaded"] and not report["taken_over"]["ipv4"]["received"], report
assert first["level"] == "problem" and first["id"] == name and text in first["text"] and first["fix"] == fix, first' \
		"$name" "$text" "$@" <<<"$out" 2>"$scratch/python" ||
		complain "no finding '$name', '$text', with $*: $(<"$scratch/python") $out"
}

test_not_installed() {
	start
	expect_finding not_installed "not installed for Linux $(uname -r)" \
		'apt-get install ./icmpx-dkms_*.deb' 'modprobe icmpx'
}

# What DKMS leaves behind when a kernel's headers were not there.
test_not_built() {
	start
	mkdir -p /var/lib/dkms/icmpx/0.1
	expect_finding dkms "DKMS has its sources and has not built them for Linux $(uname -r)" \
		"apt-get install linux-headers-$(uname -r)" "dkms autoinstall -k $(uname -r)" 'modprobe icmpx'
	rm -r /var/lib/dkms/icmpx
}

test_not_loaded() {
	start
	install_icmpx
	expect_finding not_loaded "the built-in code handles all of ICMP" 'modprobe icmpx'
	expect_success "the fix" modprobe icmpx
	ctl doctor
	expect_equal "$status" 0 "status afterwards: $out"
	rmmod icmpx
	remove_icmpx
}

test_another_module_has_the_slot() {
	start
	install_icmpx
	load_test_module test_slot || return
	expect_failure "loading" modprobe icmpx
	expect_finding slot "another module handles ICMP" 'rmmod test_slot' 'modprobe icmpx'
	expect_success "the fix" sh -ec 'rmmod test_slot; modprobe icmpx'
	ctl doctor
	expect_equal "$status" 0 "status afterwards: $out"
	rmmod icmpx
	# What was so once is no finding later.
	expect_finding not_loaded "the built-in code handles all of ICMP" 'modprobe icmpx'
	remove_icmpx
}

# A module that is there, and does not answer: what only the module can say is not known.
test_cannot_be_asked() {
	start
	ctl_as=(unshare -m sh -ec 'mount -t tmpfs modules /sys/module; mkdir /sys/module/icmpx; exec "$@"' sh)
	ctl doctor
	[[ $out == "IPv4: received messages: icmpx; errors sent: not known; new ping sockets: icmpx"* ]] ||
		ktap_fail "printed '$out'"
	expect_equal "$status" 1 "status"
	ctl -j doctor
	python3 -ISc 'import json, sys
report = json.load(sys.stdin)
assert report["taken_over"]["ipv4"]["errors"] is None, report
assert [f["id"] for f in report["findings"] if f["level"] == "problem"] == ["netlink"], report' <<<"$out" ||
		ktap_fail "printed '$out'"
}

test_words() {
	start
	ctl doctor
	[[ $out == "IPv4: received messages: the built-in code; errors sent: the built-in code; new ping sockets: the built-in code"* ]] ||
		ktap_fail "printed '$out'"
	expect_equal "$status" 1 "status"
}

load_run "$@"
