#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs test programs and reports on them in KTAP: usage: run_kselftest.sh [PROGRAM…], all of kselftest-list.txt when
# none is named. What a program prints becomes its subtests, indented. A program that prints nothing for KSELFTEST_TIMEOUT
# seconds (600; 0: for ever) hangs, and is ended. Exits with 1 when one failed.

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

# run PROGRAM: returns its status, or 124 when it hung.
run() {
	local output pid line read_status limit=()
	[[ ${KSELFTEST_TIMEOUT-} == 0 ]] || limit=(-t "${KSELFTEST_TIMEOUT:-600}")
	exec {output}< <(exec "./$1" 2>&1 </dev/null)
	pid=$!
	while true; do
		IFS= read -r "${limit[@]}" line <&"$output"
		read_status=$?
		[[ $read_status != 0 && ! $line ]] || printf '  %s\n' "$line"
		((read_status == 0)) || break
	done
	if ((read_status > 128)); then
		kill "$pid"
		(sleep 5 && kill -KILL "$pid") 2>/dev/null &
		wait "$pid"
		exec {output}<&-
		return 124
	fi
	exec {output}<&-
	wait "$pid"
}

# In scripts/vm the host's files are slow to start. What tests start by the thousand is copied into memory, by a change that
# changes nothing, if there is so much to run that it pays.
quicken() {
	local name file
	for name in bash dash ip nft tc sysctl sleep grep sed awk ping; do
		file=$(command -v "$name") || continue
		echo "$file"
		ldd "$file" | awk '$2 == "=>" { print $3 }'
	done | sort -u | xargs -r readlink -f | xargs -r touch -c
}

was_loaded=''
! loaded || was_loaded=1
((${#programs[@]} < 15)) || [[ $(findmnt -no FSTYPE /) != overlay ]] || quicken

echo "TAP version 13"
echo "1..${#programs[@]}"
for program in "${programs[@]}"; do
	echo "# selftests: icmpx: $program"
	begin=$SECONDS
	run "$program"
	status=$?
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
	124) echo "not ok $result # TIMEOUT" ;;
	*) echo "not ok $result # exit=$status" ;;
	esac
	[[ $status == 0 || $status == 4 ]] || ((++failed))
done
((failed == 0))
