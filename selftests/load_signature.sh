#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel that demands signed modules, as under Secure Boot, refuses icmpx until it trusts the key that icmpx was signed
# with: what insmod and the log say then, which the README explains, and that nothing has changed.
#
# Only firmware can bring such a kernel another key, so that it takes icmpx in the end is not tried here.

# shellcheck source=lib/module.sh
. "$(dirname "$0")/lib/module.sh"

expect_untouched() {
	expect_absent_in "$server"
	expect_success "ping answered by the built-in code" client_pings 3
	expect_calm_log
}

test_no_signature() {
	begin
	make_network
	mark_log
	expect_refused "Key was rejected by service"
	expect_log "says why" '[Ll]oading of unsigned module is rejected'
	expect_untouched
}

# As DKMS signs, with a key that was made on this machine, before that is enrolled.
test_unknown_key() {
	[[ -x ${SIGN_FILE-} ]] || ktap_skip "needs the kernel's sign-file in SIGN_FILE"
	begin
	make_network
	openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=icmpx-test/ \
		-outform DER -out "$scratch/key.pub" -keyout "$scratch/key" 2>/dev/null || ktap_fail "no key"
	expect_success "signing" "$SIGN_FILE" sha256 "$scratch/key" "$scratch/key.pub" "$ICMPX_KO" "$scratch/icmpx.ko"
	mark_log
	expect_refused "Key was rejected by service" "$scratch/icmpx.ko"
	expect_log "says why" '[Ll]oading of module with unavailable key is rejected'
	expect_untouched
}

load_run "$@"
