# SPDX-License-Identifier: Apache-2.0
#
# What the application adds to ../Makefile, which includes this.
#
# make app APP_VARIANT=bad-selftest     an application that fails its self-test, so that it cannot be confirmed
# make app APP_VARIANT=silent           one that starts and never answers
# make app APP_VARIANT=big              one with APP_FILL bytes of fill
# make app APP_VARIANT=stuck-random     one whose noise source stands still
# make app APP_VARIANT=biased-random    one whose noise source says the same two times in three
# make app APP_VARIANT=self-enrolling   one that enrols itself at start: app/self_enrol.c

# Makes the whole about 60 KiB.
APP_FILL := 26624

APP_EXTRA :=
APP_VARIANT_FLAGS_bad-selftest := -DAPP_BAD_SELFTEST=1
APP_VARIANT_FLAGS_silent := -DAPP_SILENT=1
APP_VARIANT_FLAGS_big := -DAPP_BIG=1
APP_VARIANT_FLAGS_stuck-random := -DAPP_RANDOM_STUCK=1
APP_VARIANT_FLAGS_biased-random := -DAPP_RANDOM_BIASED=1
APP_VARIANT_FLAGS_self-enrolling := -DAPP_SELF_ENROL=1
APP_VARIANTS := bad-selftest silent big stuck-random biased-random self-enrolling

ifneq ($(filter-out $(APP_VARIANTS),$(APP_VARIANT)),)
  $(error no APP_VARIANT $(APP_VARIANT); there are $(APP_VARIANTS))
endif

APP_CFLAGS += -DAPP_CHIP='"$(CHIP)"' -DAPP_CORE='"$(CORE)"' $(APP_VARIANT_FLAGS_$(APP_VARIANT))

ifeq ($(APP_VARIANT),big)
$(OUT)/app.o/fill.o: ../common/fill.S app/app.mk $(OUT)/app.o/flags
	@echo "  FILL  $@"
	$(QUIET)$(CROSS)gcc -mcpu=$(CORE) -mthumb -DFILL_BYTES=$(APP_FILL) -c -o $@ $<

APP_EXTRA := $(OUT)/app.o/fill.o
endif
