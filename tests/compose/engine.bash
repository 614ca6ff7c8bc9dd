# A Docker engine for the tests. Sourced. Where one runs, it is used; otherwise one is started, as root, with everything of its own
# (socket, data below $cache), and ended by engine_end, which takes back what it changed in the kernel's tables.
# shellcheck shell=bash
# shellcheck disable=SC2154 # $work is the directory for files of the caller

cache=${JETON_COMPOSE_CACHE:-/var/cache/jeton-compose}
engine_run=/run/jeton-compose
engine_pid=

say() { printf '%s\n' "$*"; }
fail() {
    printf 'compose: %s\n' "$*" >&2
    exit 1
}

# engine_install: what is missing of Docker, Compose and debootstrap, from Debian.
engine_install() {
    local missing=()
    command -v docker >/dev/null && { command -v dockerd >/dev/null || docker info >/dev/null 2>&1; } || missing+=(docker.io)
    compose_found || missing+=(docker-compose)
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || fail "${missing[*]} must be installed first, or this run as root."
    say "installing ${missing[*]}"
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 \
        install "${missing[@]}" iptables iproute2 cgroupfs-mount; } </dev/null >"$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log" >&2 && fail "${missing[*]} could not be installed."; }
}

compose_found() { command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1; }

engine_start() {
    if docker info >/dev/null 2>&1; then
        say "Using the Docker engine that runs here."
        return
    fi
    [ "$(id -u)" = 0 ] || fail "no Docker engine runs here, and starting one needs root."
    say "Starting a Docker engine."
    mkdir -p "$engine_run" "$cache"
    exec 8>"$cache/lock"
    flock -w 1200 8 || fail "another run of these tests has the engine."
    iptables-save >"$work/iptables" 2>/dev/null || true
    cat /proc/sys/net/ipv4/ip_forward >"$work/ip_forward"
    [ -e /sys/class/net/docker0 ] || touch "$work/no-docker0"
    # In a chroot, for example, there may be none.
    if [ ! -e /sys/fs/cgroup/cgroup.controllers ] && ! mountpoint -q /sys/fs/cgroup/memory && command -v cgroupfs-mount >/dev/null; then
        cgroupfs-mount && touch "$work/cgroups"
    fi
    # Not in this process group: an interrupt is for the tests, which end it in order.
    setsid dockerd --host "unix://$engine_run/docker.sock" --data-root "$cache/docker" --exec-root "$engine_run/exec" \
        --pidfile "$engine_run/dockerd.pid" </dev/null >"$work/dockerd.log" 2>&1 8>&- &
    engine_pid=$!
    export DOCKER_HOST=unix://$engine_run/docker.sock
    for _ in $(seq 300); do
        ! docker info >/dev/null 2>&1 || { engine_clean && return 0; }
        [ -e "/proc/$engine_pid" ] || break
        sleep 0.1
    done
    tail -n 20 "$work/dockerd.log" >&2
    fail "the Docker engine did not start; the end of its log is above."
}

# What a run that was killed has left in an engine that is ours alone. Images stay: they are the cache.
engine_clean() {
    local left
    left=$(docker ps -aq)
    # shellcheck disable=SC2086 # several ids
    if [ -n "$left" ]; then docker rm -f $left >/dev/null; fi
    docker network prune -f >/dev/null
    left=$(docker volume ls -q)
    # shellcheck disable=SC2086
    if [ -n "$left" ]; then docker volume rm $left >/dev/null; fi
}

# compose_v2: sets JETON_COMPOSE_V2 to a Compose of version 2, when Debian 13's can be had from this machine's mirror, for the tests only.
compose_v2() {
    local place=$cache/compose-v2 mirror apt
    if docker compose version >/dev/null 2>&1; then
        export JETON_COMPOSE_V2="docker compose"
        return
    fi
    if [ ! -x "$place/docker-compose" ]; then
        mkdir -p "$place" "$work"/apt/{lists,cache,parts}
        # shellcheck disable=SC2016 # apt's own variable
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1) || return 0
        printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' "$mirror" >"$work/apt/sources.list"
        apt=(-q -o "Dir::Etc::SourceList=$work/apt/sources.list" -o "Dir::Etc::SourceParts=$work/apt/parts" -o "Dir::Etc::PreferencesParts=$work/apt/parts"
            -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
        (cd "$work/apt" && apt-get "${apt[@]}" update && apt-get "${apt[@]}" download docker-compose && dpkg -x docker-compose_*.deb x) >"$work/apt.log" 2>&1 || return 0
        cp "$work/apt/x/usr/libexec/docker/cli-plugins/docker-compose" "$place/docker-compose" || return 0
    fi
    ! "$place/docker-compose" version >/dev/null 2>&1 || export JETON_COMPOSE_V2=$place/docker-compose
}

engine_end() {
    [ -n "$engine_pid" ] || return 0
    kill -TERM "$engine_pid" 2>/dev/null || true
    for _ in $(seq 300); do
        [ -e "/proc/$engine_pid" ] || break
        sleep 0.1
    done
    [ ! -e "/proc/$engine_pid" ] || kill -KILL "$engine_pid"
    wait "$engine_pid" 2>/dev/null || true
    engine_pid=
    unset DOCKER_HOST
    [ ! -e "$work/no-docker0" ] || ip link delete docker0 2>/dev/null || true
    local table
    for table in filter nat mangle raw; do
        # Restoring leaves alone what was not there at all.
        if ! grep -q "^\*$table" "$work/iptables" && iptables-save -t "$table" 2>/dev/null | grep -q DOCKER; then
            iptables -t "$table" -P FORWARD ACCEPT 2>/dev/null || true
            iptables -t "$table" -F && iptables -t "$table" -X
        fi
    done
    [ ! -s "$work/iptables" ] || iptables-restore <"$work/iptables"
    cat "$work/ip_forward" >/proc/sys/net/ipv4/ip_forward
    [ ! -e "$work/cgroups" ] || cgroupfs-umount || true
    rm -rf "$engine_run"
}
