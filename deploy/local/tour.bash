# A token's life, told in a few lines, and what to try next. Sourced by run, after the processes are up.
# shellcheck shell=bash
# shellcheck disable=SC2154 # from system.bash

jeton() { "$bin/jeton" "$@"; }

# field NAME: the first value of that name in the JSON on standard input.
field() { sed -n "s/^.*\"$1\": *\"\{0,1\}\([^\",}]*\).*\$/\1/p" | head -n 1; }

# show_validation ACCESS: what the validator says about $value.
show_validation() {
    local reply status=0
    reply=$(JETON_TOKEN=$value jeton --json validate --module orders --access "$1") || status=$?
    [ "$status" -le 1 ] || fail "the validation failed: $reply"
    printf '  validated for %-6s %s (%s, HTTP %s)\n' "$1" "$(field decision <<<"$reply")" "$(field reason <<<"$reply")" "$(field status <<<"$reply")"
}

# The account of the runs before, unless the database is another one.
account=$(cat "$var/run/account" 2>/dev/null) || true
if [ -z "$account" ] || ! jeton account show "$account" >/dev/null 2>&1; then
    # 73: it exists already.
    said=$(jeton module create orders --title Orders 2>&1) || [ $? = 73 ] || fail "no module could be made: $said"
    account=$(jeton --json account create --name Acme | field id)
    jeton module enable orders --account "$account" >/dev/null
    printf '%s\n' "$account" >"$var/run/account"
fi

say
say "A token's life, in account $account:"
created=$(jeton --json token create --account "$account" --name "Web shop" --kind service --module orders:read)
token=$(field id <<<"$created")
value=$(field value <<<"$created")
say "  issued               $token, ${value:0:14}…"
show_validation read
show_validation write
jeton token disable "$token" >/dev/null
say "  disabled"
# A validator that does not hear admin, which may have started after it, learns of it from the database, four times a second.
refused() { ! JETON_TOKEN=$value jeton validate --module orders --access read >/dev/null 2>&1; }
wait_until 5 refused || fail "the token is not refused 5 s after it was disabled; \`jeton health\` and var/log/validator.log may say why."
show_validation read
disabled_in_trail() { jeton audit list --object "$token" | grep -q disabled; }
wait_until 10 disabled_in_trail || fail "the audit record has not come within 10 s; var/log/auditor.log may say why."
say
say "Its audit trail:"
jeton audit list --object "$token" | sed 's/^/  /'
cat <<TEXT

Jeton is running: $public_url, and on 127.0.0.1 issuer ${port[issuer]}, validator ${port[validator]}, admin ${port[admin]}, auditor ${port[auditor]}, gateway ${port[gateway]}
(forward-auth ${port[proxy]}, metrics and health ${port[status]}). What to try next:

  export PATH=\$PWD/build/bin:\$PATH
  jeton health                              how the processes are
  jeton token list --account $account  the account's tokens
  jeton token enable $token          let it in again
  jeton audit tail                          the trail, as it grows
  jeton audit verify                        is the trail whole?
  jeton --help                              everything else; README.md has a tour, with curl and nginx at its end
  curl --cacert var/keys/tls-ca.pem $public_url/.well-known/oauth-authorization-server
                                            what OAuth clients ask first; browsers need that CA, too
  make stop                                 end it all; var/ keeps the data
TEXT
