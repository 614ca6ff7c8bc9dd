# What the local system is: its places, ports and processes. Sourced by run and stop; the caller is in the top of the tree.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2015 # used by those who source this

top=$PWD
var=$top/var
bin=$top/build/bin
services=(issuer validator admin auditor gateway)
say() { printf '%s\n' "$*"; }

# fail SENTENCE: what happened and what to do.
fail() {
    printf 'make: %s\n' "$*" >&2
    exit 1
}

port_base=${JETON_PORT_BASE:-7100}
if ! [[ $port_base =~ ^[0-9]{4,5}$ ]] || [ "$port_base" -lt 1023 ] || [ "$port_base" -gt 65440 ]; then
    fail "JETON_PORT_BASE is $port_base: give a number from 1023 to 65440."
fi
# Of each process its RPC, and of the gateway: HTTPS, HTTP that refuses, forward-auth for proxies, metrics and health. Of the sample: nginx, and the API.
declare -A port=([issuer]=$((port_base + 1)) [validator]=$((port_base + 2)) [admin]=$((port_base + 3)) [auditor]=$((port_base + 4))
    [gateway]=$((port_base + 5)) [https]=$((port_base + 43)) [http]=$((port_base + 80)) [proxy]=$((port_base + 81)) [status]=$((port_base + 90))
    [sample]=$((port_base + 44)) [api]=$((port_base + 88)))
public_url=https://localhost:${port[https]}

# wait_until SECONDS COMMAND...: poll until the command succeeds.
wait_until() {
    local tries=$(($1 * 20))
    shift
    until "$@"; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}

# write_if_changed FILE: standard input becomes the file's content; its time stays when nothing changed.
write_if_changed() {
    cat >"$1.new"
    if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

# only_one: one run or stop at a time in a tree. The lock is descriptor 9; what is left running must not inherit it.
only_one() {
    mkdir -p "$var" 2>/dev/null || true
    [ -w "$var" ] && [ -O "$var" ] ||
        fail "$var belongs to another user: run make as that user, or stop the system as that user and remove $var."
    exec 9>"$var/lock"
    flock -w 120 9 || fail "another make run or make stop has been at work in this tree for two minutes; wait for it, or end it."
}
