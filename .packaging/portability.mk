# portability.mk - what programs that are compiled already rely on, other compilers, other machines.

ABI := .packaging/abi

.PHONY: abi-check abi-baseline clang aarch64-check

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
	@$(MAKE) --no-print-directory deps PACKAGES='$(PACKAGES) $(BENCH_PACKAGES) clang'
	@$(MAKE) --no-print-directory clang-check
	@$(MAKE) --no-print-directory check CC=clang BUILD=build/clang

# AARCH64_SUITES: suites of the C tests, for others than the script chooses.
aarch64-check:
	@$(MAKE) --no-print-directory deps PACKAGES='pkg-config gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm cpio'
	@.packaging/aarch64-check build/aarch64 $(AARCH64_SUITES)
