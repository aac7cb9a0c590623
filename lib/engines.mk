# engines.mk - the file systems for RocksDB and LevelDB. Each is built only where its engine's headers are. It is not
# built with a sanitizer, since the engines have none.

CXXFLAGS ?= -O2 -g

has_header = $(shell printf '\#if __has_include(<$(1)>)\nyes\n\#endif\n' | \
        $(CXX) $(CPPFLAGS) -x c++ -E -P - 2>/dev/null)
ENGINES   := $(if $(call has_header,rocksdb/file_system.h),rocksdb) $(if $(call has_header,leveldb/env.h),leveldb)
ENGINES   := $(if $(SAN),,$(ENGINES))

CXX_WARN  := -Wall -Wextra -Wundef -Wcast-qual -Wformat=2 -Wno-unused-parameter
CXX_BASE  := -std=c++17 -D_GNU_SOURCE -Iinclude -Ilib/engines -fPIC -fvisibility=hidden -pthread $(CXX_WARN)
SEG_CXXFLAGS = $(CXX_BASE) '-ffile-prefix-map=$(CURDIR)=.' $(if $(WERROR),-Werror) $(CPPFLAGS)

ENGINE_LIBS := $(strip $(ENGINES:%=$(BUILD)/libsegreg-%.so))
engine_src   = lib/engines/discards.cc $(wildcard lib/engines/$(1).cc lib/engines/$(1)_*.cc)
engine_objs  = $(patsubst %.cc,$(BUILD)/obj/%.o,$(engine_src))
engine_so    = libsegreg-$(1).so.$(VERSION)

$(BUILD)/obj/%.o: %.cc $(BUILD)/flags | $(BUILD)/needs/lib
	@mkdir -p $(@D)
	@echo "  CXX     $<"
	$(Q)$(CXX) $(SEG_CXXFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

define engine_rules
$(BUILD)/libsegreg-$(1).so: $(call engine_objs,$(1)) $(BUILD)/libsegreg.so
	@echo "  LD      $$@"
	$$(Q)$$(CXX) -shared $$(SEG_LDFLAGS) $$(LDFLAGS) -Wl,-soname,libsegreg-$(1).so.$(SOVERSION) -Wl,-z,defs \
	    -o $(BUILD)/$(call engine_so,$(1)) $$(filter %.o,$$^) -L$(BUILD) -lsegreg -l$(1)
	$$(Q)ln -sf $(call engine_so,$(1)) $(BUILD)/libsegreg-$(1).so.$(SOVERSION) && \
	    ln -sf libsegreg-$(1).so.$(SOVERSION) $$@
endef
$(foreach engine,$(ENGINES),$(eval $(call engine_rules,$(engine))))
