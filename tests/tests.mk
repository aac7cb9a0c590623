# tests.mk - the demo, the tests, and the same with sanitizers, other compilers and on other machines.

TEST_SRC := $(sort $(wildcard tests/*.c tests/support/*.c tests/unit/*.c tests/proc/*.c tests/crash/*.c))
TEST_OBJ := $(TEST_SRC:%.c=$(BUILD)/obj/%.o)
DEMO_SRC := $(sort $(wildcard tests/demo/*.c))
DEMO_OBJ := $(DEMO_SRC:%.c=$(BUILD)/obj/%.o)
TEST_LIBS = $(call pc,--libs,cunit)
ABI      := .packaging/abi

.PHONY: demo check check-run asan ubsan tsan valgrind clang clang-check objects abi-check abi-baseline aarch64-check
.PHONY: monitoring

$(TEST_OBJ): | $(BUILD)/needs/tests

$(BUILD)/segreg-tests: $(TEST_OBJ) $(BUILD)/libsegreg-testing.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) -Wl,-z,now $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(TEST_LIBS)

$(BUILD)/segreg-demo: $(DEMO_OBJ) $(BUILD)/libsegreg.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

##: DEMO_INPUT - a directory of text for the demo
## demo - install what is missing, build, and watch a small search engine live through kill -9
groups-demo := lib tools
demo: all $(BUILD)/segreg-demo
	@$(BUILD)/segreg-demo --bin $(BUILD) $(if $(DEMO_INPUT),--input '$(DEMO_INPUT)')

##: SUITE - one suite of the C tests instead of all tests
##: JOBS - how many tests run side by side: one for each processor
## check - install what is missing, build, and run all tests
## check-run - the same, and install nothing
groups-check := lib tools tests check engines
check: WERROR = 1
check check-run: all $(BUILD)/segreg-tests $(BUILD)/segreg-demo $(BUILD)/segreg-fuzz $(BUILD)/segreg-soak
	@tests/run-check $(BUILD) $(SUITE)

## asan - all tests in a build with clang's or gcc's AddressSanitizer
## ubsan - all tests in a build with the sanitizer of undefined behaviour
## tsan - all tests in a build with ThreadSanitizer
asan: SANITIZER = address
ubsan: SANITIZER = undefined
tsan: SANITIZER = thread
asan ubsan tsan:
	@$(MAKE) --no-print-directory check BUILD=$(BUILD)/$@ SAN=$(SANITIZER) CFLAGS='-O1 -g'

##: VALGRIND - a valgrind that knows openat2(2)
## valgrind - the C tests under memcheck
groups-valgrind := $(groups-check) valgrind
valgrind: WERROR = 1
valgrind: $(BUILD)/segreg-tests
	@tests/valgrind $(BUILD) $(SUITE)

## monitoring - the alerts and the dashboard, in a real Prometheus
groups-monitoring := lib tools monitoring
monitoring: all
	@tests/cli/monitoring.sh $(BUILD)

# ---------------------------------------------------------------- other compilers, other machines, old programs

# Everything is compiled and nothing linked.
objects: $(LIB_OBJ) $(DAE_OBJ) $(CTL_OBJ) $(TEST_OBJ) $(STEPS_OBJ) $(SOAK_OBJ) $(DEMO_OBJ) $(BENCH_OBJ)

## clang - build and test everything with clang
groups-clang := $(groups-check) bench clang
clang:
	@$(MAKE) --no-print-directory objects check CC=clang BUILD=$(BUILD)/clang WERROR=1

## clang-check - compile everything with clang
clang-check:
	@$(MAKE) --no-print-directory objects CC=clang BUILD=$(BUILD)/clang WERROR=1

## abi-check - does what was compiled against the baseline in .packaging/abi go on working?
groups-abi-check := $(groups-check) abi
abi-check: $(BUILD)/libsegreg.so
	@tests/package/abi.sh $(BUILD)

# Debian's compiler and options, since abidw reads debug information.
## abi-baseline - at a release: from here on this is what must not change
abi-baseline: $(BUILD)/libsegreg.so
	@cp include/segreg.h $(ABI)/segreg.h
	@abidw --exported-interfaces-only --headers-dir include --drop-private-types --no-corpus-path \
	    --no-comp-dir-path --no-show-locs --no-elf-needed --no-parameter-names --out-file $(ABI)/$(SONAME).abi $<

##: AARCH64_SUITES - suites of the C tests for aarch64-check, instead of those that the script chooses
## aarch64-check - cross-build, and the C tests under an arm64 kernel in an emulated machine
groups-aarch64-check := aarch64
aarch64-check:
	@.packaging/aarch64-check $(BUILD)/aarch64 $(AARCH64_SUITES)
