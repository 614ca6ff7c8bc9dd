# Jeton. `make help` lists the targets; README.md says what they are for.
#
#   make CC=clang            another compiler
#   make SANITIZE=1 …        AddressSanitizer and UndefinedBehaviorSanitizer, in build/sanitize
#   make DEBUG=1 …           no optimisation
.DEFAULT_GOAL := all
SHELL   := /bin/bash
MAKEFLAGS += --no-print-directory

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
CLANG   ?= clang
PREFIX  ?= /usr/local
VERSION := $(shell cat deploy/VERSION)
BUILD   := build$(if $(SANITIZE),/sanitize)

PACKAGES := libzmq libczmq libprotobuf-c openssl libpq libsodium jansson zlib
# Only looked up when something is compiled, so that `make run` works before the packages are there.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
HTTP_LIBS  = $(eval HTTP_LIBS := $(shell pkg-config --libs libmicrohttpd gnutls))$(HTTP_LIBS)
PKG_LIBS   = $(eval PKG_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PKG_LIBS)

OPTIMISE := $(if $(DEBUG),-O0,$(if $(SANITIZE),-O1,-O2))
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wswitch-enum -Wvla -Wformat=2 -Wundef
ifdef SANITIZE
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
CPPFLAGS_ = -D_GNU_SOURCE -DJETON_VERSION='"$(VERSION)"' -I. -Ibuild/proto $(CPPFLAGS)
CFLAGS_   = -std=c17 $(OPTIMISE) -g $(WARNINGS) $(SANITIZERS) -fstack-protector-strong -fPIE -pthread $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_  = $(SANITIZERS) -pie -Wl,-z,relro,-z,now -pthread $(LDFLAGS)
DEPFLAGS  = -MMD -MP

# ---- what there is --------------------------------------------------------------------------------------------------
PROTOS   := $(wildcard proto/*.proto)
PB_C     := $(PROTOS:proto/%.proto=build/proto/%.pb-c.c)
PB_H     := $(PB_C:.c=.h)
PB_O     := $(PROTOS:proto/%.proto=$(BUILD)/proto/%.pb-c.o)
COMMON_C := $(wildcard common/*/*.c)
COMMON_O := $(COMMON_C:%.c=$(BUILD)/%.o)
LIBRARY  := $(BUILD)/libjeton.a

SERVICES := issuer validator admin auditor gateway
PROGRAMS := $(SERVICES:%=$(BUILD)/bin/jeton-%) $(BUILD)/bin/jeton
UNIT_C   := $(wildcard tests/unit/test_*.c)
# The admin process without its ends: tests stand in for the store, and begin the requests.
ADMIN_HANDLERS := $(patsubst %.c,%.o,$(filter-out $(addprefix services/admin/,main.c notice.c rights.c statements.c store%),$(wildcard services/admin/*.c)))
# The validator process without its main.
VALIDATOR_PARTS := $(patsubst %.c,%.o,$(filter-out %/main.c,$(wildcard services/validator/*.c)))
UNIT     := $(UNIT_C:%.c=$(BUILD)/%)
SUPPORT_C := $(filter-out %/clock_step.c,$(wildcard tests/scenario/*.c))
SUPPORT  := $(SUPPORT_C:%.c=$(BUILD)/%) $(BUILD)/tests/scenario/clock_step.so
BENCH    := $(addprefix $(BUILD)/tests/bench/,drive echo engine frames http_floor memory revoke sign tokens uses)
BENCH_O  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/*.c))
PROPERTY := $(BUILD)/tests/property/property
FUZZ_C   := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ     := $(FUZZ_C:tests/fuzz/%.c=build/fuzz/%)
FUZZ_SANITIZERS := address,undefined -fno-sanitize-recover=all
REPLAY   := $(FUZZ_C:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)
SOURCES  := $(shell find common services tests -name '*.c' -o -name '*.h' 2>/dev/null)

.PHONY: all programs tests help dependencies run stop check check-property check-faults soak check-model check-e2e check-compose lint format format-check sanitize valgrind fuzz bench bench-programs bench-compare install uninstall clean
.SECONDARY:
.DELETE_ON_ERROR:

all: programs

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

programs: $(PROGRAMS) ## build the programs into build/bin
	@:
tests: programs $(UNIT) $(SUPPORT) $(PROPERTY) $(REPLAY) build/python/made ## build programs and tests
	@:

# ---- generated code -------------------------------------------------------------------------------------------------
build/proto/%.pb-c.c build/proto/%.pb-c.h &: proto/%.proto $(PROTOS)
	@mkdir -p $(@D)
	@protoc-c --proto_path=proto --c_out=build/proto $<

build/python/made: $(PROTOS)
	@mkdir -p $(@D)
	@protoc --proto_path=proto --python_out=$(@D) $(PROTOS)
	@touch $@

# Generated code is not ours to warn about.
$(BUILD)/proto/%.o: build/proto/%.c $(PB_H)
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS_) $(CFLAGS_) -w $(DEPFLAGS) -c $< -o $@

# ---- compiling and linking ------------------------------------------------------------------------------------------
$(BUILD)/%.o: %.c $(PB_H) Makefile deploy/VERSION
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CPPFLAGS_) $(CFLAGS_) $(DEPFLAGS) -c $< -o $@

$(LIBRARY): $(PB_O) $(COMMON_O)
	@rm -f $@
	@ar rcs $@ $^

define PROGRAM
$(BUILD)/bin/$(1): $(patsubst %.c,$(BUILD)/%.o,$(wildcard services/$(2)/*.c)) $(LIBRARY)
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CC) $$(LDFLAGS_) $$^ $(if $(filter gateway,$(2)),$$(HTTP_LIBS)) $$(PKG_LIBS) -o $$@
endef
$(foreach s,$(SERVICES),$(eval $(call PROGRAM,jeton-$(s),$(s))))
$(eval $(call PROGRAM,jeton,cli))

# A unit test may name further objects it needs: lines `// objects: services/validator/decide.o …` in its source; or `$(ADMIN_HANDLERS)`, `$(VALIDATOR_PARTS)`, for those.
define UNIT_TEST
$(BUILD)/tests/unit/$(1): $(BUILD)/tests/unit/$(1).o $$(addprefix $(BUILD)/,$(shell sed -n 's,^// objects: ,,p' tests/unit/$(1).c)) $(LIBRARY)
	@echo "  LINK  $$@"
	@$(CC) $$(LDFLAGS_) $$^ $$(PKG_LIBS) $$$$(pkg-config --libs check) -lm -o $$@
endef
$(foreach t,$(UNIT_C:tests/unit/%.c=%),$(eval $(call UNIT_TEST,$(t))))

# Loaded into a process of ours, before everything else: so without sanitizers.
$(BUILD)/tests/scenario/clock_step.so: tests/scenario/clock_step.c
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) -std=c17 -D_GNU_SOURCE -O2 $(WARNINGS) -fPIC -shared $< -o $@

$(BUILD)/tests/scenario/%: $(BUILD)/tests/scenario/%.o $(LIBRARY)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_) $^ $(PKG_LIBS) -o $@

$(BUILD)/tests/bench/engine: $(addprefix $(BUILD)/services/validator/,cache.o cache_put.o unknown.o told.o decide.o dispatch.o hash_index.o modules.o policy.o stamps.o use.o validate.o check_jwt.o check_opaque.o introspect.o)
$(BUILD)/tests/bench/engine: private LDFLAGS += -Wl,--wrap=zmq_msg_send
$(BUILD)/tests/bench/memory: $(addprefix $(BUILD)/services/validator/,cache.o cache_put.o unknown.o told.o stamps.o hash_index.o policy.o modules.o decide.o)
$(BUILD)/tests/bench/sign: $(BUILD)/services/issuer/claims.o
$(BUILD)/tests/bench/http_floor: $(BUILD)/services/gateway/http_tls.o
$(BUILD)/tests/bench/http_floor: private LDFLAGS += -Wl,--no-as-needed $(HTTP_LIBS)

# What is no program is shared by them.
$(BENCH): %: %.o $(filter-out $(BENCH:=.o),$(BENCH_O)) $(LIBRARY)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_) $(filter %.o,$^) $(LIBRARY) $(PKG_LIBS) -lm -o $@

$(PROPERTY): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/property/*.c)) $(LIBRARY)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_) $^ $(PKG_LIBS) -o $@

# Each fuzz target is built twice: with libFuzzer (clang), and with a main that replays a corpus (any compiler). It may name further objects it needs, as a unit test does.
define FUZZ_OBJECTS
$(BUILD)/tests/fuzz/$(1): $(addprefix $(BUILD)/,$(2))
build/fuzz/$(1): $(addprefix build/fuzz/objects/,$(2))
endef
$(foreach t,$(FUZZ_C:tests/fuzz/%.c=%),$(eval $(call FUZZ_OBJECTS,$(t),$(shell sed -n 's,^// objects: ,,p' tests/fuzz/$(t).c))))

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(LIBRARY)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_) $(filter %.o,$^) $(filter %.a,$^) $(PKG_LIBS) -o $@

build/fuzz/objects/%.o: %.c $(PB_H) Makefile
	@mkdir -p $(@D)
	@$(CLANG) -std=c17 -O1 -g -w -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZERS) $(CPPFLAGS_) $(PKG_CFLAGS) -pthread $(DEPFLAGS) -c $< -o $@

build/fuzz/libjeton.a: $(addprefix build/fuzz/objects/,$(COMMON_C:.c=.o) $(PB_C:.c=.o))
	@rm -f $@
	@ar rcs $@ $^

build/fuzz/fuzz_%: build/fuzz/objects/tests/fuzz/fuzz_%.o build/fuzz/libjeton.a
	@echo "  FUZZ  $@"
	@$(CLANG) -fsanitize=fuzzer,$(FUZZ_SANITIZERS) -pthread $(filter %.o,$^) $(filter %.a,$^) $(PKG_LIBS) -o $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- using it -------------------------------------------------------------------------------------------------------
dependencies: ## install what building and testing need (Debian packages)
	@deploy/local/dependencies

run: ## build, start a local system, and show a token's life
	@deploy/local/dependencies
	@$(MAKE) -j$$(nproc) programs
	@deploy/local/run

stop: ## end the local system
	@deploy/local/stop

check: ## build and run every test
	@deploy/local/dependencies test
	@$(MAKE) -j$$(nproc) tests
	@tests/run $(BUILD) $(TESTS)

sanitize: ## every test under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) SANITIZE=1 check

valgrind: ## the main scenario with the processes under valgrind
	@deploy/local/dependencies test valgrind
	@$(MAKE) -j$$(nproc) tests
	@tests/run --valgrind $(BUILD) $(TESTS)

check-property: ## a million random steps against a model, while processes are killed (JETON_STEPS, JETON_SEED)
	@deploy/local/dependencies test
	@$(MAKE) -j$$(nproc) programs $(PROPERTY) build/python/made
	@JETON_BUILD=$(BUILD) JETON_STEPS=$${JETON_STEPS:-1000000} /usr/bin/python3 -B tests/scenario/s80_property.py

check-faults: ## processes killed and stopped, links cut, disks full …, each for long (20 minutes; FAULTS="word…": only those)
	@deploy/local/dependencies test
	@$(MAKE) -j$$(nproc) programs $(SUPPORT) build/python/made
	@JETON_BUILD=$(BUILD) FAULTS="$(FAULTS)" /usr/bin/python3 -B tests/scenario/s59_faults.py --full

soak: ## full load for SOAK_SECONDS (600): every answer right, each in the log, memory flat
	@deploy/local/dependencies test
	@$(MAKE) -j$$(nproc) programs $(SUPPORT) build/python/made
	@JETON_BUILD=$(BUILD) /usr/bin/python3 -B tests/scenario/soak.py

check-model: ## check the protocol of revocation with Spin, and that it finds each deliberate bug (FULL=1: all at once; long)
	@deploy/local/dependencies model
	@tests/model/run $(if $(FULL),--full)

.PHONY: import-million
import-million: ## how fast, and in how much memory, LINES tokens (1,000,000) are imported and exported
	@deploy/local/dependencies test
	@$(MAKE) -j$$(nproc) programs
	@/usr/bin/python3 -B tests/bulk/import.py $(LINES)

# The packages of npm that are tested with, as the lock has them; below build/, where NODE_PATH leads.
build/e2e/node_modules/.package-lock.json: tests/e2e/package.json tests/e2e/package-lock.json tests/e2e/.npmrc
	@mkdir -p build/e2e
	@cp $^ build/e2e
	@cd build/e2e && npm ci --loglevel=error >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
	@touch $@

check-e2e: ## clients that others wrote: openid-client, Chromium, curl (TESTS="name…": only those)
	@deploy/local/dependencies test e2e
	@$(MAKE) -j$$(nproc) programs build/python/made build/e2e/node_modules/.package-lock.json
	@tests/run --e2e $(BUILD) $(TESTS)

check-compose: ## bring docker-compose.yml up for real, and test it (as root, unless a Docker engine runs)
	@deploy/local/dependencies test
	@$(MAKE) -j$$(nproc) build/python/made $(BUILD)/tests/scenario/load
	@tests/compose/run

fuzz: ## fuzz each target for FUZZ_SECONDS (60, shared among them), from the corpus
	@deploy/local/dependencies lint
	@$(MAKE) -j$$(nproc) $(FUZZ)
	@tests/fuzz/run $${FUZZ_SECONDS:-60} $(FUZZ)

bench-programs: programs $(BENCH)
	@:

bench: ## measure it, beside floors of the same machine (ROWS="name…", BENCH_SECONDS; tests/bench/README.md)
	@deploy/local/dependencies test bench
	@$(MAKE) -j$$(nproc) bench-programs
	@JETON_BUILD=$(BUILD) tests/bench/run $(ROWS)

bench-compare: ## two results of make bench, row by row (OLD=… NEW=…)
	@tests/bench/run --compare $(OLD) $(NEW)

lint: ## clang-tidy, cppcheck, shellcheck, format-check
	@deploy/local/dependencies lint
	@$(MAKE) format-check
	@$(MAKE) -s $(PB_H)
	@tests/lint $(filter %.c,$(SOURCES))

format: ## clang-format
	@clang-format -i $(SOURCES)

format-check:
	@clang-format --dry-run -Werror $(SOURCES)

# Where the shells look for completion: zsh of packages' elsewhere than of what was installed by hand.
SHARE    := $(DESTDIR)$(PREFIX)/share
BASH_DIR := $(SHARE)/bash-completion/completions
ZSH_DIR  := $(SHARE)/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
MAN_DIR  := $(SHARE)/man/man1

install: programs ## install into $(DESTDIR)$(PREFIX)
	@install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/jeton/schema $(SHARE)/jeton/proto $(BASH_DIR) $(ZSH_DIR) $(MAN_DIR)
	@install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	@install -m 644 deploy/schema/*.sql $(SHARE)/jeton/schema
	@install -m 644 proto/*.proto proto/README.md $(SHARE)/jeton/proto
	@$(BUILD)/bin/jeton completion bash | install -m 644 /dev/stdin $(BASH_DIR)/jeton
	@$(BUILD)/bin/jeton completion zsh | install -m 644 /dev/stdin $(ZSH_DIR)/_jeton
	@$(BUILD)/bin/jeton help --man | install -m 644 /dev/stdin $(MAN_DIR)/jeton.1

uninstall: ## remove what make install has put there
	@rm -f $(PROGRAMS:$(BUILD)/%=$(DESTDIR)$(PREFIX)/%) $(BASH_DIR)/jeton $(ZSH_DIR)/_jeton $(MAN_DIR)/jeton.1
	@rm -rf $(SHARE)/jeton

clean: ## remove build/
	@rm -rf build
