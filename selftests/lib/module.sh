# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts have in common that load and unload icmpx and the modules of modules/. Sourced in place of netns.sh,
# never run; such a script ends with `load_run "$@"`.

# shellcheck source=lib/netns.sh
. "$(dirname "${BASH_SOURCE[0]}")/netns.sh"

# Where `make selftest-modules` puts them.
test_modules=${ICMPX_TEST_MODULES:-$(dirname "${BASH_SOURCE[0]}")/../../build/$(uname -r)/selftests}

# Runs the tests, each of which begins without icmpx, and leaves icmpx loaded if it was.
load_run() {
	local was_loaded status=0
	[[ -d /sys/module/icmpx ]] && was_loaded=1
	(ktap_run "$@") || status=$?
	unload_all
	[[ ! ${was_loaded-} ]] || insmod "$ICMPX_KO"
	exit "$status"
}

# Call this first in each test.
begin() {
	[[ -r ${ICMPX_KO-} ]] || ktap_skip "needs the icmpx module in ICMPX_KO"
	unload_all
}

unload_all() {
	local module
	for module in test_slot test_name test_busy test_hook test_family icmpx; do
		[[ ! -d /sys/module/$module ]] || rmmod "$module"
	done
}

load_icmpx() {
	insmod "$ICMPX_KO"
}

# load_icmpx_with PARAMETER=VALUE…
load_icmpx_with() {
	insmod "$ICMPX_KO" "$@"
}

# expect_refused MESSAGE [FILE]: insmod fails, with that error.
expect_refused() {
	local output
	if output=$(insmod "${2:-$ICMPX_KO}" 2>&1); then
		ktap_fail "loading succeeded"
	elif [[ $output != *"$1"* ]]; then
		ktap_fail "loading failed with '$output', expected '$1'"
	fi
	[[ ! -d /sys/module/icmpx ]] || ktap_fail "the module is there"
}

unload_icmpx() {
	rmmod icmpx
}

# load_test_module NAME [PARAMETER=VALUE…]
load_test_module() {
	local file="$test_modules/$1.ko"
	shift
	[[ -r $file ]] || ktap_skip "needs $file: make selftest-modules"
	insmod "$file" "$@"
}

# mark_log, log_since_mark: what the kernel logged from the mark on.
mark_log() {
	log_mark="$scratch-$RANDOM"
	echo "$log_mark" >/dev/kmsg
}

log_since_mark() {
	dmesg | sed "1,/${log_mark//\//\\/}/d"
}

# expect_log WHAT PATTERN: something logged since the mark matches.
expect_log() {
	log_since_mark | grep -qE -- "$2" && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $1: nothing in the log matches '$2':"
	log_since_mark | sed 's/^/#   /'
	ktap_failed=1
}

# Nothing worse than a message was logged since the mark.
expect_calm_log() {
	local found
	found=$(log_since_mark | grep -E 'BUG|WARNING:|Oops|Call Trace|refcount_t|general protection|blocked for more')
	[[ ! $found ]] && return
	echo "# ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: the kernel complained:"
	echo "#   ${found//$'\n'/$'\n'#   }"
	ktap_failed=1
}

# Whether icmpx is there for NAMESPACE: its settings and its counters.
expect_present_in() {
	expect_success "settings and counters in $1" \
		ip netns exec "$1" cat /proc/sys/net/icmpx/echo_burst /proc/net/icmpx_stat \
		/proc/sys/net/icmpx6/echo_burst /proc/net/icmpx6_stat
}

expect_absent_in() {
	expect_equal "$(ip netns exec "$1" ls -d /proc/sys/net/icmpx{,6} /proc/net/icmpx{,6}_stat 2>/dev/null)" "" \
		"settings and counters in $1"
}

# An error comes back for each datagram to a port where nobody is.
expect_errors() {
	expect_success "connection refused" in_client bash -c '
		exec 3<>/dev/udp/10.0.0.2/9
		echo one >&3
		sleep 0.3
		! echo two 2>/dev/null >&3'
}

# expect_sending 0|1: what icmpx says, and who sent the errors.
expect_sending() {
	expect_equal "$(in_server sed -n 's/^sending //p' /proc/net/icmpx_stat)" "$1" "sending"
	local before after
	before=$(in_server sed -n 's/^error_sent_unreachable //p' /proc/net/icmpx_stat)
	expect_errors
	after=$(in_server sed -n 's/^error_sent_unreachable //p' /proc/net/icmpx_stat)
	expect_equal $((after > before)) "$1" "errors sent by icmpx"
}
