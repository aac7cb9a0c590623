# bench.mk - the measurements.

BENCH_SRC  := $(sort $(wildcard bench/*.c bench/*/*.c))
BENCH_OBJ  := $(BENCH_SRC:%.c=$(BUILD)/obj/%.o)
BENCH_LIBS  = $(call pc,--libs,liburcu ck) -lurcu-memb -ldl -lm
RUSTC      ?= $(shell command -v rustc)

.PHONY: bench bench-publish

$(BENCH_OBJ): | $(BUILD)/needs/tools $(BUILD)/needs/bench
$(BENCH_OBJ): EXTRA = -iquote bench $(CTL_CFLAGS)

$(BUILD)/segreg-bench: $(BENCH_OBJ) $(BUILD)/libsegreg.a
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(CTL_LIBS) $(BENCH_LIBS)

# The loop of pins once more, as users have it: with the shared library.
$(BUILD)/segreg-bench-loop.so: $(BUILD)/obj/bench/peers/loop.o $(BUILD)/libsegreg.so
	@echo "  LD      $@"
	$(Q)$(CC) -shared $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $< -L$(BUILD) -lsegreg -Wl,-rpath,'$$ORIGIN'

# The in-process original in Rust, if there is a compiler that can; the bench says when there was none.
$(BUILD)/segreg-bench-original.so: bench/peers/original.rs
	@mkdir -p $(@D)
	@echo "  RUSTC   $@"
	$(Q)env -u MAKEFLAGS $(RUSTC) --crate-type=cdylib -C opt-level=3 -C panic=abort -o $@ $< || rm -f $@

# Engines that write, each with its own library, if they are there; the bench says when one was not.
ENGINE_BENCHES := $(strip $(ENGINES:%=$(BUILD)/segreg-bench-%.so))
$(ENGINES:%=$(BUILD)/obj/bench/peers/%.o): CXX_BASE += -iquote bench
$(ENGINE_BENCHES): $(BUILD)/segreg-bench-%.so: $(BUILD)/obj/bench/peers/%.o $(BUILD)/libsegreg-%.so
	@echo "  LD      $@"
	$(Q)$(CXX) -shared $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $< -L$(BUILD) -lsegreg-$* -l$* \
	    -Wl,--no-as-needed -lsegreg -Wl,-rpath,'$$ORIGIN'

##: QUESTIONS - which questions the bench asks (build/segreg-bench -h lists them); QUICK=1: under a minute
## bench - measure beside the peers, and draw: BUILD/bench
groups-bench := lib tools bench engines
bench: all $(BUILD)/segreg-bench $(BUILD)/segreg-bench-loop.so $(ENGINE_BENCHES) \
                $(if $(RUSTC),$(BUILD)/segreg-bench-original.so)
	@mkdir -p $(BUILD)/bench
	@rm -f $(BUILD)/bench/*
	@$(BUILD)/segreg-bench -o $(BUILD)/bench $(QUESTIONS)
	@bench/plots/draw $(BUILD)/bench

## bench-publish - the last run's results into README.md and bench/README.md
bench-publish:
	@bench/publish $(BUILD)/bench
