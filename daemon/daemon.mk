# daemon.mk - segregd and segctl.

DAE_SRC    := $(sort $(wildcard daemon/segregd/*.c daemon/common/*.c))
DAE_OBJ    := $(DAE_SRC:%.c=$(BUILD)/obj/%.o)
DAE_CFLAGS  = $(call pc,--cflags,libsystemd)
DAE_LIBS    = $(call pc,--libs,libsystemd)

CTL_SRC    := $(sort $(wildcard daemon/segctl/*.c daemon/common/*.c))
CTL_OBJ    := $(CTL_SRC:%.c=$(BUILD)/obj/%.o)
CTL_CFLAGS  = $(call pc,--cflags,smartcols ncursesw)
CTL_LIBS    = $(call pc,--libs,smartcols ncursesw)

TOOL_LIB  := $(BUILD)/libsegreg.$(if $(SHARED),so,a)
TOOL_LIBS  = $(if $(SHARED),,$(LIB_LIBS))

$(DAE_OBJ) $(CTL_OBJ): | $(BUILD)/needs/tools
$(DAE_OBJ): EXTRA = -iquote daemon $(DAE_CFLAGS)
$(CTL_OBJ): EXTRA = -iquote daemon $(CTL_CFLAGS)

$(BUILD)/segregd: $(DAE_OBJ) $(TOOL_LIB)
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS) $(DAE_LIBS)

$(BUILD)/segctl: $(CTL_OBJ) $(TOOL_LIB)
	@echo "  LD      $@"
	$(Q)$(CC) $(SEG_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS) $(CTL_LIBS)
