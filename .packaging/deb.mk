# deb.mk - the Debian packages, built from a copy of this tree, and a system of their own to try them in.

# What the packages are made of; built files stay behind.
DEB_TREE := Makefile LICENSE README.md CHANGELOG.md lib daemon include tests bench .packaging
DEB_SUITE  ?= bookworm
DEB_MIRROR ?=

# make check has tested this tree; with DEB_OPTIONS= the packages' build does so once more.
DEB_OPTIONS ?= nocheck

.PHONY: deb deb-check systemd-check

## deb - the Debian packages, into BUILD/deb
groups-deb := $(groups-check) deb
deb:
	@rm -rf $(BUILD)/deb
	@mkdir -p $(BUILD)/deb/segreg-$(VERSION)
	@cp -a $(DEB_TREE) $(BUILD)/deb/segreg-$(VERSION)
	@cp -a .packaging/debian $(BUILD)/deb/segreg-$(VERSION)/debian
	@cd $(BUILD)/deb/segreg-$(VERSION) && \
	    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS DEB_BUILD_OPTIONS='$(DEB_OPTIONS)' \
	    dpkg-buildpackage --build=full --no-sign >../build.log 2>&1 || { tail -n 40 ../build.log >&2; exit 1; }
	@lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs \
	    $(BUILD)/deb/*.changes
	@rm -rf $(BUILD)/deb/segreg-$(VERSION)
	@ls -1 $(BUILD)/deb/*.deb

## deb-check - install and use these packages in a Debian of their own
groups-deb-check := $(groups-deb) debian
deb-check: deb
	@.packaging/deb-check $(BUILD) $(DEB_SUITE) '$(DEB_MIRROR)'

## systemd-check - try these packages in an emulated Debian whose process 1 is systemd
groups-systemd-check := $(groups-deb) debian machine
systemd-check: deb
	@.packaging/systemd-check $(BUILD) $(DEB_SUITE) '$(DEB_MIRROR)'
