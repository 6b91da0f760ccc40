# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of icmpxctl for bash, which reads this when it is in /usr/share/bash-completion/completions/icmpxctl.

_icmpxctl_commands() {
	icmpxctl help 2>/dev/null | sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p'
}

# The names of the network namespaces that ip(8) knows.
_icmpxctl_namespaces() {
	(cd /run/netns 2>/dev/null && printf '%s\n' *)
}

# The devices of the network namespace that is named, if any.
_icmpxctl_devices() {
	ip "$@" -o link show 2>/dev/null | sed -E 's/^[0-9]+: ([^:@]*).*/\1/'
}

# _icmpxctl_settings WORD OPTION…: names in full once the word begins so, otherwise those without the family.
_icmpxctl_settings() {
	local word=$1 shorten='s/^net\.icmpx6?\.//'
	shift
	[[ $word != net* ]] || shorten=''
	icmpxctl "$@" show 2>/dev/null | sed -E "s/ = .*//; $shorten" | sort -u
}

# _icmpxctl_candidates: what the words before the cursor let the next one be, one a line.
_icmpxctl_candidates() {
	local at=() family=() i
	# Of those words, the options; the command is number i.
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-n) at=(-n "${COMP_WORDS[++i]}") ;;
		-4 | -6) family=("${COMP_WORDS[i]}") ;;
		-*) ;;
		*) break ;;
		esac
	done
	if ((i > COMP_CWORD)); then
		_icmpxctl_namespaces
		return
	elif ((i == COMP_CWORD)); then
		case $1 in
		-*) printf '%s\n' -4 -6 -V -j -n ;;
		*) _icmpxctl_commands ;;
		esac
		return
	fi
	case "${COMP_WORDS[i]} $((COMP_CWORD - i))" in
	help\ 1) _icmpxctl_commands ;;
	show\ * | set\ 1) _icmpxctl_settings "$1" "${at[@]}" "${family[@]}" ;;
	stats\ 1) printf '%s\n' -a -w ;;
	metrics\ *) printf '%s\n' -f -o prometheus openmetrics ;;
	probe\ 1) printf '%s\n' -c -i -W -r ;;
	express\ 1) printf '%s\n' add del list ;;
	express\ *)
		case ${COMP_WORDS[i + 1]} in
		add) _icmpxctl_devices "${at[@]}" ;;
		del) icmpxctl "${at[@]}" express list 2>/dev/null ;;
		esac
		;;
	esac
}

# The name of a device may be what a shell takes for a command: candidates are compared as they are (compgen -W would expand
# them), and put on the command line with their quotes.
_icmpxctl() {
	local word=${COMP_WORDS[COMP_CWORD]} candidate
	COMPREPLY=()
	while read -r candidate; do
		[[ $candidate != "$word"* ]] || COMPREPLY+=("$(printf %q "$candidate")")
	done < <(_icmpxctl_candidates "$word")
}

complete -F _icmpxctl icmpxctl
