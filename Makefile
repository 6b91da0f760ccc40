# SPDX-License-Identifier: GPL-2.0-only

KDIR ?= /lib/modules/$(shell uname -r)/build
JOBS ?= $(shell nproc)

top := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
build = $(top)/build/$(release)

# Not all of Debian's headers name their compiler in full, as it is called on machines of that architecture and of others.
compiler = $(if $(filter %-arm64,$(release)),CROSS_COMPILE=aarch64-linux-gnu-)

# kbuild DIRECTORY,KBUILD[,VARIABLES]: builds the modules of a Kbuild file, the objects in DIRECTORY. Two builds in one
# directory would disturb each other, and tests start several at once, hence the lock.
define kbuild
	@test -d $(KDIR) || { echo "no kernel headers in $(KDIR); set KDIR" >&2; false; }
	@test -f $(KDIR)/Module.symvers || \
		{ echo "no Module.symvers in $(KDIR): a kernel that was not built to its end; install its headers" >&2; false; }
	@mkdir -p $(patsubst $(top)/%,$(1)/%,$(wildcard $(addprefix $(top)/,kunit/ src/*/ src/*/*/)))
	@printf 'icmpx-top := %s\ninclude $$(icmpx-top)/%s\n' $(top) $(2) >$(1)/Kbuild
	+@flock $(1)/Kbuild $(MAKE) -C $(KDIR) M=$(1) -j$(JOBS) $(compiler) $(3) modules
endef

.PHONY: all
all: module
	cp $(build)/icmpx*.ko .

.PHONY: help
help:
	@echo 'Building, for the running kernel or the one whose headers are in KDIR:'
	@echo '  all               icmpx.ko and icmpx_diag.ko'
	@echo '  install           install them for that kernel (INSTALL_MOD_PATH=/path: below that)'
	@echo '  tools             the command icmpxctl, in build/tools'
	@echo '  install-tools     install it with its manual and completion: DESTDIR=/path, prefix=/usr/local'
	@echo '  deb               the packages icmpx-dkms and icmpx-tools, for Debian 12 and 13'
	@echo '  clean             remove what was built'
	@echo '  compile_commands.json  for clangd and others'
	@echo 'For kernels from Debian, kept in a cache (see scripts/kernel):'
	@echo '  build-6.1, build-6.12, build-7.2, build-7.3, each also with -cloud or -rt behind it;'
	@echo '  build-6.1-arm64, build-6.12-arm64, build-7.3-arm64; build-kasan, build-kcsan'
	@echo '  build-all         the module for all of Debian'\''s; prints a table'
	@echo 'Testing:'
	@echo '  check             static checks'
	@echo '  kunit             the KUnit suites, in user-mode Linux'
	@echo '  coverage          which lines and branches they run; fails below 95 % of the core'
	@echo '  fuzz              the core under libFuzzer, T=SECONDS for each target'
	@echo '  test-big-endian   the core on an emulated s390x, and that it says the same there as here'
	@echo '  fuzz-kernel       the module in a virtual machine under libFuzzer, for T=SECONDS'
	@echo '  test-6.1, test-6.12, test-7.3  the kselftests, in a virtual machine; also with -rt behind it; with -arm64, in an'
	@echo '                    emulated arm64 machine'
	@echo '  test-diff         the built-in code and icmpx answer the same packets: on K=6.12, N=100000 of them, by'
	@echo '                    SEED=S (one that is always the same, one of the day and the kernel), SEQUENCE=I of it'
	@echo '  test              of all of that what fits into an hour; some of it in turn, by the day: DAY=N takes another'\''s'
	@echo '  test-debug        KUnit, the kselftests and the stress tests on kernels that watch what they do'
	@echo '  mutants           whether the tests catch deliberate faults; M=NAME: that one; J=N at a time'
	@echo '  test-kernel-selftests  the kernel'\''s own tests of ICMP say the same with both: on K=6.12'
	@echo '  test-trixie       the demo, on a fresh Debian 13'
	@echo '  test-packages     installing and removing the packages, on a fresh Debian 12 and 13'
	@echo '  demo              what it does, in a virtual machine'
	@echo '  bench             what a packet costs, built-in and icmpx'
	@echo '  kernel-diff       what changed between two kernels in the functions that icmpx has its own version of:'
	@echo '                    OLD=6.1.170-3 NEW=6.1.192-3, or directories'
	@echo '  bench-check       fails where it costs more than selftests/bench/figures.tsv says; K=6.12: on that kernel alone'

.PHONY: module
module:
	$(call kbuild,$(build),Kbuild)

.PHONY: build-all
build-all:
	@scripts/build-all

# The command icmpxctl.
.PHONY: tools
tools:
	@mkdir -p $(top)/build/tools
	+@$(MAKE) -C $(top)/build/tools -f $(top)/src/icmpxctl/Makefile -j$(JOBS) icmpxctl

prefix ?= /usr/local

.PHONY: install-tools
install-tools: tools
	install -D -m 755 $(top)/build/tools/icmpxctl $(DESTDIR)$(prefix)/sbin/icmpxctl
	install -D -m 644 $(top)/src/icmpxctl/completion.bash \
		$(DESTDIR)$(prefix)/share/bash-completion/completions/icmpxctl
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man4 $(top)/src/man/icmpx.4 $(top)/src/man/icmpx_trace.4
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man8 $(top)/src/man/icmpxctl.8

# For a kernel from scripts/kernel.
build-%:
	+@scripts/build $* module

.PHONY: install
install: module
	$(MAKE) -C $(KDIR) M=$(build) INSTALL_MOD_DIR=updates modules_install
	depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(release)

.PHONY: deb
deb:
	@scripts/package

# The KUnit suites with the objects that they test, apart from those of icmpx.ko: both compile some sources, each with
# its own name for the module.
.PHONY: kunit-module
kunit-module:
	$(call kbuild,$(top)/build/kunit,kunit/Kbuild,ARCH=um SUBARCH=x86_64)

# Those for a kernel from scripts/kernel that has KUnit, in build/RELEASE/suites.
.PHONY: kunit-suites
kunit-suites:
	$(call kbuild,$(build)/suites,kunit/Kbuild)

kunit-suites-%:
	+@scripts/build $* kunit-suites

# The suites in user-mode Linux, every object counting how often each of its lines and branches is run.
.PHONY: coverage-module
coverage-module:
	$(call kbuild,$(top)/build/coverage,kunit/Kbuild,ARCH=um SUBARCH=x86_64 GCOV_PROFILE=y)

# Modules that kselftests load, in build/RELEASE/selftests.
.PHONY: selftest-modules
selftest-modules:
	$(call kbuild,$(build)/selftests,selftests/modules/Kbuild)

# The kselftests with all that they need to run, for arm64 kernels, in build/arm64/selftests.
.PHONY: selftests-arm64
selftests-arm64:
	@mkdir -p $(top)/build/arm64/objects
	+@$(MAKE) -C $(top)/build/arm64/objects -f $(top)/selftests/Makefile -j$(JOBS) CROSS_COMPILE=aarch64-linux-gnu- \
		install INSTALL_PATH=$(top)/build/arm64/selftests

selftest-modules-%:
	+@scripts/build $* selftest-modules

.PHONY: fuzz fuzz-kernel
fuzz fuzz-kernel:
	@scripts/$@ $(or $(T),60)

.PHONY: test-big-endian
test-big-endian:
	@scripts/big-endian

.PHONY: test-kernel-selftests
test-kernel-selftests:
	@scripts/test-kernel-selftests $(or $(K),6.12)

.PHONY: mutants
mutants:
	@scripts/mutants --jobs $(or $(J),2) $(M)

.PHONY: check kunit coverage test test-trixie test-packages demo bench
check kunit coverage test test-trixie test-packages demo bench:
	@scripts/$@

.PHONY: bench-check
bench-check:
	@scripts/bench-check $(K)

.PHONY: test-diff
test-diff:
	@scripts/diff $(or $(K),6.12) $(if $(N),packets=$(N)) $(if $(SEED),seed=$(SEED)) \
		$(if $(SEQUENCE),sequence=$(SEQUENCE)) $(if $(STEPS),steps=$(STEPS))

.PHONY: kernel-diff
kernel-diff:
	@scripts/kernel-diff $(OLD) $(NEW)

.PHONY: test-debug
test-debug:
	@scripts/test debug

test-%:
	@scripts/test selftests-$*

.PHONY: compile_commands.json
compile_commands.json:
	scripts/compile-commands $(shell scripts/kernel headers 6.12) >$@.tmp
	mv $@.tmp $@

.PHONY: clean
clean:
	rm -rf build icmpx.ko icmpx_diag.ko compile_commands.json
	$(MAKE) -C selftests clean
