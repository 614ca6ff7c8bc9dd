# Jeton's processes in the local system. Sourced after system.bash. A process's pid file is var/run/<name>.pid, its log
# var/log/<name>.log, its settings var/<name>.conf.
# shellcheck shell=bash
# shellcheck disable=SC2154 # from system.bash

# service_pid NAME: prints the process id when the process runs and is ours.
service_pid() {
    local pid exe
    pid=$(cat "$var/run/$1.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
    exe=$(readlink "/proc/$pid/exe") || return 1
    # A program that was built again since is shown as deleted.
    [ "${exe% (deleted)}" = "$bin/jeton-$1" ] || return 1
    printf '%s\n' "$pid"
}

# service_old NAME: was the program, its settings or its certificate changed after the process began?
service_old() {
    [ "$bin/jeton-$1" -nt "$var/run/$1.pid" ] || [ "$var/$1.conf" -nt "$var/run/$1.pid" ] ||
        { [ "$1" = gateway ] && [ "$var/keys/tls.pem" -nt "$var/run/$1.pid" ]; }
}

# service_stop NAME: as make stop does it: it drains, within its drain_timeout_ms. Fails when it was not running.
service_stop() {
    local pid
    if ! pid=$(service_pid "$1"); then
        rm -f "$var/run/$1.pid"
        return 1
    fi
    kill -TERM "$pid"
    if ! wait_until 30 service_gone "$1"; then
        kill -KILL "$pid"
        wait_until 5 service_gone "$1" || fail "jeton-$1 (process $pid) cannot be ended."
    fi
    rm -f "$var/run/$1.pid"
}

service_gone() { ! service_pid "$1" >/dev/null; }

# port_holder PORT: prints the process that listens on a port of 127.0.0.1, as far as one may see; fails when the port is free.
port_holder() {
    local hex inode
    printf -v hex ':%04X' "$1"
    inode=$(awk -v hex="$hex" '$4 == "0A" && substr($2, length($2) - 4) == hex { print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    [ -n "$inode" ] || return 1
    local fd pid
    for fd in /proc/[0-9]*/fd/*; do
        if [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ]; then
            pid=${fd#/proc/} pid=${pid%%/*}
            printf 'process %s, %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-60 | sed 's/ *$//')"
            return
        fi
    done
    printf 'a process of another user\n'
}

# port_must_be_free NAME: before the process is started.
port_must_be_free() {
    local holder which ports=("$1")
    [ "$1" != gateway ] || ports+=(https http proxy status)
    for which in "${ports[@]}"; do
        ! holder=$(port_holder "${port[$which]}") ||
            fail "port ${port[$which]}, for jeton-$1, is taken ($holder): end that, or choose other ports with JETON_PORT_BASE," \
                "as in \`JETON_PORT_BASE=7300 make run\`."
    done
}

# service_configure NAME: its settings file. Secrets are in files of their own, named here.
service_configure() {
    local name=$1 keys=$var/keys
    {
        printf 'bind = tcp://127.0.0.1:%s\n' "${port[$name]}"
        printf 'peers = %s\nkey = %s\n' "$keys/peers" "$keys/curve/$name.key"
        case $name in
        gateway) gateway_configure ;;
        *) printf 'database_url = %s\nissuer = %s\n' "$(url_of_role "jeton_$name")" "$public_url" ;;
        esac
        case $name in
        admin | validator | issuer) printf 'token_keys = %s\n' "$keys/token-check.keys" ;;
        esac
        case $name in
        admin | issuer) printf 'seal_keys = %s\n' "$keys/seal.keys" ;;
        auditor) printf 'checkpoint_key = %s\n' "$keys/checkpoint.key" ;;
        esac
        case $name in
        issuer | validator) printf 'journal_directory = %s\nauditor = tcp://127.0.0.1:%s\n' "$var/use-$name" "${port[auditor]}" ;;
        esac
    } | write_if_changed "$var/$name.conf"
}

# gateway_configure: what the gateway has besides, on standard output. Its clients' addresses are its own to tell: nobody is trusted but this host.
gateway_configure() {
    local name
    for name in issuer validator admin auditor; do printf '%s = tcp://127.0.0.1:%s\n' "$name" "${port[$name]}"; done
    printf 'public_url = %s\nbind_tls = 127.0.0.1:%s\nbind_plain = 127.0.0.1:%s\n' "$public_url" "${port[https]}" "${port[http]}"
    printf 'bind_proxy = 127.0.0.1:%s\nbind_status = 127.0.0.1:%s\n' "${port[proxy]}" "${port[status]}"
    printf 'certificate = %s\ncertificate_key = %s\n' "$var/keys/tls.pem" "$var/keys/tls.key"
}

# url_of_role ROLE: the owner's connection string, for a role, without the owner's password.
url_of_role() {
    case $pg_url in
    postgres://* | postgresql://*)
        local rest=${pg_url#*://} query=
        case $rest in *\?*) query=${rest#*\?} rest=${rest%%\?*} ;; esac
        case ${rest%%/*} in *@*) rest=${rest#*@} ;; esac
        query=$(tr '&' '\n' <<<"$query" | grep -vE '^(user|password|passfile)=|^$' | tr '\n' '&') || true
        printf 'postgresql://%s?%suser=%s\n' "$rest" "$query" "$1"
        ;;
    *)
        # Of a key that comes twice, libpq takes the last.
        sed -E "s/(^| )(password|passfile) *= *('([^'\\\\]|\\\\.)*'|[^ ]*)//g; s/\$/ user=$1/" <<<"$pg_url"
        ;;
    esac
}

# service_start NAME: in the background, in a session of its own, with an environment of its own: what is set for make is not for it.
service_start() {
    local name=$1 environment=(PATH="$PATH" HOME="${HOME:-/}" LANG=C.UTF-8 JETON_LOG_LEVEL="${JETON_LOG_LEVEL:-info}")
    port_must_be_free "$name"
    [ "$name" = gateway ] || environment+=(JETON_DATABASE_PASSWORD_FILE="$var/keys/database-$name")
    env -i "${environment[@]}" \
        setsid "$bin/jeton-$name" --config "$var/$name.conf" </dev/null >>"$var/log/$name.log" 2>&1 9>&- &
    printf '%s\n' "$!" >"$var/run/$name.pid"
    disown
}

# services_healthy: waits until all say that they are serving, or one of them has ended.
services_healthy() {
    local name
    wait_until 30 services_settled || true
    if services_serving; then return; fi
    for name in "${services[@]}"; do
        service_pid "$name" >/dev/null ||
            { tail -n 5 "$var/log/$name.log" >&2 && fail "jeton-$name did not start; the end of var/log/$name.log is above."; }
    done
    "$bin/jeton" health >&2 || true
    fail "not all processes are serving after 30 s; var/log has their logs."
}

services_serving() { "$bin/jeton" health >/dev/null 2>&1; }

services_settled() {
    local name
    for name in "${services[@]}"; do
        # By the process alone: what it runs is, in its first moments, still env or setsid.
        [ -e "/proc/$(cat "$var/run/$name.pid")" ] || return 0
    done
    services_serving
}
