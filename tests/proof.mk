# The long tests, which make the promises believable. Each is bounded by time or count, and make check runs a short version.
#
#   make proof          each of those below for a while, and one table of what was tried and found (MINUTES: for each; 1)
#   make model          the protocol's models with Spin (QUICK=1: under a minute)
#   make weak           pins, sweeps, snapshots, evictions under C11's orderings, each of them weakened in turn (QUICK=1: some seconds)
#   make torture        processes of all roles, killed and stopped at random, and an oracle (KILLS or SECONDS_: 60; SEED)
#   make torture-steps  kill after every instruction that changed shared memory (COUNT: kills in each act; ACT: those with these words)
#   make powercut       a file system shut down at every system call, CYCLES (200) times on each of FS; root only
#                       (ext4 xfs ext4+: "+" has the registry on another file system than base)
#   make failing        every system call of every act, with each of its errors
#   make hostile        directories exchanged for links out of base, EXCHANGES (1,000,000) times, while a sweeper deletes
#   make fuzz           libFuzzer, SECONDS_ (60) for each target, or one (TARGET)
#   make coverage       which lines and branches of lib/ the C tests run
#
# Each prints as its last line "proof", its name, what was tried and how many violations there were, with tabs between.

STEPS_SRC := $(wildcard tests/torture/*.c)
SOAK_SRC  := $(wildcard tests/soak/*.c)
SOAK_OBJ  := $(SOAK_SRC:%.c=$(BUILD)/obj/%.o)
FUZZ_SRC  := $(filter-out $(if $(FUZZER),tests/fuzz/replay.c),$(wildcard tests/fuzz/*.c))
FUZZ_OBJ  := $(FUZZ_SRC:%.c=$(BUILD)/obj/%.o) $(filter-out %/segctl.o,$(CTL_OBJ)) $(patsubst %,$(BUILD)/obj/daemon/segregd/%.o,config log)

FUZZ_PACKAGES := gcc libc6-dev g++ pkg-config libatomic-ops-dev liblmdb-dev libsmartcols-dev libncurses-dev libsystemd-dev clang \
            libclang-rt-dev

.PHONY: proof model weak torture torture-run torture-steps torture-steps-run powercut powercut-run hostile hostile-run failing failing-run fuzz fuzz-build coverage coverage-run

proof: deps
	@tests/proof $(or $(MINUTES),1)

model:
	@$(MAKE) --no-print-directory deps PACKAGES='gcc libc6-dev spin'
	@tests/model/run $(if $(QUICK),--quick)

weak:
	@$(MAKE) --no-print-directory deps PACKAGES='gcc libc6-dev g++ binutils liblmdb-dev'
	@tests/weak/run $(if $(QUICK),--quick)

# ---------------------------------------------------------------- torture

$(BUILD)/segreg-soak: $(SOAK_OBJ) $(BUILD)/libsegreg.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(STEPS_SRC:tests/torture/%.c=$(BUILD)/segreg-torture-%): $(BUILD)/segreg-torture-%: $(BUILD)/obj/tests/torture/%.o \
                $(filter-out %/tests/main.o,$(TEST_OBJ)) $(BUILD)/libsegreg-testing.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) -Wl,-z,now $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(TEST_LIBS)

torture: deps
	@$(MAKE) --no-print-directory torture-run

torture-run: $(BUILD)/segreg-soak
	@$(BUILD)/segreg-soak $(if $(KILLS),--kills $(KILLS)) $(if $(SECONDS_),--seconds $(SECONDS_)) $(if $(SEED),--seed $(SEED))

torture-steps: deps
	@$(MAKE) --no-print-directory torture-steps-run

torture-steps-run: $(BUILD)/segreg-torture-steps
	@$(BUILD)/segreg-torture-steps $(or $(COUNT),0) $(if $(ACT),'$(ACT)')

# A suite of the C tests as a row: what it says in brackets, and how many failed.
AS_ROW = awk -v name=$(1) -v what='$(2)' '/\([0-9]+[^)]*\) passed/ { sub(/.*\(/, ""); sub(/\).*/, ""); said = $$0; print; next } \
    /^ *tests / { bad = $$5 } { print } END { printf "proof\t%s\t%s %s\t%d violations\n", name, said, what, bad; exit bad > 0 || !said }'

hostile: deps
	@$(MAKE) --no-print-directory hostile-run

hostile-run: $(BUILD)/segreg-tests
	@EXCHANGES=$(or $(EXCHANGES),1000000) $(BUILD)/segreg-tests hostile | $(call AS_ROW,hostile,while directories become links out of base)

failing: deps
	@$(MAKE) --no-print-directory failing-run

failing-run: $(BUILD)/segreg-tests
	@EVERY=1 $(BUILD)/segreg-tests failing | $(call AS_ROW,failing,system calls failed one at a time)

powercut:
	@$(MAKE) --no-print-directory deps PACKAGES='$(PACKAGES) xfsprogs'
	@$(MAKE) --no-print-directory powercut-run

powercut-run: $(BUILD)/segreg-torture-powercut
	@$(BUILD)/segreg-torture-powercut $(or $(CYCLES),200) $(or $(FS),ext4 xfs ext4+)

# ---------------------------------------------------------------- fuzzing

# All targets of the fuzzer: with FUZZER set by clang's, without it to replay inputs (tests/fuzz/run).
$(BUILD)/segreg-fuzz: $(FUZZ_OBJ) $(BUILD)/libsegreg-testing.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(if $(FUZZER),-fsanitize=fuzzer) $(LDFLAGS) \
	    -Wl,--wrap=execvp,--wrap=segreg_wait,--wrap=sr_sys_sleep,--wrap=sr_sys_monotonic,--wrap=log_say -o $@ $^ $(LIB_LIBS) $(CTL_LIBS) $(DAE_LIBS)

# Two builds: $(BUILD)/segreg-fuzz replays inputs, build/fuzz/segreg-fuzz has libFuzzer and sanitizers and invents them.
fuzz:
	@$(MAKE) --no-print-directory deps PACKAGES='$(FUZZ_PACKAGES)'
	@$(MAKE) --no-print-directory fuzz-build
	@tests/fuzz/run fuzz $(or $(SECONDS_),60) $(TARGET)

fuzz-build:
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang FUZZER=1 SAN=fuzzer-no-link,address,undefined \
	    CFLAGS='-O1 -g -fno-sanitize-recover=all' build/fuzz/segreg-fuzz

# ---------------------------------------------------------------- coverage

coverage:
	@$(MAKE) --no-print-directory deps PACKAGES='$(PACKAGES) gcovr'
	@$(MAKE) --no-print-directory coverage-run BUILD=build/coverage CFLAGS='-O0 -g --coverage -fprofile-update=atomic' LDFLAGS=--coverage

coverage-run: $(BUILD)/segreg-tests
	@tests/coverage $(BUILD)
