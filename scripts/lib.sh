# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # unused here
#
# What the scripts here have in common. Sourced, never run.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${ICMPX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/icmpx}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd -P)

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

# What a kernel says when something is wrong with it, or with what watches it: an extended regular expression.
complaints='BUG: |BUG [^ ]+ \(|WARNING: |INFO: (task|rcu|trying to register)|Oops|Kernel panic|blocked for more than|detected stall'
complaints+='|KASAN|UBSAN|ODEBUG:|ref_tracker:|unreferenced object|refcount_t:|suspicious RCU|possible recursive locking'
complaints+='|possible circular locking|soft lockup|hard LOCKUP|general protection fault|(list_(add|del)|stack is) corrupt'
complaints+='|unregister_netdevice: waiting|Attempt to release (alive|TCP)|Call Trace:|lockdep is turned off'
complaints+='|turning off the locking correctness validator|kmemleak: (Cannot|Memory pool empty|Kernel memory leak detector disabled)'
complaints+='|icmpx-vm: '
