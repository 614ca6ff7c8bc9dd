# The images that the tests need. Sourced after engine.bash. Those that were made here are listed in $made_images.
# shellcheck shell=bash
# shellcheck disable=SC2154 # from engine.bash

made_images=()

have_image() { docker image inspect "$1" >/dev/null 2>&1; }

# base_images: debian:bookworm-slim and postgres:15-bookworm: those that are there, or the registry's; made here where there is none.
base_images() {
    local image
    for image in debian:bookworm-slim postgres:15-bookworm; do
        if have_image "$image"; then
            [ -z "$(docker image inspect -f '{{index .Config.Labels "jeton.stand-in"}}' "$image" 2>/dev/null)" ] || made_images+=("$image")
        elif ! timeout 60 docker pull -q "$image" >/dev/null 2>&1; then
            say "No registry: making a $image of Debian's packages."
            made_images+=("$image")
            "make_${image%%:*}" "$image" >"$work/image.log" 2>&1 || { tail -n 20 "$work/image.log" >&2 && fail "$image could not be made."; }
        fi
    done
}

# As Debian makes it, but for the tool: minimal, without manuals and translations. It gets this machine's package sources, so that builds find
# the same mirror; what names them stays in the image.
make_debian() {
    local tar=$cache/debian-bookworm-slim.tar root
    mkdir -p "$cache"
    if [ ! -s "$tar" ]; then
        root=$(mktemp -d "$cache/debian.XXXXXX")
        debootstrap --variant=minbase bookworm "$root" || { rm -rf "$root" && return 1; }
        rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/cache/debconf/*-old "$root"/var/log/* "${root:?}"/dev/* \
            "$root"/usr/share/{man,info,locale,groff,lintian}/*
        find "$root/usr/share/doc" -type f ! -name copyright -delete
        tar -C "$root" -cf "$tar.new" . && mv "$tar.new" "$tar"
        rm -rf "$root"
    fi
    docker import --change 'CMD ["bash"]' --change 'LABEL jeton.stand-in=yes' "$tar" "$1-bare" || return 1
    local context=$work/debian
    mkdir -p "$context/etc"
    cp -rL --parents /etc/apt/sources.list* /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d /etc/apt/keyrings "$context" 2>/dev/null || true
    rm -f "$context"/etc/apt/apt.conf.d/20packagekit "$context"/etc/apt/apt.conf.d/50appstream "$context"/etc/apt/sources.list.d/*disabled*
    if [ -e "$context/etc/apt/sources.list.d/debian.sources" ] || [ -s "$context/etc/apt/sources.list" ]; then
        printf 'FROM %s-bare\nRUN rm -f /etc/apt/sources.list\nCOPY etc/ /etc/\n' "$1" >"$context/Dockerfile"
    else
        printf 'FROM %s-bare\n' "$1" >"$context/Dockerfile"
    fi
    docker build -q -t "$1" "$context" && docker rmi "$1-bare"
}

make_postgres() { docker build -q --label jeton.stand-in=yes -t "$1" tests/compose/postgres; }

# system_images: Jeton's own, as deploy/Dockerfile makes them, and that of a caller in another language.
system_images() {
    local target
    for target in issuer validator admin auditor gateway cli sample; do
        docker build -q -f deploy/Dockerfile --target "$target" -t "$JETON_IMAGE-$target:$JETON_VERSION" . >"$work/image.log" 2>&1 ||
            { tail -n 40 "$work/image.log" >&2 && fail "deploy/Dockerfile: the target $target could not be built."; }
        made_images+=("$JETON_IMAGE-$target:$JETON_VERSION")
    done
    mkdir -p "$work/client/proto"
    cp build/python/*_pb2.py "$work/client/proto"
    cp tests/e2e/client.py "$work/client"
    cp build/tests/scenario/load "$work/client"
    cp tests/compose/client.Dockerfile "$work/client/Dockerfile"
    docker build -q --build-arg "BASE=$JETON_IMAGE-cli:$JETON_VERSION" -t "$JETON_IMAGE-client:$JETON_VERSION" "$work/client" >"$work/image.log" 2>&1 ||
        { tail -n 40 "$work/image.log" >&2 && fail "the client's image could not be built."; }
    made_images+=("$JETON_IMAGE-client:$JETON_VERSION")
    # The same programs with one more migration: what a next version is to an upgrade.
    local last
    last=$(docker run --rm --entrypoint ls "$JETON_IMAGE-cli:$JETON_VERSION" /usr/share/jeton/schema | sort | tail -n 1)
    mkdir -p "$work/next"
    printf 'CREATE TABLE upgraded (yes boolean);\nINSERT INTO upgraded VALUES (true);\n' >"$work/next/$(printf %04d $((10#${last%%_*} + 1)))_next.sql"
    printf 'FROM %s\nCOPY *.sql /usr/share/jeton/schema/\n' "$JETON_IMAGE-cli:$JETON_VERSION" >"$work/next/Dockerfile"
    docker build -q -t "$JETON_IMAGE-cli:next" "$work/next" >"$work/image.log" 2>&1 || { tail -n 40 "$work/image.log" >&2 && fail "the next version's image could not be built."; }
    made_images+=("$JETON_IMAGE-cli:next")
    for target in issuer validator admin auditor gateway; do
        docker tag "$JETON_IMAGE-$target:$JETON_VERSION" "$JETON_IMAGE-$target:next"
        made_images+=("$JETON_IMAGE-$target:next")
    done
}

# remove_images: from somebody else's engine. One of our own keeps them, below $cache, for the next time.
remove_images() {
    [ -z "$engine_pid" ] || return 0
    # A stand-in would be taken for the real one.
    for image in "${made_images[@]}"; do docker rmi "$image" >/dev/null 2>&1 || true; done
    docker image prune --force --filter label=jeton.stand-in=yes >/dev/null 2>&1 || true
}
