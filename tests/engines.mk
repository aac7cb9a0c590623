# engines.mk - the tests of the file systems for RocksDB and LevelDB.

ENGINE_CHECKS := $(ENGINES:%=$(BUILD)/segreg-check-%)
ENGINE_SOAKS  := $(ENGINES:%=$(BUILD)/segreg-soak-%)
ENGINE_TESTS  := $(strip $(ENGINE_CHECKS) $(ENGINE_SOAKS))

.PHONY: engines

# As users have it: with the shared libraries.
link_engine = $(Q)$(CXX) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -lsegreg-$* -lsegreg -l$* \
    -Wl,-rpath,'$$ORIGIN'

# An engine's further tests are in check_ENGINE_PART.cc.
check_objs = $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard tests/engines/check_$(1)_*.cc))
$(foreach engine,$(ENGINES),$(eval $(BUILD)/segreg-check-$(engine): $(call check_objs,$(engine))))

$(ENGINE_CHECKS): $(BUILD)/segreg-check-%: $(BUILD)/obj/tests/engines/check_%.o $(BUILD)/libsegreg-%.so
	@echo "  LD      $@"
	$(link_engine)

$(ENGINE_SOAKS): $(BUILD)/segreg-soak-%: $(BUILD)/obj/tests/engines/soak.o $(BUILD)/obj/tests/engines/soak_roles.o \
                $(BUILD)/obj/tests/engines/soak_%.o $(BUILD)/libsegreg-%.so
	@echo "  LD      $@"
	$(link_engine)

# A prerequisite is read where it stands, so it stands behind the list.
check check-run: $(ENGINE_TESTS)

## engines - RocksDB and LevelDB: a writer, three kinds of readers and a sweeper, killed at random (SECONDS_: 60; SEED)
groups-engines := lib tools engines
engines: all $(ENGINE_TESTS)
	@tests/engines/run $(BUILD) $(or $(SECONDS_),60) $(SEED)
