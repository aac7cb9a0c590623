# lib.mk - the library, and the library once more for the tests.

SOVERSION := $(firstword $(subst ., ,$(VERSION)))
SO        := libsegreg.so.$(VERSION)
SONAME    := libsegreg.so.$(SOVERSION)

LIB_SRC  := $(sort $(filter-out lib/defer/%,$(wildcard lib/*.c lib/*/*.c)))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
TLIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/testing/%.o)
LIB_LIBS  = $(call pc,--libs,lmdb)

$(LIB_OBJ): EXTRA = -iquote lib

$(BUILD)/libsegreg.a: $(LIB_OBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/$(SO): $(LIB_OBJ) lib/libsegreg.map
	@echo "  LD      $@"
	$(Q)$(CC) -shared $(SEG_LDFLAGS) $(LDFLAGS) -Wl,-soname,$(SONAME) -Wl,--version-script=lib/libsegreg.map \
	    $(if $(SAN),,-Wl,-z,defs) -o $@ $(LIB_OBJ) $(LIB_LIBS)

$(BUILD)/libsegreg.so: $(BUILD)/$(SO)
	$(Q)ln -sf $(SO) $(BUILD)/$(SONAME) && ln -sf $(SONAME) $@

# The library once more with stop points, failing system calls and lock-order checks compiled in, for the tests.
$(BUILD)/libsegreg-testing.a: $(TLIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
