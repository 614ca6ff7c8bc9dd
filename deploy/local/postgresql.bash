# The private PostgreSQL cluster of the local system: on a Unix socket only, in var/postgresql. Sourced after system.bash.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # from system.bash, and for those who source this

pg_log=$var/log/postgresql.log
pg_home=$(realpath -m "$var/postgresql") # without the link: PostgreSQL's user may not be able to follow it
pg_data=$pg_home/data

# as_pg COMMAND...: as the user that PostgreSQL runs as, for it refuses root. Run in the background, this is the command's own process.
as_pg() {
    cd /
    if [ "$(id -u)" != 0 ]; then
        exec env -i PATH="$PATH" LC_ALL=C.UTF-8 "$@"
    fi
    exec env -i PATH="$PATH" LC_ALL=C.UTF-8 setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
}

# pg_program NAME: the path of one of PostgreSQL's programs, of the newest version; Debian does not put them on the PATH.
pg_program() {
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1)
    [ -x "$found" ] || found=$(command -v "$1") || fail "PostgreSQL's $1 is not installed; make dependencies installs it."
    printf '%s\n' "$found"
}

# pg_place: make var/postgresql, where PostgreSQL's user can reach it. Root's home, for one, is closed to that user: the cluster
# is in /var/lib/jeton then, and var/postgresql a link to it.
pg_place() {
    [ ! -d "$var/postgresql/" ] || return 0
    rm -f "$var/postgresql" # a link to what is gone
    mkdir -m 700 "$var/postgresql"
    if [ "$(id -u)" = 0 ]; then
        id postgres >/dev/null 2>&1 || fail "there is no user postgres for PostgreSQL to run as; run make as an ordinary user instead."
        chown postgres: "$var/postgresql"
        if ! (as_pg test -w "$var/postgresql"); then
            local place
            place=/var/lib/jeton/$(printf %s "$top" | sha256sum | cut -c 1-12)
            rmdir "$var/postgresql"
            mkdir -p "$place"
            chmod 755 /var/lib/jeton
            chmod 700 "$place"
            chown postgres: "$place"
            ln -s "$place" "$var/postgresql"
        fi
    fi
    pg_home=$(realpath "$var/postgresql")
    pg_data=$pg_home/data
}

# pg_socket_directory: where the socket is. Its path may have 107 bytes, and a blank in it would have to be quoted in many places: a tree that
# lies deeper, or has one, has its socket elsewhere.
pg_socket_directory() {
    local directory=$pg_home/socket
    if [ ${#directory} -gt 80 ] || [[ $directory == *[^A-Za-z0-9/._+-]* ]]; then
        directory=/tmp/jeton-$(id -u)-$(printf %s "$top" | sha256sum | cut -c 1-12)
    fi
    printf '%s\n' "$directory"
}

pg_running() {
    local pid
    pid=$(head -n 1 "$pg_data/postmaster.pid" 2>/dev/null) || return 1
    [[ $(readlink "/proc/$pid/exe") == */postgres* && $(readlink "/proc/$pid/cwd") == "$(realpath "$pg_data")" ]]
}

# pg_start: make the cluster if there is none, start it if it is not running, and set pg_url: that of the owner, who needs no password
# because the socket tells who calls. Everyone else has one.
pg_start() {
    local me socket
    me=$(id -un)
    pg_place
    socket=$(pg_socket_directory)
    pg_url="host=$socket dbname=jeton user=jeton"
    if [ ! -e "$pg_data/PG_VERSION" ]; then
        say "Making a private PostgreSQL cluster in var/postgresql."
        rm -rf "$pg_home/new"
        (as_pg "$(pg_program initdb)" -D "$pg_home/new" --username=jeton --encoding=UTF8 --locale=C.UTF-8 \
            --auth-local=peer --auth-host=reject) >"$pg_log" 2>&1 ||
            { cat "$pg_log" >&2 && fail "PostgreSQL's initdb failed; what it said is above."; }
        # The modes of the files stay as initdb has set them.
        printf 'local all jeton peer map=owner\nlocal all all scram-sha-256\n' >"$pg_home/new/pg_hba.conf"
        printf 'owner %s jeton\n' "$me" >"$pg_home/new/pg_ident.conf"
        mv "$pg_home/new" "$pg_data"
    fi
    if ! pg_running; then
        say "Starting PostgreSQL."
        (as_pg mkdir -p "$socket")
        [ "$(stat -c %U "$socket")" = "$(stat -c %U "$pg_home")" ] || fail "$socket belongs to another user: remove it."
        as_pg setsid "$(pg_program postgres)" -D "$pg_data" -c listen_addresses= -c unix_socket_directories="$socket" \
            -c max_connections=200 -c shared_buffers=64MB </dev/null >>"$pg_log" 2>&1 9>&- &
        disown
    fi
    if ! wait_until 60 psql_owner postgres -c 'select 1' 2>/dev/null >&2; then
        tail -n 10 "$pg_log" >&2
        fail "PostgreSQL did not start; the end of var/log/postgresql.log is above."
    fi
    [ -n "$(psql_owner postgres -c "select 1 from pg_database where datname = 'jeton'")" ] ||
        psql_owner postgres -c 'create database jeton' >/dev/null
}

psql_owner() {
    PGCONNECT_TIMEOUT=5 psql -XAtq "host=$(pg_socket_directory) dbname=$1 user=jeton" "${@:2}"
}

# pg_stop: an orderly end, after which nothing has to be recovered.
pg_stop() {
    pg_running || return 1
    local pid
    pid=$(head -n 1 "$pg_data/postmaster.pid")
    kill -INT "$pid"
    wait_until 30 pg_gone "$pid" ||
        fail "PostgreSQL (process $pid) does not end; var/log/postgresql.log may say why."
    [ "$(pg_socket_directory)" = "$pg_home/socket" ] || rmdir "$(pg_socket_directory)" 2>/dev/null || true
}

pg_gone() { [ ! -e "/proc/$1" ]; }
