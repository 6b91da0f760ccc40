#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a scanner makes of the answers: nmap guesses a system from the identifications, the flags and the quotations of a
# few of them. Its fingerprint of a host with icmpx is the one that it takes with the built-in code.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

# Scans with either code.
scans=3

# nmap reads a database of thousands of systems before each scan, of which only the weights at its beginning matter here.
make_database() {
	local installed=/usr/share/nmap/nmap-os-db
	[[ -r $installed ]] || ktap_skip "nmap's database is not in $installed"
	mkdir "$scratch/nmap"
	{
		sed -n '/^MatchPoints/,/^$/p' "$installed"
		sed -n '/^Fingerprint Linux/,/^$/{p;/^$/q}' "$installed"
	} >"$scratch/nmap/nmap-os-db"
	printf 'open\t80/tcp\t0.5\nclosed\t81/tcp\t0.5\n' >"$scratch/nmap/nmap-services"
	printf 'icmp 1 ICMP\n' >"$scratch/nmap/nmap-protocols"
	printf '000000 None\n' >"$scratch/nmap/nmap-mac-prefixes"
}

# nmap wants to see one open port and one closed one.
open_port() {
	local tries
	in_server socat TCP-LISTEN:80,fork,reuseaddr /dev/null &
	for ((tries = 0; tries < 1000; tries++)); do
		[[ ! $(in_server ss -H -l -t -n 'sport = 80') ]] || return 0
		sleep 0.02
	done
	ktap_fail "nothing listens on port 80"
}

# fingerprint: what nmap says of ICMP, without what differs from one scan to the next with any code: how well sequence
# numbers of TCP can be guessed, and how fast its clock goes.
fingerprint() {
	in_client timeout 120 nmap --datadir "$scratch/nmap" -n -Pn --send-ip --disable-arp-ping -sS -p 80,81 -O -d \
		--max-os-tries 1 -oX "$scratch/scan" "$server_address" >"$scratch/log" 2>&1
	grep -F '<osfingerprint ' "$scratch/scan" | sed 's/&#xa;OS://g' | grep -oE '\b(SEQ|U1|IE)\([^)]*\)' |
		sed -E '/^SEQ/s/(SP|GCD|ISR|TS)=[^%)]*/\1=*/g'
}

# scan FILE: appends a fingerprint. The built-in code's identifications grow by up to one for each tick between two
# replies to one host; when nmap has come to its second request so late that they are ten apart, it says nothing of them.
scan() {
	local tries lines
	for ((tries = 0; tries < 10; tries++)); do
		lines=$(fingerprint)
		[[ ! $lines || $lines == *II=* ]] && break
		echo "# the probes were too far apart"
	done
	expect_equal "$(cut -d'(' -f1 <<<"$lines" | xargs)" "SEQ U1 IE" "lines of the fingerprint"
	[[ $lines == *SEQ*U1*IE* ]] || sed 's/^/#   /' "$scratch/log"
	echo "$lines" >>"$1"
}

test_nmap_sees_one_system() {
	local i
	needs_command nmap
	needs_command socat
	begin
	make_network
	make_database
	open_port
	for ((i = 0; i < scans; i++)); do
		scan "$scratch/built-in"
	done
	expect_success "loading" load_icmpx
	for ((i = 0; i < scans; i++)); do
		scan "$scratch/icmpx"
	done
	expect_equal "$(sort "$scratch/built-in" | uniq | wc -l)" 3 "different lines with the built-in code"
	expect_equal "$(<"$scratch/icmpx")" "$(<"$scratch/built-in")" "fingerprints with icmpx"
}

load_run "$@"
