#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs test programs and reports on them in KTAP: usage: run_kselftest.sh [PROGRAM…], all of kselftest-list.txt when
# none is named. What a program prints becomes its subtests, indented. No program runs for longer than
# KSELFTEST_TIMEOUT seconds (400). Exits with 1 when one failed.

set -u
cd "$(dirname "$0")" || exit

programs=("$@")
(($#)) || mapfile -t programs <kselftest-list.txt
number=0 failed=0

# Whether icmpx is loaded. A program that is killed cannot put it back, and those after it would test the built-in code.
loaded() {
	[[ -d /sys/module/icmpx ]]
}

put_back() {
	if [[ ${was_loaded-} ]]; then
		insmod "${ICMPX_KO:?icmpx was loaded and is not any more; set ICMPX_KO}"
	else
		rmmod icmpx
	fi
}

was_loaded=''
! loaded || was_loaded=1

echo "TAP version 13"
echo "1..${#programs[@]}"
for program in "${programs[@]}"; do
	echo "# selftests: icmpx: $program"
	begin=$SECONDS
	timeout --foreground -k 5 "${KSELFTEST_TIMEOUT:-400}" "./$program" 2>&1 </dev/null | sed -u 's/^/  /'
	status=${PIPESTATUS[0]}
	result="$((++number)) selftests: icmpx: $program"
	echo "# $((SECONDS - begin)) s"
	if [[ ${was_loaded:+1} != "$(loaded && echo 1)" ]]; then
		status=module-changed
		put_back || exit
	fi
	case $status in
	0) echo "ok $result" ;;
	4) echo "ok $result # SKIP" ;;
	module-changed) echo "not ok $result # loaded or unloaded icmpx" ;;
	124 | 137) echo "not ok $result # TIMEOUT" ;;
	*) echo "not ok $result # exit=$status" ;;
	esac
	[[ $status == 0 || $status == 4 ]] || ((++failed))
done
((failed == 0))
