# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2154 # unused here, and from lib.sh
#
# Packages of other releases of Debian than this machine's, which stays what it is: lists and caches of their own. Sourced,
# after lib.sh.

# What else there are kernels in.
suites=(bookworm trixie trixie-backports forky sid)

# suite_line SUITE: its line of sources.list, from the mirror that this machine has its own packages from.
suite_line() {
	local key=/usr/share/keyrings/debian-archive-keyring.gpg name=debian site
	[[ $1 != *-security ]] || name=debian-security
	# shellcheck disable=SC2016 # it is apt that expands this
	site=$(apt-get indextargets --format '$(REPO_URI)' | grep -m 1 -E "/$name/?\$" || true)
	[[ $site ]] || die "this machine has no mirror of $name to fetch $1 from"
	echo "deb [signed-by=$key] $site $1 main"
}

# suite_lines SUITE: a release comes with its security updates, and those alone are where an old one still gets any.
suite_lines() {
	suite_line "$1"
	[[ $1 != @(bookworm|trixie) ]] || suite_line "$1-security"
}

# of_suite SUITE[:ARCHITECTURE] COMMAND…: apt-get or apt-cache as on a machine of that suite and architecture; packages of this
# machine's own architecture are then to be had by their full names. Lists are fetched once a day.
of_suite() {
	local suite=${1%:*} dir="$cache/suites/$1" own architecture lock
	own=$(dpkg --print-architecture)
	architecture=$own
	[[ $1 != *:* ]] || architecture=${1#*:}
	shift
	mkdir -p "$dir"/{lists,archives}/partial
	local options=(
		-o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture,$own"
		-o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir" -o "Dir::Cache::Archives=$dir/archives"
		-o Acquire::Languages=none -o APT::Sandbox::User=root
	)
	exec {lock}>"$dir/lock"
	flock "$lock"
	if [[ ! $(find "$dir/updated" -mmin -1440 2>/dev/null) ]]; then
		suite_lines "$suite" >"$dir/sources.list"
		say "fetching the package lists of $suite"
		apt-get -qq "${options[@]}" update >&2 || return
		touch "$dir/updated"
	fi
	exec {lock}>&-
	"$1" "${options[@]}" "${@:2}"
}
