# segreg - build, test, demonstrate. The targets that people type:
#
#   make            library, daemon and tool under build/; installs no packages, but names those that are missing
#   make demo       install what is missing, build, and show the main job on real files
#   make check      install what is missing, build, and run all tests
#   make asan ubsan tsan    the tests in a build with that sanitizer
#   make valgrind           the C tests under memcheck (VALGRIND: one that knows openat2)
#   make clang      build and test everything with clang
#   make abi-check  whether what was compiled against the baseline in .packaging/abi goes on working
#   make aarch64-check      cross-build, and the C tests under an arm64 kernel in an emulated machine (AARCH64_SUITES: other suites)
#   make proof      models, torture, fuzzing, ...: all that makes the promises believable, as a table; tests/proof.mk has each
#   make bench      install what is missing, build, measure beside the peers, and draw: build/bench/ (QUICK=1: under a minute)
#   make install    below /usr/local, or as .packaging/install.mk says; make uninstall takes it away
#   make deb        the Debian packages, into build/deb/; make deb-check installs and uses them in a system of their own
#   make systemd-check      these packages in an emulated Debian whose process 1 is systemd
#   make clean
#
# Settings: CC, CPPFLAGS, CFLAGS, LDFLAGS, BUILD (folder for all output), SAN (address, undefined, thread), V=1 (show commands),
#   WERROR=1 (a warning is an error: for developers, and what make check, asan, clang and the like set),
#   SHARED=1 (in a BUILD of its own: segctl and segregd with libsegreg.so rather than with all of it inside),
#   DEMO_INPUT (folder of text for the demo), SUITE (run one suite of the tests), QUESTIONS (of the bench).

VERSION := $(shell awk '/define SEGREG_VERSION_(MAJOR|MINOR|PATCH)/ { v = v s $$3; s = "." } END { print v }' \
             include/segreg.h)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

CC      ?= gcc
SAN     ?=
BUILD   ?= build
CFLAGS  ?= -O2 -g
Q       := $(if $(V),,@)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
        -Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wcast-qual \
        -Wpointer-arith -Wimplicit-fallthrough $(if $(WERROR),-Werror)
SEG_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Iinclude -fPIC -fvisibility=hidden -fno-strict-aliasing -pthread $(WARN) \
        -DAO_PREFER_BUILTIN_ATOMICS \
        $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) $(if $(filter undefined,$(SAN)),-fno-sanitize-recover=all) \
        $(CPPFLAGS)
SEG_LDFLAGS := -pthread $(if $(SAN),-fsanitize=$(SAN))

pc = $(shell pkg-config $(1) $(2))
LIB_LIBS    = $(call pc,--libs,lmdb)
CTL_CFLAGS  = $(call pc,--cflags,smartcols ncursesw)
CTL_LIBS    = $(call pc,--libs,smartcols ncursesw)
DAE_CFLAGS  = $(call pc,--cflags,libsystemd)
DAE_LIBS    = $(call pc,--libs,libsystemd)
TEST_LIBS   = $(call pc,--libs,cunit)
BENCH_LIBS  = $(call pc,--libs,liburcu ck) -lurcu-memb -ldl -lm
RUSTC      ?= $(shell command -v rustc)

LIB_SRC  := $(wildcard lib/*.c lib/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
TLIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/testing/%.o)
DAE_SRC  := $(wildcard daemon/segregd/*.c daemon/common/*.c)
DAE_OBJ  := $(DAE_SRC:%.c=$(BUILD)/obj/%.o)
CTL_SRC  := $(wildcard daemon/segctl/*.c daemon/common/*.c)
CTL_OBJ  := $(CTL_SRC:%.c=$(BUILD)/obj/%.o)
TEST_SRC := $(wildcard tests/*.c tests/support/*.c tests/unit/*.c tests/proc/*.c tests/crash/*.c)
TEST_OBJ := $(TEST_SRC:%.c=$(BUILD)/obj/%.o)
DEMO_SRC := $(wildcard tests/demo/*.c)
DEMO_OBJ := $(DEMO_SRC:%.c=$(BUILD)/obj/%.o)
BENCH_SRC := $(wildcard bench/*.c bench/peers/*.c)
BENCH_OBJ := $(BENCH_SRC:%.c=$(BUILD)/obj/%.o)

SO     := libsegreg.so.$(VERSION)
SONAME := libsegreg.so.$(SOVERSION)
TOOL_LIB := $(BUILD)/libsegreg.$(if $(SHARED),so,a)
TOOL_LIBS = $(if $(SHARED),,$(LIB_LIBS))
PRODUCTS := $(BUILD)/libsegreg.a $(BUILD)/libsegreg.so $(BUILD)/segregd $(BUILD)/segctl

.PHONY: all demo check check-run asan ubsan tsan valgrind clean deps demo-run clang-check bench bench-run bench-publish
.DELETE_ON_ERROR:
all: $(PRODUCTS)

# ---------------------------------------------------------------- products

$(LIB_OBJ) $(TLIB_OBJ) $(DEMO_OBJ): | $(BUILD)/needs/lib
$(DAE_OBJ) $(CTL_OBJ): | $(BUILD)/needs/lib $(BUILD)/needs/tools
$(TEST_OBJ): | $(BUILD)/needs/lib $(BUILD)/needs/tests
$(BENCH_OBJ): | $(BUILD)/needs/lib $(BUILD)/needs/tools $(BUILD)/needs/bench

$(BUILD)/libsegreg.a: $(LIB_OBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/$(SO): $(LIB_OBJ) lib/libsegreg.map
	@echo "  LD      $@"
	$(Q)$(CC) -shared $(SEG_LDFLAGS) $(LDFLAGS) -Wl,-soname,$(SONAME) -Wl,--version-script=lib/libsegreg.map \
	    $(if $(SAN),,-Wl,-z,defs) -o $@ $(LIB_OBJ) $(LIB_LIBS)

$(BUILD)/libsegreg.so: $(BUILD)/$(SO)
	$(Q)ln -sf $(SO) $(BUILD)/$(SONAME) && ln -sf $(SONAME) $@

$(BUILD)/segregd: $(DAE_OBJ) $(TOOL_LIB)
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS) $(DAE_LIBS)

$(BUILD)/segctl: $(CTL_OBJ) $(TOOL_LIB)
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS) $(CTL_LIBS)

$(LIB_OBJ): EXTRA = -iquote lib
$(DAE_OBJ): EXTRA = -iquote daemon $(DAE_CFLAGS)
$(CTL_OBJ): EXTRA = -iquote daemon $(CTL_CFLAGS)

# The library once more with stop points, failing system calls and lock-order checks compiled in, for the tests.
$(BUILD)/libsegreg-testing.a: $(TLIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/segreg-tests: $(TEST_OBJ) $(BUILD)/libsegreg-testing.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) -Wl,-z,now $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(TEST_LIBS)

$(BUILD)/segreg-demo: $(DEMO_OBJ) $(BUILD)/libsegreg.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BENCH_OBJ): EXTRA = -Ibench $(CTL_CFLAGS)

$(BUILD)/segreg-bench: $(BENCH_OBJ) $(BUILD)/libsegreg.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(CTL_LIBS) $(BENCH_LIBS)

# The loop of pins once more, as users have it: with the shared library.
$(BUILD)/segreg-bench-loop.so: $(BUILD)/obj/bench/peers/loop.o $(BUILD)/libsegreg.so
	@echo "  LD      $@"
	$(Q)$(CC) -shared $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $< -L$(BUILD) -lsegreg -Wl,-rpath,'$$ORIGIN'

# The in-process original in Rust, if there is a compiler that can; the bench says when there was none.
$(BUILD)/segreg-bench-original.so: bench/peers/original.rs
	@echo "  RUSTC   $@"
	$(Q)env -u MAKEFLAGS $(RUSTC) --crate-type=cdylib -C opt-level=3 -C panic=abort -o $@ $< || rm -f $@

$(BUILD)/obj/testing/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	@echo "  CC      $< (testing)"
	$(Q)$(CC) $(SEG_CFLAGS) $(CFLAGS) -DSR_TESTING=1 -iquote lib -MMD -MP -c -o $@ $<

$(BUILD)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(SEG_CFLAGS) $(CFLAGS) -DSR_TESTING=1 -iquote lib -iquote daemon -Itests/support -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(SEG_CFLAGS) $(EXTRA) $(CFLAGS) -DSR_TESTING=0 -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

include .packaging/install.mk .packaging/deb.mk .packaging/portability.mk tests/proof.mk

# ---------------------------------------------------------------- for people

PACKAGES := gcc libc6-dev pkg-config libatomic-ops-dev liblmdb-dev libsmartcols-dev libncurses-dev libsystemd-dev libcunit1-dev \
            mandoc python3 procps e2fsprogs xfsprogs btrfs-progs spin g++
BENCH_PACKAGES := gcc libc6-dev pkg-config libatomic-ops-dev liblmdb-dev libsmartcols-dev libncurses-dev libsystemd-dev gnuplot-nox \
            liburcu-dev libck-dev

# Install what is missing; where that is not possible, say what is missing and stop.
deps:
	@.packaging/deps $(PACKAGES)

# Before anything is compiled: is there what it is compiled with? In the words of all that plain make needs.
$(BUILD)/needs/%:
	@CPPFLAGS='$(CPPFLAGS)' .packaging/needs '$(CC)' $* >/dev/null 2>&1 || CPPFLAGS='$(CPPFLAGS)' .packaging/needs '$(CC)' lib tools \
	    $(filter-out lib tools,$*)
	@mkdir -p $(@D)
	@touch $@

demo: deps
	@$(MAKE) --no-print-directory demo-run

demo-run: all $(BUILD)/segreg-demo
	@$(BUILD)/segreg-demo --bin $(BUILD) $(if $(DEMO_INPUT),--input '$(DEMO_INPUT)')

check: deps
	@$(MAKE) --no-print-directory check-run WERROR=1

check-run: all $(BUILD)/segreg-tests $(BUILD)/segreg-demo $(BUILD)/segreg-fuzz $(BUILD)/segreg-soak
	@tests/run-check $(BUILD) $(SUITE)

asan:  ; @$(MAKE) --no-print-directory check BUILD=build/asan SAN=address CFLAGS='-O1 -g'
ubsan: ; @$(MAKE) --no-print-directory check BUILD=build/ubsan SAN=undefined CFLAGS='-O1 -g'
tsan:  ; @$(MAKE) --no-print-directory check BUILD=build/tsan SAN=thread CFLAGS='-O1 -g'

valgrind:
	@$(MAKE) --no-print-directory deps PACKAGES='$(PACKAGES) valgrind'
	@$(MAKE) --no-print-directory $(BUILD)/segreg-tests WERROR=1
	@tests/valgrind $(BUILD) $(SUITE)

# The whole tree through clang's eyes, without linking.
clang-check:
	@$(MAKE) --no-print-directory CC=clang BUILD=build/clang WERROR=1 $(patsubst %.c,build/clang/obj/%.o,\
	    $(sort $(LIB_SRC) $(DAE_SRC) $(CTL_SRC)) $(TEST_SRC) $(STEPS_SRC) $(SOAK_SRC) $(DEMO_SRC) $(BENCH_SRC))

bench:
	@$(MAKE) --no-print-directory deps PACKAGES='$(BENCH_PACKAGES)'
	@$(MAKE) --no-print-directory bench-run

bench-run: all $(BUILD)/segreg-bench $(BUILD)/segreg-bench-loop.so $(if $(RUSTC),$(BUILD)/segreg-bench-original.so)
	@mkdir -p $(BUILD)/bench
	@rm -f $(BUILD)/bench/*
	@$(BUILD)/segreg-bench -o $(BUILD)/bench $(QUESTIONS)
	@bench/draw $(BUILD)/bench

# The last run's results into the README.
bench-publish:
	@bench/publish $(BUILD)/bench

clean:
	rm -rf build
