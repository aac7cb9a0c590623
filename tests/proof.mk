# proof.mk - the long tests, which make the promises believable. Each is bounded by time or count, and make check runs a
# short version.
# Each prints as its last line "proof", its name, what was tried and how many violations there were, with tabs between.

STEPS_SRC := $(sort $(wildcard tests/long/*.c))
STEPS_OBJ := $(STEPS_SRC:%.c=$(BUILD)/obj/%.o)
SOAK_SRC  := $(sort $(wildcard tests/soak/*.c))
SOAK_OBJ  := $(SOAK_SRC:%.c=$(BUILD)/obj/%.o)
FUZZ_SRC  := $(sort $(filter-out $(if $(FUZZER),tests/fuzz/replay.c),$(wildcard tests/fuzz/*.c)))
FUZZ_OBJ  := $(FUZZ_SRC:%.c=$(BUILD)/obj/%.o) $(filter-out %/segctl.o,$(CTL_OBJ)) \
        $(patsubst %,$(BUILD)/obj/daemon/segregd/%.o,config log burst)

.PHONY: proof model weak soak steps powercut hostile kills failing fuzz fuzz-build coverage

##: MINUTES - how long each test of proof runs: 1
## proof - all of the following for a while, as one table of what was tried and found
groups-proof := $(groups-check)
proof:
	@tests/proof $(or $(MINUTES),1)

## model - the protocol's models with Spin (QUICK=1: under a minute)
groups-model := model
model:
	@tests/model/run $(if $(QUICK),--quick)

## weak - pins, sweeps, snapshots, evictions under C11's orderings, each weakened in turn (QUICK=1: a minute)
groups-weak := weak
weak:
	@tests/weak/run $(if $(QUICK),--quick)

# ---------------------------------------------------------------- processes that are killed

$(BUILD)/segreg-soak: $(SOAK_OBJ) $(BUILD)/libsegreg.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(STEPS_SRC:tests/long/%.c=$(BUILD)/segreg-%): $(BUILD)/segreg-%: $(BUILD)/obj/tests/long/%.o \
                $(filter-out %/tests/main.o,$(TEST_OBJ)) $(BUILD)/libsegreg-testing.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) -Wl,-z,now $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(TEST_LIBS)

## soak - processes of all roles, killed and stopped at random, and an oracle (COUNT kills, or SECONDS_: 60; SEED)
groups-soak := $(groups-check)
soak: $(BUILD)/segreg-soak
	@$(BUILD)/segreg-soak $(if $(COUNT),--kills $(COUNT)) $(if $(SECONDS_),--seconds $(SECONDS_)) \
	    $(if $(SEED),--seed $(SEED))

## steps - kill after each instruction that changed shared memory (COUNT: kills in each act; ACT: those with its words)
groups-steps := $(groups-check)
steps: $(BUILD)/segreg-steps
	@$(BUILD)/segreg-steps $(or $(COUNT),0) $(if $(ACT),'$(ACT)')

# A suite of the C tests as a row: what it says in brackets, and how many failed.
AS_ROW = awk -v name=$(1) -v what='$(2)' \
    '/\([0-9]+[^)]*\) passed/ { sub(/.*\(/, ""); sub(/\).*/, ""); said = $$0; print; next } \
    /^ *tests / { bad = $$5 } { print } \
    END { printf "proof\t%s\t%s %s\t%d violations\n", name, said, what, bad; exit bad > 0 || !said }'

## hostile - directories exchanged for links out of base, COUNT (1,000,000) times, while a sweeper deletes
groups-hostile := $(groups-check)
hostile: $(BUILD)/segreg-tests
	@EXCHANGES=$(or $(COUNT),1000000) $(BUILD)/segreg-tests hostile | \
	    $(call AS_ROW,hostile,while directories become links out of base)

## kills - killed at each stop point and before each call of every act
groups-kills := $(groups-check)
kills: $(BUILD)/segreg-tests
	@EVERY=1 $(BUILD)/segreg-tests points | $(call AS_ROW,kills,one in each play)

## failing - every system call of every act, with each of its errors
groups-failing := $(groups-check)
failing: $(BUILD)/segreg-tests
	@EVERY=1 $(BUILD)/segreg-tests failing | $(call AS_ROW,failing,system calls failed one at a time)

## powercut - as root: a file system shut down at every system call, COUNT (200) times on each of FS (ext4 xfs ext4+)
groups-powercut := $(groups-check)
powercut: $(BUILD)/segreg-powercut
	@$(BUILD)/segreg-powercut $(or $(COUNT),200) $(or $(FS),ext4 xfs ext4+)

# ---------------------------------------------------------------- fuzzing

# All targets of the fuzzer: with FUZZER set by clang's, without it to replay inputs (tests/fuzz/run).
$(BUILD)/segreg-fuzz: $(FUZZ_OBJ) $(BUILD)/libsegreg-testing.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(if $(FUZZER),-fsanitize=fuzzer) $(LDFLAGS) \
	    -Wl,--wrap=execvp,--wrap=segreg_wait,--wrap=sr_sys_sleep,--wrap=sr_sys_monotonic,--wrap=log_say -o $@ $^ \
	    $(LIB_LIBS) $(CTL_LIBS) $(DAE_LIBS)

## fuzz - libFuzzer, SECONDS_ (60) for each target, or one (TARGET)
groups-fuzz := lib tools fuzz
fuzz: fuzz-build
	@tests/fuzz/run fuzz $(or $(SECONDS_),60) $(TARGET)

# $(BUILD)/segreg-fuzz replays inputs; build/fuzz/segreg-fuzz has libFuzzer and sanitizers, and invents them.
## fuzz-build - the program that make fuzz runs
fuzz-build:
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang FUZZER=1 SAN=fuzzer-no-link,address,undefined \
	    CFLAGS='-O1 -g -fno-sanitize-recover=all' build/fuzz/segreg-fuzz

# ---------------------------------------------------------------- coverage

## coverage - which lines and branches of lib/ the C tests run
groups-coverage := $(groups-check) coverage
coverage:
	@$(MAKE) --no-print-directory $(BUILD)/coverage/segreg-tests BUILD=$(BUILD)/coverage \
	    CFLAGS='-O0 -g --coverage -fprofile-update=atomic' LDFLAGS=--coverage
	@tests/coverage $(BUILD)/coverage
