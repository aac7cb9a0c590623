# install.mk - make install, and make uninstall with the same settings. For packages that split it: install-lib (what
# programs need at run time), install-dev (what compiling them needs) and install-tools; and install-rocksdb and
# install-leveldb, each with -dev, for engines that were there when segreg was built. install-python is no part of
# make install: where python3 looks for packages depends on its version, and pip knows.
#
# Settings: DESTDIR, PREFIX, BINDIR, SBINDIR, LIBDIR, INCLUDEDIR, PKGCONFIGDIR, MANDIR, UNITDIR, SYSUSERSDIR,
#   TMPFILESDIR, COMPLETIONDIR, ZSHCOMPLETIONDIR, FISHCOMPLETIONDIR, PYTHONDIR, SHAREDIR,
#   DOCDIR.

PREFIX        ?= /usr/local
BINDIR        ?= $(PREFIX)/bin
SBINDIR       ?= $(PREFIX)/sbin
LIBDIR        ?= $(PREFIX)/lib
INCLUDEDIR    ?= $(PREFIX)/include
PKGCONFIGDIR  ?= $(LIBDIR)/pkgconfig
MANDIR        ?= $(PREFIX)/share/man
UNITDIR       ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR   ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR   ?= $(PREFIX)/lib/tmpfiles.d
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPLETIONDIR  ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPLETIONDIR ?= $(PREFIX)/share/fish/vendor_completions.d
SHAREDIR      ?= $(PREFIX)/share/segreg
DOCDIR        ?= $(PREFIX)/share/doc/segreg
PYTHONDIR     ?= $(PREFIX)/lib/python3/dist-packages
# segctl looks there for what segctl defer preloads.
DEFERDIR      := $(abspath $(BINDIR)/../lib/segreg)

# Man pages, with a link for each further name that a page's NAME section gives.
man_dir = $(MANDIR)/man$(patsubst .%,%,$(suffix $(1)))
man_names = $(addsuffix $(suffix $(1)),$(shell awk '/^\.Sh/ { names = $$2 == "NAME" } \
        names && $$1 == ".Nm" { print $$2 }' $(1)))
man_page = 644:$(1):$(call man_dir,$(1))/$(notdir $(1)) \
        $(foreach name,$(filter-out $(notdir $(1)),$(call man_names,$(1))), \
            link:$(notdir $(1)):$(call man_dir,$(1))/$(name))
if_there = $(if $(wildcard $(2)),$(1):$(2):$(3))

# What is installed: MODE:FILE:DESTINATION, link:TARGET:DESTINATION, or text:FILE:DESTINATION for a text that says where
# things are and is told so here.
LIB_PART = 755:$(BUILD)/$(SO):$(LIBDIR)/$(SO) link:$(SO):$(LIBDIR)/$(SONAME)
DEV_PART = 644:include/segreg.h:$(INCLUDEDIR)/segreg.h \
        644:include/segreg.hpp:$(INCLUDEDIR)/segreg.hpp \
        644:$(BUILD)/libsegreg.a:$(LIBDIR)/libsegreg.a \
        link:$(SONAME):$(LIBDIR)/libsegreg.so \
        text:lib/segreg.pc.in:$(PKGCONFIGDIR)/segreg.pc \
        $(foreach page,$(wildcard lib/man/*.3),$(call man_page,$(page)))
engine_part = 755:$(BUILD)/$(call engine_so,$(1)):$(LIBDIR)/$(call engine_so,$(1)) \
        link:$(call engine_so,$(1)):$(LIBDIR)/libsegreg-$(1).so.$(SOVERSION)
engine_dev_part = 644:include/segreg-$(1).h:$(INCLUDEDIR)/segreg-$(1).h \
        link:libsegreg-$(1).so.$(SOVERSION):$(LIBDIR)/libsegreg-$(1).so
ENGINES_PART = $(foreach engine,$(ENGINES),$(call engine_part,$(engine)) $(call engine_dev_part,$(engine)))
TOOLS_PART = 755:$(BUILD)/segctl:$(BINDIR)/segctl \
        755:$(BUILD)/segregd:$(SBINDIR)/segregd \
        $(if $(DEFER_LIB),755:$(DEFER_LIB):$(DEFERDIR)/libsegreg-defer.so) \
        $(foreach page,$(wildcard lib/man/*.7 daemon/*/*.[158]),$(call man_page,$(page))) \
        $(call if_there,text,daemon/segregd/segregd.service,$(UNITDIR)/segregd.service) \
        $(call if_there,644,daemon/segregd/segreg.sysusers,$(SYSUSERSDIR)/segreg.conf) \
        $(call if_there,644,daemon/segregd/segreg.tmpfiles,$(TMPFILESDIR)/segreg.conf) \
        $(call if_there,644,daemon/segctl/segctl.bash,$(COMPLETIONDIR)/segctl) \
        $(call if_there,text,daemon/segctl/segctl.zsh,$(ZSHCOMPLETIONDIR)/_segctl) \
        $(call if_there,text,daemon/segctl/segctl.fish,$(FISHCOMPLETIONDIR)/segctl.fish) \
        $(call if_there,644,daemon/segregd/segregd.conf,$(SHAREDIR)/segregd.conf) \
        $(foreach file,$(wildcard daemon/monitoring/*),644:$(file):$(SHAREDIR)/monitoring/$(notdir $(file))) \
        $(foreach file,$(wildcard tests/examples/*),644:$(file):$(DOCDIR)/examples/$(notdir $(file)))
PYTHON_PART = $(foreach file,$(wildcard lib/python/segreg/*.py) lib/python/segreg/py.typed, \
            644:$(file):$(PYTHONDIR)/segreg/$(notdir $(file))) \
        text:lib/python/METADATA.in:$(PYTHONDIR)/segreg-$(VERSION).dist-info/METADATA \
        $(call man_page,lib/python/segreg-python.7)

below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
located = sed -e 's|@VERSION@|$(VERSION)|' -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(call below_prefix,$(LIBDIR))|' \
        -e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|' -e 's|/usr/sbin/segregd|$(SBINDIR)/segregd|' \
        -e 's|/usr/share/bash-completion/completions/|$(COMPLETIONDIR)/|'

# A subshell per entry: $1 how, $2 what, $3 where to.
place = umask 022; for entry in $(1); do ( IFS=:; set -- $$entry; to="$(DESTDIR)$$3"; \
        mkdir -p "$${to%/*}" && case $$1 in \
        link) ln -sf "$$2" "$$to" ;; \
        text) rm -f "$$to" && $(located) "$$2" >"$$to" ;; \
        *) install -m "$$1" "$$2" "$$to" ;; esac ) || exit; done

.PHONY: install install-lib install-dev install-tools install-python uninstall
.PHONY: install-rocksdb install-rocksdb-dev install-leveldb install-leveldb-dev

## install - install what is built, below /usr/local or as .packaging/install.mk says
## install-lib - of that the shared library alone
## install-dev - of that the headers, the static library, the manual of the calls
## install-tools - of that segregd, segctl, and the library that segctl defer preloads
## install-rocksdb - of that the library for RocksDB, if RocksDB was there when segreg was built
## install-rocksdb-dev - of that its header
## install-leveldb - of that the library for LevelDB, if LevelDB was there when segreg was built
## install-leveldb-dev - of that its header
INSTALL_PARTS = install-lib install-dev install-tools \
        $(foreach engine,$(ENGINES),install-$(engine) install-$(engine)-dev)
install: $(INSTALL_PARTS)

# All of it is built before any of it is installed: a build that fails leaves what was installed alone.
$(if $(filter install,$(MAKECMDGOALS)),$(eval $(INSTALL_PARTS): $(PRODUCTS)))

install-lib: $(BUILD)/libsegreg.so
	@echo "  INSTALL $(DESTDIR)$(LIBDIR)/$(SO)"
	$(Q)$(call place,$(LIB_PART))

install-dev: $(BUILD)/libsegreg.a
	@echo "  INSTALL $(DESTDIR)$(INCLUDEDIR)/segreg.h"
	$(Q)$(call place,$(DEV_PART))

install-tools: $(BUILD)/segctl $(BUILD)/segregd $(DEFER_LIB)
	@echo "  INSTALL $(DESTDIR)$(BINDIR)/segctl $(DESTDIR)$(SBINDIR)/segregd"
	$(Q)$(call place,$(TOOLS_PART))

## install-python - the Python package, into PYTHONDIR: Debian's by default. Other systems: pip install ./lib/python
install-python:
	@echo "  INSTALL $(DESTDIR)$(PYTHONDIR)/segreg"
	$(Q)$(call place,$(PYTHON_PART))

install-rocksdb install-leveldb: install-%: $(BUILD)/libsegreg-%.so
	@echo "  INSTALL $(DESTDIR)$(LIBDIR)/$(call engine_so,$*)"
	$(Q)$(call place,$(call engine_part,$*))

install-rocksdb-dev install-leveldb-dev: install-%-dev: $(BUILD)/libsegreg-%.so
	@echo "  INSTALL $(DESTDIR)$(INCLUDEDIR)/segreg-$*.h"
	$(Q)$(call place,$(call engine_dev_part,$*))

## uninstall - with the same settings, take away what was installed
uninstall:
	$(Q)for entry in $(LIB_PART) $(DEV_PART) $(TOOLS_PART) $(ENGINES_PART) $(PYTHON_PART); do \
	    rm -f "$(DESTDIR)$${entry##*:}" || exit; done
