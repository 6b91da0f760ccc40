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
	local output pid line part='' read_status silent=0 limit=${KSELFTEST_TIMEOUT:-600}
	exec {output}< <(exec "./$1" 2>&1 </dev/null)
	pid=$!
	while true; do
		IFS= read -r -t 2 line <&"$output"
		read_status=$?
		part+=$line
		if ((read_status <= 128)); then
			[[ $read_status != 0 && ! $part ]] || printf '  %s\n' "$part"
			((read_status == 0)) || break
			part='' silent=0
		else
			# What a program leaves behind may hold its output open.
			kill -0 "$pid" 2>/dev/null || break
			((silent += 2))
			((limit == 0 || silent < limit)) || break
		fi
	done
	if ((read_status > 128)) && kill -0 "$pid" 2>/dev/null; then
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
