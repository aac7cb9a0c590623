# portability.mk - what programs that are compiled already rely on, other compilers, other machines.

ABI := .packaging/abi

.PHONY: abi-check abi-baseline clang

abi-check:
	@$(MAKE) --no-print-directory deps PACKAGES='$(PACKAGES) abigail-tools'
	@$(MAKE) --no-print-directory $(BUILD)/libsegreg.so
	@tests/package/abi.sh $(BUILD)

# At a release: from here on this is what must not change. Debian's compiler and options, since abidw reads debug information.
abi-baseline: $(BUILD)/libsegreg.so
	@cp include/segreg.h $(ABI)/segreg.h
	@abidw --exported-interfaces-only --headers-dir include --drop-private-types --no-corpus-path --no-comp-dir-path \
	    --no-show-locs --no-elf-needed --no-parameter-names --out-file $(ABI)/$(SONAME).abi $<

clang:
	@$(MAKE) --no-print-directory deps PACKAGES='$(PACKAGES) clang'
	@$(MAKE) --no-print-directory check CC=clang BUILD=build/clang
