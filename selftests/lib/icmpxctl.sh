# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts have in common that test icmpxctl. Sourced in place of module.sh, never run.

# shellcheck source=lib/module.sh
. "$(dirname "${BASH_SOURCE[0]}")/module.sh"

# A user without privileges.
# shellcheck disable=SC2034 # used by the scripts
as_nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all --bounding-set=-all)

# needs_icmpxctl: the command is $icmpxctl, in memory: the host's files are slow to start.
needs_icmpxctl() {
	local file
	# Beside this file where the tests are installed.
	file=$(dirname "${BASH_SOURCE[0]}")/icmpxctl
	[[ -x $file ]] || file=$(dirname "${BASH_SOURCE[0]}")/../../build/tools/icmpxctl
	[[ -x $file ]] || ktap_skip "needs icmpxctl: make tools"
	icmpxctl=$scratch/bin/icmpxctl
	[[ -x $icmpxctl ]] || install -D -m 755 "$file" "$icmpxctl"
	chmod 755 "$scratch" "$scratch/bin"
}

# ctl ARGUMENT…: runs it, and keeps what it says in $out and $err, and its status in $status.
ctl() {
	status=0
	out=$("${ctl_as[@]}" "$icmpxctl" "$@" 2>"$scratch/err") || status=$?
	err=$(<"$scratch/err")
}
ctl_as=() out='' err='' status=0

# complain WHAT…: the test fails for the caller's caller.
complain() {
	echo "# ${BASH_SOURCE[2]##*/}:${BASH_LINENO[1]}: $*"
	ktap_failed=1
}

# expect_prints OUTPUT ARGUMENT…: it does as told, and prints that.
expect_prints() {
	local expected=$1
	shift
	ctl "$@"
	[[ $status == 0 && $out == "$expected" && ! $err ]] ||
		complain "icmpxctl $*: status $status, printed '$out', expected '$expected'; said '$err'"
}

# expect_matches PATTERN ARGUMENT…: it does as told, and what it prints matches.
expect_matches() {
	local pattern=$1
	shift
	ctl "$@"
	if [[ $status != 0 || $err ]] || ! grep -qE -- "$pattern" <<<"$out"; then
		complain "icmpxctl $*: status $status, printed '$out', expected '$pattern'; said '$err'"
	fi
}

# expect_refuses STATUS MESSAGE ARGUMENT…: it does nothing, and says why; after a wrong command line also where to look.
expect_refuses() {
	local expected_status=$1 expected="icmpxctl: $2"
	shift 2
	((expected_status != 2)) || expected+=$'\nTry: icmpxctl help'
	ctl "$@"
	[[ $status == "$expected_status" && $err == "$expected" && ! $out ]] ||
		complain "icmpxctl $*: status $status, said '$err', expected '$expected'; printed '$out'"
}

# expect_json EXPRESSION ARGUMENT…: it prints JSON, a value or one on each line, and Python's EXPRESSION holds for v, the first
# of them.
expect_json() {
	local expression=$1
	shift
	ctl "$@"
	[[ $status == 0 && ! $err ]] || complain "icmpxctl $*: status $status, said '$err'"
	python3 -ISc 'import json, sys
v = [json.loads(line) for line in sys.stdin][0]
sys.exit(not eval(f"({sys.argv[1]})"))' "$expression" <<<"$out" 2>"$scratch/err" ||
		complain "icmpxctl $*: does not hold: $expression: '$out' $(<"$scratch/err")"
}
