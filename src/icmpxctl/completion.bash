# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of icmpxctl for bash, which reads this when it is in /usr/share/bash-completion/completions/icmpxctl.

_icmpxctl_commands() {
	icmpxctl help 2>/dev/null | sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p'
}

# _icmpxctl_files WORD: the files that it begins the path of; a directory has a slash behind it.
_icmpxctl_files() {
	local file
	compgen -f -- "$1" | sort | while IFS= read -r file; do
		[[ ! -d $file ]] || file+=/
		printf '%s\n' "$file"
	done
}

# _icmpxctl_namespaces WORD: the names of the network namespaces that ip(8) knows, or files once the word is a path.
_icmpxctl_namespaces() {
	if [[ $1 == */* ]]; then
		_icmpxctl_files "$1"
	else
		(cd /run/netns 2>/dev/null && printf '%s\n' *)
	fi
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
	local at=() family=() word i
	# Of those words, the options, each with a letter or several; the command is number i.
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[[ $word == -?* ]] || break
		# What follows -n is a name.
		case ${word%%n*} in
		*4*) family=(-4) ;;
		*6*) family=(-6) ;;
		esac
		[[ $word == *n* ]] || continue
		at=(-n "${word#*n}")
		[[ ${at[1]} ]] || at[1]=${COMP_WORDS[++i]}
	done
	if ((i > COMP_CWORD)); then
		_icmpxctl_namespaces "$1"
		return
	elif ((i == COMP_CWORD)); then
		case $1 in
		-*n*)
			_icmpxctl_namespaces "${1#*n}" | while IFS= read -r word; do
				printf '%s\n' "${1%%n*}n$word"
			done
			;;
		-*) printf '%s\n' -4 -6 -V -j -n ;;
		*) _icmpxctl_commands ;;
		esac
		return
	fi
	word=${COMP_WORDS[COMP_CWORD - 1]}
	case "${COMP_WORDS[i]} $((COMP_CWORD - i))" in
	help\ 1) _icmpxctl_commands ;;
	show\ *) _icmpxctl_settings "$1" "${at[@]}" "${family[@]}" ;;
	set\ 1)
		# A name without the family is one of IPv4 here.
		[[ $1 == net* || ${family[*]} ]] || family=(-4)
		_icmpxctl_settings "$1" "${at[@]}" "${family[@]}"
		;;
	stats\ 1) printf '%s\n' -a -w ;;
	metrics\ *)
		case $word in
		-f) printf '%s\n' prometheus openmetrics ;;
		-o) _icmpxctl_files "$1" ;;
		*) printf '%s\n' -f -o ;;
		esac
		;;
	probe\ *)
		# Behind the host, too. An option that takes a number is followed by that.
		[[ $1 != -* || $word == -[ciW] ]] || printf '%s\n' -c -i -W -r
		;;
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
	while IFS= read -r candidate; do
		[[ $candidate != "$word"* ]] || COMPREPLY+=("$(printf %q "$candidate")")
	done < <(_icmpxctl_candidates "$word")
	# A directory is not all of a path. Only while bash completes is there something to set that for.
	[[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != */ ]] || compopt -o nospace 2>/dev/null
}

complete -F _icmpxctl icmpxctl
