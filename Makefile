# SPDX-License-Identifier: ISC
#
# One Makefile, no recursion into folders. The two commands: `make run`, `make check`.
#
#   make                      the three programs, in build/
#   make SAN=address,undefined ...   the same with sanitizers, in build-address-undefined/
#   make check-unit T=name    one unit test;  C=case for one case of it
#   make fuzz T=name [TIME=60] one fuzzer, for that many seconds;  make fuzz-all T=10  all, ten minutes
#   make V=1                  say every command
#   make dist | make deb      the source as an archive | Debian packages, in build/deb/

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
SBINDIR    := $(PREFIX)/sbin
LIBEXECDIR := $(PREFIX)/libexec/vmaild
MANDIR     := $(PREFIX)/share/man
DATADIR    := $(PREFIX)/share/vmaild
DOCDIR     := $(PREFIX)/share/doc/vmaild

VERSION    := 0.1.0
CC         ?= cc
PKG_CONFIG ?= pkg-config
CFLAGS     ?= $(if $(SAN),-O1,-O2) -g

comma   := ,
VARIANT := $(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(FUZZ),-fuzz)
B       := build$(VARIANT)
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

STD      := -std=c11 -D_GNU_SOURCE -DVMAILD_VERSION='"$(VERSION)"' \
            -DVMAILD_LIBEXECDIR='"$(LIBEXECDIR)"' -DVMAILD_DATADIR='"$(DATADIR)"' \
            $(if $(SAN)$(FUZZ),-DVMAILD_INSTRUMENTED)
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wvla -Wwrite-strings -Wpointer-arith -Wformat=2 -Wundef $(if $(WERROR),-Werror)
option    = $(shell echo 'int x;' | $(CC) -Werror $(1) -x c -S -o /dev/null - 2>/dev/null && echo $(1))
HARDEN   := -fPIE -fstack-protector-strong -fno-strict-aliasing $(call option,-fstack-clash-protection) \
            $(call option,-fcf-protection) \
            $(if $(SAN)$(FUZZ),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SANFLAGS := $(if $(FUZZ),-fsanitize=fuzzer-no-link$(comma)address$(comma)undefined) \
            $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
COMPILE   = $(CC) $(STD) $(WARN) $(HARDEN) -Iinclude -I$(B)/gen -Isrc -MMD -MP $(SANFLAGS) $(LIBCFLAGS) $(CPPFLAGS) $(CFLAGS)
LINK      = $(CC) $(SANFLAGS) $(CFLAGS) -pie -Wl,-z,relro,-z,now $(LDFLAGS)

pc          = $(shell $(PKG_CONFIG) $(1) 2>/dev/null)
LIBCFLAGS  := $(call pc,--cflags libevent_core libevent_extra libevent_pthreads sqlite3 libpq libsodium libcrypt libcrypto libconfuse libidn2 smartcols jansson libseccomp)
PURELIBS   := $(call pc,--libs libsodium libcrypt libcrypto libidn2) -lunistring
STORELIBS  := $(call pc,--libs sqlite3 libpq)
SYSLIBS    := $(call pc,--libs libseccomp)
CONFLIBS   := $(call pc,--libs libconfuse)
SERVERLIBS := $(call pc,--libs libevent_core libevent_extra libevent_pthreads) -lpthread
CTLLIBS    := $(call pc,--libs smartcols jansson)

# --- rooms -------------------------------------------------------------------------------------

room   = $(patsubst %.c,$(B)/%.o,$(wildcard $(1:%=src/%/*.c)))
PURE  := $(call room,base wire mail auth session foreign)
CONF  := $(call room,conf)
SYS   := $(call room,sys)
STORE := $(call room,store)
SERVE := $(call room,server)

PROGRAMS := $(B)/vmaild $(B)/vmailctl $(B)/vmail-checkpassword
MANUALS  := $(wildcard docs/*.[1-8])

UNIT     := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
STORET   := $(patsubst %.c,$(B)/%,$(wildcard tests/store/test_*.c))
BENCH    := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*.c))
FUZZERS  := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all run check check-rest check-all built sanitized sanitized-rest sanitized-store each-call long-torture releases \
        check-layers check-pure check-unit check-store check-store-pg check-corpus check-integration check-interop check-faults \
        check-storm check-restarts check-torture check-fleet check-trixie check-docs check-binaries check-units check-dist check-deb check-static check-static-quick \
        check-valgrind check-coverage check-bench coverage covered dist deb fuzz fuzz-all fuzzers soak \
        bench bench-full bench-deps install \
        install-files deps test-deps clean format
.SECONDARY:

all: $(PROGRAMS)

$(B)/vmaild: $(call room,vmaild) $(SERVE) $(STORE) $(CONF) $(SYS) $(PURE)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(SERVERLIBS) $(SYSLIBS) $(STORELIBS) $(CONFLIBS) $(PURELIBS)

# Only the daemon shuts itself in.
$(B)/vmailctl: $(call room,vmailctl) $(STORE) $(CONF) $(filter-out $(B)/src/sys/sandbox%.o,$(SYS)) $(PURE)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(STORELIBS) $(CONFLIBS) $(CTLLIBS) $(PURELIBS) -lpthread

# The helper is started for every login: it gets what it needs and nothing that links a library more. To find, map and bind
# shared ones would be a third of its time, so it is linked without them where that can be; STATIC= says not to.
HELPER := $(call room,checkpassword base wire) $(CONF)
linkable = $(shell echo 'char cfg_init(void); int main(void) { return cfg_init(); }' | $(CC) -x c - $(1) -o /dev/null 2>/dev/null && echo $(1))
STATIC := $(if $(SAN)$(FUZZ),,$(firstword $(call linkable,-static-pie -lconfuse)))
$(B)/vmail-checkpassword: $(HELPER)
	$(call say,LD,$@)
	$(Q)$(if $(STATIC),$(subst -pie,$(STATIC),$(LINK)),$(LINK)) -o $@ $^ $(CONFLIBS)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) -c -o $@ $<

# --- SQL, compiled in ---------------------------------------------------------------------------

ENGINES    := $(notdir $(wildcard schema/*))
NAMED      := $(sort $(notdir $(basename $(filter-out $(wildcard schema/*/[0-9]*.sql),$(wildcard schema/*/*.sql)))))
GENERATED  := $(ENGINES:%=$(B)/gen/schema/%_migrations.h) $(foreach e,$(ENGINES),$(foreach n,$(NAMED),\
              $(if $(wildcard schema/$e/$n.sql),$(B)/gen/schema/$e_$n.h)))
$(STORE) $(call room,vmailctl) $(patsubst %.c,$(B)/%.o,$(wildcard tests/store/*.c)): | $(GENERATED)

define named_rule
$(B)/gen/schema/%_$(1).h: schema/%/$(1).sql src/store/queries.awk
	@mkdir -p $$(@D)
	$$(call say,SQL,$$<)
	$$(Q)awk -f src/store/queries.awk $$< >$$@.tmp && mv $$@.tmp $$@
endef
$(foreach n,$(NAMED),$(eval $(call named_rule,$n)))

.SECONDEXPANSION:
$(B)/gen/schema/%_migrations.h: $$(wildcard schema/$$*/[0-9]*.sql) src/store/migrations.awk
	@mkdir -p $(@D)
	$(call say,SQL,schema/$*)
	$(Q)awk -f src/store/migrations.awk $(filter %.sql,$^) >$@.tmp && mv $@.tmp $@

# --- tests ------------------------------------------------------------------------------------

# The link line is the fence: a unit test of a pure room gets pure objects and their libraries only.
OWNLINK := $(addprefix $(B)/tests/unit/test_,conf sys queue)
TESTLIB := $(patsubst %.c,$(B)/%.o,$(wildcard tests/lib/*.c))
$(filter-out $(OWNLINK),$(UNIT)): %: %.o $(filter-out $(B)/tests/lib/replay.o,$(TESTLIB)) $(PURE)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lcmocka $(PURELIBS)
$(B)/tests/unit/test_conf: $(B)/tests/unit/test_conf.o $(CONF) $(call room,base)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lcmocka $(CONFLIBS)
$(B)/tests/unit/test_sys: $(B)/tests/unit/test_sys.o $(SYS) $(call room,base)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lcmocka $(SYSLIBS)
$(B)/tests/unit/test_queue: $(B)/tests/unit/test_queue.o $(B)/src/server/queue.o
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lcmocka
FAULTS := $(B)/tests/store/test_faults $(B)/tests/store/test_shortage
$(FAULTS): $(B)/tests/store/faultvfs.o
$(filter-out %/test_sandbox,$(STORET)): %: %.o $(STORE) $(PURE)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lcmocka $(STORELIBS) $(PURELIBS)
$(B)/tests/store/test_sandbox: $(B)/tests/store/test_sandbox.o $(STORE) $(SYS) $(PURE)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ -lcmocka $(SYSLIBS) $(STORELIBS) $(PURELIBS) -lpthread
# Those that read what no pure room does.
$(B)/tests/fuzz/fuzz_conf: $(CONF)
$(B)/tests/fuzz/fuzz_jsonl: $(B)/src/vmailctl/jsonl.o
$(B)/tests/fuzz/fuzz_when: $(B)/src/vmailctl/when.o
$(B)/tests/fuzz/fuzz_helper: $(B)/src/checkpassword/ask.o
$(FUZZERS): %: %.o $(if $(FUZZ),,$(B)/tests/lib/replay.o) $(B)/tests/lib/memdir.o $(PURE)
	$(call say,LD,$@)
	$(Q)$(LINK) $(if $(FUZZ),-fsanitize=fuzzer) -o $@ $^ $(PURELIBS) $(CONFLIBS) $(CTLLIBS)

# Each of its own: what one links costs at every start.
$(B)/tests/bench/echo: BENCHLIBS := -levent_core
$(B)/tests/bench/hashes: BENCHLIBS := $(call pc,--libs libsodium) -lpthread

SHIM := $(B)/tests/torture/shim.so
$(SHIM): tests/torture/shim.c Makefile
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(STD) $(WARN) -O2 -g -fPIC -shared -o $@ $< -ldl

$(BENCH): %: %.o
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $(BENCHLIBS)

# Every suite speaks TAP; tests/lib/tally runs them, shows what failed and counts. Real servers mostly wait, so suites
# run side by side, the long ones first, and a failed one does not stop the others.

JOBS   ?= $(shell nproc)
together = -k -j$(1) WERROR=1 TOTAL=$(2)
# What failed is looked at once more, alone. The sum has the last word, and then what make itself could not do.
summed = || code=$$?; tests/lib/tally --again $(1); tests/lib/tally --total $(1) && exit $${code-0}

check: test-deps
	$(Q)rm -rf build/log && mkdir -p build/log
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 built
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 SAN=address,undefined built
	$(Q)$(MAKE) --no-print-directory $(call together,$$(($(JOBS) + 2)),build/log) check-interop sanitized check-static-quick \
		check-integration check-store check-store-pg check-unit check-torture check-corpus check-valgrind check-units check-layers check-pure \
		check-docs check-binaries check-dist $(call summed,build/log)

# The part of check that is sanitized. What has every single call of the store fail once takes as long as all of its other
# tests together: sanitized it is in check-rest.
EACH_CALL := faults shortage memory
sanitized:
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined check-integration sanitized-store check-unit check-torture check-corpus

sanitized-store:
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined check-store WITHOUT="$(EACH_CALL)"

# What takes longer: real servers in front of sanitized programs, the long fault runs, another release, the packages.
check-rest: test-deps
	$(Q)contrib/deps -- $(FLEET_DEPS)
	$(Q)rm -rf build/log-rest && mkdir -p build/log-rest
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 all
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 SAN=address,undefined all
	$(Q)$(MAKE) --no-print-directory $(call together,$(JOBS),build/log-rest) sanitized-rest check-faults check-restarts check-fleet \
		releases long-torture check-static check-coverage check-bench $(call summed,build/log-rest)

sanitized-rest:
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined check-interop check-storm each-call

each-call: $(addprefix $(B)/tests/store/test_,$(EACH_CALL))
	$(Q)mkdir -p $(L); printf '%s\n' $^ | $(call spread,store,$(C))

long-torture:
	$(Q)$(MAKE) --no-print-directory LONG=1 check-torture

# One after the other: both use, and may add to, the same folders.
releases:
	$(Q)code=0; for t in check-trixie check-deb; do $(MAKE) --no-print-directory $$t || code=$$?; done; exit $$code

# All that the tests run, so that what does not build is said first.
built: all $(UNIT) $(STORET) $(FUZZERS)

# In this order, also with -j: both use all there is.
check-all:
	$(Q)$(MAKE) --no-print-directory check
	$(Q)$(MAKE) --no-print-directory check-rest

L := $(or $(TOTAL),$(B)/log)
quoted = '$(subst ','\'',$(1))'
suite  = $(Q)mkdir -p $(L) && tests/lib/tally $(L) $(1)$(VARIANT) $(2)
# $(call spread,KIND,ARGUMENTS,BELOW): the test programs named on stdin, some at a time, BELOW a program that runs them.
spread = xargs -P $(JOBS) -I@ sh -c 'name=$$(basename "$$1" | cut -d_ -f2-); \
		exec tests/lib/tally $(L) $(1)-$$name$(VARIANT) $(3) "$$1" $(2)' sh @

check-layers:
	$(call suite,layers,awk -f tests/lib/layers.awk src/layers $$(find src include -name '*.[ch]'))

check-pure: $(PURE)
	$(Q)$(CC) -r -nostdlib -o $(B)/pure.o $^
	$(call suite,pure,tests/lib/pure.sh $(B)/pure.o tests/lib/pure.allow)

# Of T only programs that there are come out here: "doctor:", a part of a case's name, would be half a rule. WITHOUT: all
# but these.
picked = $(filter-out $(addprefix %/test_,$(WITHOUT)),$(if $(T),$(filter %/test_$(T),$(1)),$(1)))
define each
	$(Q)mkdir -p $(L); set -- $(call picked,$(2)); \
		[ $$# -gt 0 ] || { printf 'there is no $(1) test "%s"\n' $(call quoted,$(T)); exit 2; }; \
		printf '%s\n' "$$@" | $(call spread,$(1),$(C),$(3))
endef

check-unit: $(call picked,$(UNIT))
	$(call each,unit,$(UNIT))

check-store: $(call picked,$(STORET))
	$(call each,store,$(STORET))

# The same tests, those of the SQLite file left out, on a PostgreSQL server that is started for them.
check-store-pg: $(call picked,$(STORET))
	$(Q)mkdir -p $(L); tests/lib/postgres sh -c 'bad=0; for t; do \
		tests/lib/tally $(L) store-pg-$${t##*/test_}$(VARIANT) $$t $(C) || bad=1; done; exit $$bad' sh $(call picked,$(STORET))

check-corpus: $(FUZZERS)
	$(Q)mkdir -p $(L); printf '%s\n' $(FUZZERS) | $(call spread,corpus,tests/fuzz/corpus/$$name)

check-integration: $(PROGRAMS)
	$(call suite,integration,python3 tests/integration/run.py --build $(B) --jobs $$(($(JOBS) * 2)) \
		$(if $(SEED),--seed $(SEED)) $(if $(T),$(call quoted,$(T))))

# A million mutated requests; check-integration sends fifty thousand.
check-storm: $(PROGRAMS)
	$(call suite,storm,python3 tests/integration/run.py --build $(B) --requests 1000000 $(if $(SEED),--seed $(SEED)) "storm: ")

check-interop: $(PROGRAMS)
	$(call suite,interop,python3 tests/interop/run.py --build $(B) --jobs $(JOBS) $(if $(SEED),--seed $(SEED)) $(if $(T),$(call quoted,$(T))))

# Mail sent through a real Postfix while the store and the daemon are broken again and again; check-interop does
# it once and in short.
check-faults: $(PROGRAMS)
	$(call suite,faults,python3 tests/interop/run.py --build $(B) --faults "under load")

# A real Postfix, and clients that ask as it does, over 20 restarts, 20 reloads, 5 upgrades and 25 dead workers; check-interop
# has a few of each.
check-restarts: $(PROGRAMS)
	$(call suite,restarts,python3 tests/interop/run.py --build $(B) --restarts "dead workers")

# Processes killed, and without files, room, memory or the right time. LONG=1: five times as often, and the faults of
# the store's disk and memory at every single call.
check-torture: $(PROGRAMS) $(SHIM) $(if $(LONG),$(FAULTS))
	$(call suite,torture,python3 tests/torture/run.py --build $(B) $(if $(LONG),--long) \
		$(if $(SEED),--seed $(SEED)) $(if $(T),$(call quoted,$(T))))
	$(if $(LONG),$(Q)bad=0; for t in $(FAULTS); do \
		tests/lib/tally $(L) torture-$${t##*/test_}$(VARIANT) $$t --long || bad=1; done; exit $$bad)

# Three nodes with a PostgreSQL server each, in network namespaces: all that happens to a fleet, one thing after the other;
# and the same with a fleet that Patroni and etcd look after (T=Patroni: only that). T="no edit is lost" has each thing alone.
check-fleet: $(PROGRAMS)
	$(Q)contrib/deps -- $(FLEET_DEPS)
	$(call suite,fleet,python3 tests/interop/run.py --build $(B) --jobs $(JOBS) --fleet $(call quoted,$(or $(T),one thing after the other)))

# The interop suite in Debian 13, with its Postfix 3.10 and Dovecot 2.4 and programs built there. The folder it lives
# in is made once, in the user's cache: some minutes, and 600 MB.
check-trixie:
	$(Q)contrib/deps -- debootstrap
	$(call suite,trixie,tests/lib/release test trixie "$(CURDIR)" "$(abspath $(B)-trixie)" \
		"$(BUILD_DEPS) $(TEST_DEPS) $(TRIXIE_DEPS)" $(if $(T),$(call quoted,$(T))))

# Each part of the bench once and small, so that it does not rot; nothing is measured.
check-bench: $(PROGRAMS) $(BENCH)
	$(Q)contrib/deps -- $(BENCH_DEPS)
	$(call suite,bench,python3 tests/bench/run.py --smoke --build $(B) $(if $(T),--only $(call quoted,$(T))))

check-docs: $(PROGRAMS)
	$(call suite,docs,tests/lib/docs.sh $(B) $(MANUALS))

# --- the whole: binaries, units, archive, packages ------------------------------------------------

check-binaries: $(PROGRAMS)
	$(call suite,binaries,tests/package/binaries.sh $(PROGRAMS))

check-units: $(PROGRAMS)
	$(call suite,units,tests/package/units.sh $(B))

check-dist:
	$(call suite,dist,tests/package/dist.sh $(VERSION))

# Packages built, installed, upgraded and purged in a fresh Debian 12 and a fresh Debian 13, in folders of their own.
check-deb:
	$(Q)contrib/deps -- debootstrap
	$(call suite,deb,tests/package/deb.sh $(VERSION) "$(abspath $(B))/deb-test" "$(PACK_DEPS) $(BUILD_DEPS)" $(T))

# What compilers and linters see without running anything. Most of five minutes of one CPU is clang-tidy's.
static = $(call suite,$(1),env CC="$(CC)" tests/package/static.sh $(B)/$(1) \
		'$(subst ','\'',$(STD) -Iinclude -I$(B)/gen -Isrc $(subst -I/,-isystem /,$(LIBCFLAGS)))' '$(2)')

check-static: $(GENERATED)
	$(call static,static,$(T))

# Without the path-sensitive part of clang-tidy, which takes half as long as all the rest of check: that is in check-rest.
check-static-quick: $(GENERATED)
	$(call static,static-quick,gcc clang-tidy-quick cppcheck)

# Each unit test under valgrind: lost memory counts, and so does a byte that nobody wrote.
check-valgrind: $(call picked,$(UNIT))
	$(call each,valgrind,$(UNIT),tests/package/valgrind.sh)

# Lines and branches that the unit, store and corpus tests reach, by file and room; and the imports, for room foreign is
# mostly tested by what comes of whole files.
coverage: covered
	$(Q)tests/package/coverage.sh $(B)-coverage

check-coverage: covered
	$(call suite,coverage,tests/package/coverage.sh $(B)-coverage)
	$(Q)sed -n 's/^# room/   /p' $(L)/coverage.tap

# Without optimizing gcc takes for unset what a function that was not looked into has set.
COVERED := B=$(B)-coverage CFLAGS='-O0 -g --coverage -Wno-maybe-uninitialized' CPPFLAGS=-U_FORTIFY_SOURCE LDFLAGS=--coverage
covered:
	$(Q)$(MAKE) --no-print-directory $(COVERED) check-unit check-store check-corpus
	$(Q)$(MAKE) --no-print-directory $(COVERED) T=import check-integration

ARCHIVE := $(B)/vmaild-$(VERSION).tar.gz

dist:
	$(Q)contrib/dist $(VERSION) $(ARCHIVE)
	@echo $(ARCHIVE)

# The tree has run its tests: a package is not the place to run them again.
deb: dist
	$(Q)contrib/deps $(PACK_DEPS) $(BUILD_DEPS)
	$(Q)DEB_BUILD_OPTIONS="$${DEB_BUILD_OPTIONS-nocheck}" DEB_BUILD_PROFILES="$${DEB_BUILD_PROFILES-nocheck}" \
		contrib/deb $(ARCHIVE) $(B)/deb $(DEB_VERSION) >$(B)/deb.log 2>&1 || \
		{ tail -n 40 $(B)/deb.log; exit 1; }
	@ls $(B)/deb/*.deb

# libFuzzer wants a scratch folder first (it writes there) and the seeds second.
fuzz:
	$(Q)test -n "$(T)" || { echo "usage: make fuzz T=name [TIME=60]; names: $(sort $(notdir $(FUZZERS:%=%)))"; exit 2; }
	$(call wants,clang,$(BUILD_DEPS) $(FUZZ_DEPS))
	$(Q)$(MAKE) --no-print-directory CC=clang FUZZ=1 build-fuzz/tests/fuzz/fuzz_$(T)
	$(Q)mkdir -p build-fuzz/scratch/$(T)
	build-fuzz/tests/fuzz/fuzz_$(T) -max_total_time=$(or $(TIME),60) -print_final_stats=1 \
		$(if $(wildcard tests/fuzz/$(T).dict),-dict=tests/fuzz/$(T).dict) build-fuzz/scratch/$(T) tests/fuzz/corpus/$(T)

# All of them, two at a time, for T minutes altogether; what each did is printed, and a crash fails it.
fuzz-all:
	$(call wants,clang,$(BUILD_DEPS) $(FUZZ_DEPS))
	$(Q)$(MAKE) --no-print-directory CC=clang FUZZ=1 fuzzers
	$(Q)python3 tests/fuzz/all.py --build $(if $(filter command,$(origin B)),$(B),build-fuzz) --minutes $(or $(T),10)

fuzzers: $(FUZZERS)

# A mixed load for T minutes on two daemons, one of them left alone and one that is reloaded, killed and restarted:
# memory, descriptors and latency over time, as tables and as plots. Fails when they grow, or an answer is wrong.
soak: $(PROGRAMS)
	$(Q)python3 tests/soak/run.py --build $(B) --minutes $(or $(T),5) --out $(B)/soak

# vmaild beside everybody else, in turns within one run: docs/bench and the README's table are written anew. The short
# form takes ten minutes at the most, building included. With T= only the parts with that in their name, and nothing
# is written.
measure = python3 tests/bench/run.py --build $(B) $(1) \
	$(if $(T),--only $(call quoted,$(T)),--out docs/bench --readme README)

bench: bench-deps
	$(eval began := $(shell date +%s))
	$(Q)$(MAKE) --no-print-directory all $(BENCH)
	$(Q)$(call measure,--limit $$(($(began) + 570 - $$(date +%s))))

bench-full: bench-deps
	$(Q)$(MAKE) --no-print-directory all $(BENCH)
	$(Q)$(call measure,--full)

# --- newcomers ----------------------------------------------------------------------------------

BUILD_DEPS := gcc make pkg-config libevent-dev libsqlite3-dev libpq-dev libsodium-dev libconfuse-dev libidn2-dev \
              libunistring-dev libsmartcols-dev libjansson-dev libcrypt-dev libssl-dev libseccomp-dev
TEST_DEPS  := libcmocka-dev python3 mandoc tmux less postfix dovecot-core dovecot-imapd dovecot-lmtpd dovecot-sqlite dovecot-pgsql sqlite3 \
              openssl fail2ban postgresql
CHECK_DEPS := valgrind clang-tidy cppcheck systemd strace apparmor
TRIXIE_DEPS := dovecot-auth-lua lua-socket

PACK_DEPS   := build-essential debhelper lintian
FLEET_DEPS  := iproute2 patroni etcd-server

BENCH_DEPS := postfix-sqlite postfix-lmdb postfix-cdb postfix-pgsql postgresql strace

FUZZ_DEPS   := clang libclang-rt-dev

# $(call wants,PROGRAM,PACKAGES): them, unless the program is here, from wherever it came.
wants = $(Q)command -v $(1) >/dev/null || contrib/deps $(2)

# A fresh make in each recipe: the flags are asked of pkg-config after the installing.
deps:
	$(Q)contrib/deps $(BUILD_DEPS)

test-deps:
	$(Q)contrib/deps $(BUILD_DEPS) -- $(TEST_DEPS) $(CHECK_DEPS)

bench-deps:
	$(Q)contrib/deps $(BUILD_DEPS) -- $(TEST_DEPS) $(BENCH_DEPS)

run: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)contrib/demo $(B) run

# --- installing ---------------------------------------------------------------------------------

# A page in the tree has the paths of an installation with no PREFIX of its own; installed, it has those of this one.
install_page = install -D -m 644 $(1) $(2)/$(notdir $(1)) && sed 's|/usr/local|$(PREFIX)|g' $(1) >$(2)/$(notdir $(1))

install:
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(MAKE) --no-print-directory install-files

install-files:
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(SYSCONFDIR)/vmaild
	install -m 755 $(B)/vmaild $(B)/vmailctl $(DESTDIR)$(SBINDIR)
	install -m 755 $(B)/vmail-checkpassword $(DESTDIR)$(LIBEXECDIR)
	$(foreach m,$(MANUALS),$(call install_page,$(m),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(m)))) &&) true
	install -d $(DESTDIR)$(DOCDIR)/moving-from
	install -m 644 README docs/HACKING docs/SECURITY $(DESTDIR)$(DOCDIR)
	$(call install_page,docs/fleet,$(DESTDIR)$(DOCDIR))
	install -m 644 docs/moving-from/*.md $(DESTDIR)$(DOCDIR)/moving-from
	install -D -m 644 contrib/vmaild.conf $(DESTDIR)$(DATADIR)/vmaild.conf.sample
	install -D -m 644 contrib/fail2ban/filter.d/vmaild.conf $(DESTDIR)$(DATADIR)/fail2ban/filter.d/vmaild.conf
	install -D -m 644 contrib/fail2ban/jail.d/vmaild.conf $(DESTDIR)$(DATADIR)/fail2ban/jail.d/vmaild.conf
	install -D -m 644 contrib/dovecot/vmaild.lua $(DESTDIR)$(DATADIR)/vmaild.lua
	install -D -m 644 contrib/grafana/vmaild.json $(DESTDIR)$(DATADIR)/grafana/vmaild.json
	install -D -m 644 contrib/prometheus/vmaild.rules.yml $(DESTDIR)$(DATADIR)/prometheus/vmaild.rules.yml
	install -D -m 644 contrib/systemd/vmaild.service $(DESTDIR)$(PREFIX)/lib/systemd/system/vmaild.service
	install -m 644 contrib/systemd/vmaild.socket contrib/systemd/vmaild-queue.socket $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 644 contrib/systemd/vmaild-backup.service contrib/systemd/vmaild-backup.timer $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -D -m 644 contrib/systemd/network.conf $(DESTDIR)$(DATADIR)/network.conf
	install -D -m 644 contrib/systemd/sysusers.d/vmaild.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/vmaild.conf
	install -D -m 644 contrib/systemd/tmpfiles.d/vmaild.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/vmaild.conf
	install -D -m 644 contrib/completion/vmailctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vmailctl
	install -D -m 644 contrib/completion/_vmailctl $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vmailctl
	install -D -m 644 contrib/completion/vmailctl.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/vmailctl.fish
	$(if $(DESTDIR),,contrib/users)

clean:
	rm -rf build build-*

format:
	$(call wants,clang-format,clang-format)
	clang-format -i $$(git ls-files '*.c' '*.h')

-include $(shell find $(B) -type f -name '*.d' -not -path '*/source/*' 2>/dev/null)
