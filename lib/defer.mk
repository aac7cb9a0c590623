# defer.mk - libsegreg-defer.so, which segctl defer preloads. It is not built with a sanitizer: the programs have none.

DEFER_SRC := $(sort $(wildcard lib/defer/*.c))
DEFER_OBJ := $(DEFER_SRC:%.c=$(BUILD)/obj/%.o)
DEFER_LIB := $(if $(SAN),,$(BUILD)/libsegreg-defer.so)

$(DEFER_OBJ): EXTRA = -iquote lib

# It loads libsegreg.so when a program needs it: from its own directory, which is BUILD, or from the one above.
$(BUILD)/libsegreg-defer.so: $(DEFER_OBJ) | $(BUILD)/libsegreg.so
	@echo "  LD      $@"
	$(Q)$(CC) -shared $(SEG_LDFLAGS) $(LDFLAGS) '-Wl,-rpath,$$ORIGIN:$$ORIGIN/..' -Wl,--enable-new-dtags \
	    -Wl,-z,defs -o $@ $(DEFER_OBJ)
