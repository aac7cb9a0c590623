# segreg - the build. "make help" lists what people type; the rules are where their subject is:
#
#   Makefile                what all parts share: settings, flags, compiling, packages, cleaning
#   lib/lib.mk              the library
#   lib/engines.mk          the file systems for RocksDB and LevelDB, where these are installed
#   lib/defer.mk            the library that segctl defer preloads
#   daemon/daemon.mk        segregd and segctl
#   tests/tests.mk          the demo, the tests, and the same with other compilers and on other machines
#   tests/proof.mk          the long tests
#   bench/bench.mk          the measurements
#   .packaging/install.mk   make install; deb.mk beside it: Debian's packages; packages: what of Debian segreg needs
#
# A comment that begins with ## is a line of make help, and ##: is a setting there.

##: CC CFLAGS CPPFLAGS LDFLAGS - as everywhere; everything is built anew when one of them changes
##: PKG_CONFIG - the pkg-config that names the libraries
##: BUILD - the directory of everything that is built: build
##: SAN - a sanitizer: address, undefined or thread
##: SHARED=1 - link segctl and segregd with libsegreg.so
##: WERROR=1 - a warning is an error; check, asan, valgrind, clang and the like set it; WERROR= takes it back
##: OFFLINE=1 - install no packages, only name those that are missing
##: V=1 - show commands
CC         ?= gcc
PKG_CONFIG ?= pkg-config
BUILD      ?= build
SAN        ?=
CFLAGS     ?= -O2 -g
Q          := $(if $(V),,@)

ifneq ($(words $(BUILD)),1)
$(error BUILD names one directory, and without blanks, since make takes "$(BUILD)" for $(words $(BUILD)) files)
endif

VERSION := $(shell awk '/define SEGREG_VERSION_(MAJOR|MINOR|PATCH)/ { v = v s $$3; s = "." } END { print v }' \
             include/segreg.h)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
        -Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wcast-qual \
        -Wpointer-arith -Wimplicit-fallthrough -Wdate-time
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Iinclude -fPIC -fvisibility=hidden -fno-strict-aliasing -pthread $(WARN) \
        -DAO_PREFER_BUILTIN_ATOMICS $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
        $(if $(filter undefined,$(SAN)),-fno-sanitize-recover=all)
# The same sources give the same bytes in any directory: debug information has no path of this one.
SEG_CFLAGS = $(BASE_CFLAGS) '-ffile-prefix-map=$(CURDIR)=.' $(if $(WERROR),-Werror) $(CPPFLAGS)
SEG_LDFLAGS := -pthread $(if $(SAN),-fsanitize=$(SAN))
# Asked when a recipe runs, since the packages may come by then.
pc = $(shell $(PKG_CONFIG) $(1) $(2))

PRODUCTS = $(BUILD)/libsegreg.a $(BUILD)/libsegreg.so $(BUILD)/segregd $(BUILD)/segctl $(DEFER_LIB) $(ENGINE_LIBS)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all deps packages clean help FORCE

include lib/lib.mk lib/engines.mk lib/defer.mk
include daemon/daemon.mk tests/tests.mk tests/engines.mk
include tests/proof.mk bench/bench.mk .packaging/install.mk .packaging/deb.mk

## all - the library, segregd, segctl, and the libraries of installed engines; "make" alone does this
all: $(PRODUCTS)

# ---------------------------------------------------------------- compiling

# What all objects were compiled with, and everything was linked with. -Werror changes no byte of them. An installation
# takes what is built already, since the root that installs has not the builder's settings.
FLAGS := $(CC) $(BASE_CFLAGS) $(CPPFLAGS) $(CFLAGS) / $(SEG_LDFLAGS) $(LDFLAGS) $(if $(SHARED),shared) / \
        $(if $(ENGINES),$(CXX) $(CXX_BASE) $(CXXFLAGS))
INSTALLS_ONLY := $(if $(filter-out install% uninstall,$(or $(MAKECMDGOALS),all)),,1)
$(BUILD)/flags: export FLAGS_NOW = $(FLAGS)
ifeq ($(INSTALLS_ONLY),)
ifneq ($(strip $(file <$(BUILD)/flags)),$(strip $(FLAGS)))
$(BUILD)/flags: FORCE
endif
endif
$(BUILD)/flags:
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS_NOW" >$@

$(BUILD)/obj/testing/lib/%.o: lib/%.c $(BUILD)/flags | $(BUILD)/needs/lib
	@mkdir -p $(@D)
	@echo "  CC      $< (testing)"
	$(Q)$(CC) $(SEG_CFLAGS) $(CFLAGS) -DSR_TESTING=1 -iquote lib -MMD -MP -c -o $@ $<

$(BUILD)/obj/tests/%.o: tests/%.c $(BUILD)/flags | $(BUILD)/needs/lib
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(SEG_CFLAGS) $(CFLAGS) -DSR_TESTING=1 -iquote lib -iquote daemon -Itests/support -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(BUILD)/needs/lib
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(SEG_CFLAGS) $(EXTRA) $(CFLAGS) -DSR_TESTING=0 -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# ---------------------------------------------------------------- packages

groups-deps := lib tools tests check engines
# Where a target NAME of the command line has groups-NAME, the packages of these groups (.packaging/packages) are
# installed before anything else is done. Other targets install nothing.
GROUPS := $(if $(OFFLINE),,$(sort $(foreach goal,$(MAKECMDGOALS),$(groups-$(goal)))))
WITH_GROUPS := $(patsubst groups-%,%,$(filter groups-%,$(.VARIABLES)))
NEEDS := $(addprefix $(BUILD)/needs/,lib tools tests bench)

$(WITH_GROUPS) $(NEEDS) fuzz-build: | $(if $(GROUPS),packages)

packages:
	@.packaging/deps $(GROUPS)

## deps - install what is missing for make check, and no more
deps:

# Before anything is compiled: is there what it is compiled with? In the words of all that plain make needs.
$(NEEDS): $(BUILD)/needs/%:
	@export CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' PKG_CONFIG='$(PKG_CONFIG)'; \
	.packaging/needs $* >/dev/null 2>&1 || .packaging/needs lib tools $(filter-out lib tools,$*)
	@mkdir -p $(@D)
	@touch $@

# ---------------------------------------------------------------- the rest

## clean - remove BUILD
clean:
	@case '$(CURDIR)/' in '$(abspath $(BUILD))/'*) echo "make clean: $(BUILD) has the sources" >&2; exit 1 ;; esac
	@[ '$(BUILD)' = build ] || [ ! -e '$(BUILD)' ] || [ -e '$(BUILD)/flags' ] || \
	    { echo "make clean: $(BUILD) was not built by this Makefile" >&2; exit 1; }
	rm -rf '$(BUILD)'

## help - this list
help:
	@awk '/^## / { sub(/^## /, ""); split($$0, part, / - /); \
	        printf "make %-16s %s\n", part[1], substr($$0, length(part[1]) + 4) } \
	    /^##: / { sub(/^##: /, ""); split($$0, part, / - /); \
	        setting[++n] = sprintf("  %-19s %s", part[1], substr($$0, length(part[1]) + 4)) } \
	    END { print "\nSettings, as in \"make CC=clang\":"; for (i = 1; i <= n; i++) print setting[i] }' \
	    $(filter-out %.d,$(MAKEFILE_LIST))
