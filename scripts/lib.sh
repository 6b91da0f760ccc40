# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # unused here
#
# What the scripts here have in common. Sourced, never run.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${ICMPX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/icmpx}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd -P)

# Packages of what the tests run.
test_packages=(
	bpftrace ethtool fping iproute2 iptables iputils-ping iputils-tracepath libteam-utils linux-perf mtr-tiny nftables nmap
	oping procps python3-scapy socat strace tcpdump thc-ipv6 traceroute tshark
)

say() { echo "${0##*/}: $*" >&2; }

die() {
	say "$*"
	exit 1
}

# once DIR COMMAND…: the directory that COMMAND fills, made at most once however many callers there are. COMMAND gets
# a temporary directory as its last argument; nobody ever sees DIR half filled.
once() {
	local dir=$1 tmp lock
	shift
	[[ -d $dir ]] && return
	mkdir -p "${dir%/*}"
	exec {lock}>"$dir.lock"
	flock "$lock"
	if [[ ! -d $dir ]]; then
		rm -rf "$dir".tmp.*
		tmp=$(mktemp -d "$dir.tmp.XXXXXX")
		chmod 755 "$tmp"
		"$@" "$tmp"
		mv -T "$tmp" "$dir"
	fi
	exec {lock}>&-
}

# end_when_silent PID SECONDS COMMAND…: ends the process once nothing has been added for that long to any of the files that
# COMMAND names, and says so; SECONDS 0: never. It counts how often there was nothing new, not the time: a host that stood
# still, or had no time for this, is no hang.
end_when_silent() {
	local pid=$1 limit=$2 size last='' quiet=0
	shift 2
	while sleep 1 && kill -0 "$pid" 2>/dev/null; do
		size=$("$@" | xargs stat -Lc %s 2>/dev/null | sha256sum || true)
		if [[ $size != "$last" ]]; then
			last=$size quiet=0
		elif ((limit && ++quiet >= limit)); then
			echo "silent for $limit s"
			kill "$pid"
			sleep 5
			pkill -KILL -P "$pid" || true
			kill -KILL "$pid" 2>/dev/null || true
			return 0
		fi
	done
	return 0
}

# What a kernel says when something is wrong with it, or with what watches it: an extended regular expression.
complaints='BUG: |BUG [^ ]+ \(|WARNING: |INFO: (task|rcu|trying to register)|Oops|Kernel panic|blocked for more than|detected stall'
complaints+='|KASAN|UBSAN|ODEBUG:|ref_tracker:|unreferenced object|refcount_t:|suspicious RCU|possible recursive locking'
complaints+='|possible circular locking|soft lockup|hard LOCKUP|general protection fault|(list_(add|del)|stack is) corrupt'
complaints+='|unregister_netdevice: waiting|Attempt to release (alive|TCP)|Call Trace:|lockdep is turned off'
complaints+='|turning off the locking correctness validator|kmemleak: (Cannot|Memory pool empty|Kernel memory leak detector disabled)'
complaints+='|icmpx-vm: '
