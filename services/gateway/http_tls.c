// The certificate of HTTPS, and what of TLS is spoken.
#include "common/crypto/crypto.h"
#include "services/gateway/http_internal.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

// TLS 1.2 and 1.3; ciphers that authenticate (AEAD), keys that are forgotten (ECDHE), no SHA-1.
const char http_tls_priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"
    "+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:-GROUP-ALL:+GROUP-X25519:"
    "+GROUP-SECP256R1:+GROUP-SECP384R1:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%SERVER_PRECEDENCE";

enum { CHAIN_MAX = 16, FILE_MAX = 256 << 10 };

// A certificate with those that lead to its root, and its key. Sessions in their handshake point into it: a former one is kept until the next but one takes its place.
struct pair {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned n;
    gnutls_privkey_t key;
};

struct http_tls {
    struct pair *pair, *former;
};

// What GnuTLS asks has no context of ours: one HTTPS server a process.
static struct http_tls *in_force;

static void
pair_destroy (struct pair **pair_p)
{
    struct pair *pair = *pair_p;
    if (pair == NULL)
        return;
    for (unsigned i = 0; i < pair->n; i++)
        gnutls_pcert_deinit (&pair->chain[i]);
    if (pair->key)
        gnutls_privkey_deinit (pair->key);
    free (pair);
    *pair_p = NULL;
}

static bool
file_read (const char *setting, const char *path, bool secret, gnutls_datum_t *datum_r,
           struct error *error_r)
{
    size_t length;
    if (*path == '\0') {
        error_set (error_r, "setting %s is empty, and bind_tls is not", setting);
        return false;
    }
    datum_r->data = xcalloc (1, FILE_MAX);
    if (!crypto_file_read (path, secret, datum_r->data, FILE_MAX, &length, error_r)) {
        error_prefix (error_r, "setting %s", setting);
        return false;
    }
    datum_r->size = (unsigned) length;
    return true;
}

// The two belong together: what one signs the other verifies.
static bool
pair_fits (const struct pair *pair)
{
    static unsigned char text[] = "jeton";
    gnutls_datum_t data = {text, sizeof text}, signature = {NULL, 0};
    gnutls_digest_algorithm_t hash;
    bool fits =
        gnutls_pubkey_get_preferred_hash_algorithm (pair->chain[0].pubkey, &hash, NULL) == 0 &&
        gnutls_privkey_sign_data (pair->key, hash, 0, &data, &signature) == 0 &&
        gnutls_pubkey_verify_data2 (
            pair->chain[0].pubkey,
            gnutls_pk_to_sign (gnutls_pubkey_get_pk_algorithm (pair->chain[0].pubkey, NULL), hash),
            0, &data, &signature) >= 0;
    gnutls_free (signature.data);
    return fits;
}

static bool
pair_import (struct pair *pair, const struct http_settings *settings,
             const gnutls_datum_t *certificate, const gnutls_datum_t *key, struct error *error_r)
{
    unsigned n = CHAIN_MAX;
    int rc =
        gnutls_pcert_list_import_x509_raw (pair->chain, &n, certificate, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0) {
        error_set (error_r, "setting certificate: %s: %s", settings->certificate,
                   gnutls_strerror (rc));
        return false;
    }
    pair->n = n;
    rc = gnutls_privkey_init (&pair->key);
    if (rc == 0)
        rc = gnutls_privkey_import_x509_raw (pair->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0) {
        error_set (error_r, "setting certificate_key: %s: %s", settings->certificate_key,
                   gnutls_strerror (rc));
        return false;
    }
    if (!pair_fits (pair)) {
        error_set (error_r, "the key in %s (certificate_key) is not that of the certificate in %s",
                   settings->certificate_key, settings->certificate);
        return false;
    }
    return true;
}

static struct pair *
pair_load (const struct http_settings *settings, struct error *error_r)
{
    gnutls_datum_t certificate = {NULL, 0}, key = {NULL, 0};
    struct pair *pair = xcalloc (1, sizeof *pair);
    bool good = file_read ("certificate", settings->certificate, false, &certificate, error_r) &&
                file_read ("certificate_key", settings->certificate_key, true, &key, error_r) &&
                pair_import (pair, settings, &certificate, &key, error_r);
    if (key.data)
        sodium_memzero (key.data, key.size);
    free (key.data);
    free (certificate.data);
    if (!good)
        pair_destroy (&pair);
    return pair;
}

struct http_tls *
http_tls_new (const struct http_settings *settings, struct error *error_r)
{
    struct pair *pair = pair_load (settings, error_r);
    if (pair == NULL)
        return NULL;
    struct http_tls *self = xcalloc (1, sizeof *self);
    self->pair = pair;
    in_force = self;
    return self;
}

bool
http_tls_reload (struct http_tls *self, const struct http_settings *settings, struct error *error_r)
{
    struct pair *pair = pair_load (settings, error_r);
    if (pair == NULL)
        return false;
    pair_destroy (&self->former);
    self->former = self->pair;
    self->pair = pair;
    return true;
}

void
http_tls_destroy (struct http_tls **self_p)
{
    struct http_tls *self = *self_p;
    if (self == NULL)
        return;
    pair_destroy (&self->pair);
    pair_destroy (&self->former);
    in_force = NULL;
    free (self);
    *self_p = NULL;
}

int
http_tls_choose (gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                 gnutls_pcert_st **certificates_r, unsigned *n_r, gnutls_ocsp_data_st **ocsp_r,
                 unsigned *nocsp_r, gnutls_privkey_t *key_r, unsigned *flags_r)
{
    (void) session;
    (void) info;
    *certificates_r = in_force->pair->chain;
    *n_r = in_force->pair->n;
    *key_r = in_force->pair->key;
    *ocsp_r = NULL;
    *nocsp_r = 0;
    *flags_r = 0; // they stay ours
    return 0;
}
