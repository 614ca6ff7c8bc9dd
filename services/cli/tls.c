#include "services/cli/tls.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

// Browsers refuse what is good for more than 825 days.
enum { DAYS = 800, CA_DAYS = 3650, DAYS_LEFT_MIN = 30, SERIAL_BITS = 159, FILE_SIZE_MAX = 1 << 16 };

struct extension {
    int nid;
    const char *value;
};

// Of who gets hold of its key, nobody else has to be afraid: it is good for these names only.
static const struct extension ca_extensions[] = {
    {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_name_constraints,
     "critical,permitted;DNS:localhost,permitted;DNS:gateway,permitted;IP:127.0.0.0/255.0.0.0,"
     "permitted;IP:0:0:0:0:0:0:0:1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {NID_subject_key_identifier, "hash"},
    {NID_undef, NULL},
};

static const struct extension server_extensions[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "serverAuth"},
    {NID_subject_alt_name,
     "DNS:localhost,DNS:jeton.localhost,DNS:gateway,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid"},
    {NID_undef, NULL},
};

static void
free_key (EVP_PKEY **key)
{
    EVP_PKEY_free (*key);
}

static void
free_certificate (X509 **certificate)
{
    X509_free (*certificate);
}

static void
free_bio (BIO **bio)
{
    BIO_free (*bio);
}

#define cleanup_key         __attribute__ ((cleanup (free_key)))
#define cleanup_certificate __attribute__ ((cleanup (free_certificate)))
#define cleanup_bio         __attribute__ ((cleanup (free_bio)))

static bool
openssl_failed (struct keyring *keyring, const char *path, const char *what)
{
    const char *reason = ERR_reason_error_string (ERR_peek_last_error ());

    error_set (&keyring->error, "%s: %s (%s)", path, what,
               reason != NULL ? reason : "refused by OpenSSL");
    ERR_clear_error ();
    return false;
}

// ---- files

static char *
path_of (const struct keyring *keyring, const char *name)
{
    return xasprintf ("%s/%s", keyring->directory, name);
}

// NULL: the error is set. In memory that OpenSSL wipes.
static BIO *
read_file (struct keyring *keyring, const char *path, bool secret)
{
    uint8_t data[FILE_SIZE_MAX];
    size_t length;
    BIO *bio = NULL;

    if (crypto_file_read (path, secret, data, sizeof data, &length, &keyring->error)) {
        bio = BIO_new (BIO_s_secmem ());
        if (bio == NULL || BIO_write (bio, data, (int) length) != (int) length) {
            BIO_free (bio);
            bio = NULL;
            openssl_failed (keyring, path, "cannot be read");
        }
    }
    explicit_bzero (data, sizeof data);
    return bio;
}

static EVP_PKEY *
read_key (struct keyring *keyring, const char *name)
{
    cleanup_free char *path = path_of (keyring, name);
    cleanup_bio BIO *bio = read_file (keyring, path, true);
    // A key with a passphrase is none of ours: nobody is asked for it.
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey (bio, NULL, NULL, (char *) "") : NULL;

    if (bio != NULL && key == NULL) {
        openssl_failed (keyring, path, "holds no private key");
    }
    return key;
}

static X509 *
read_certificate (struct keyring *keyring, const char *name)
{
    cleanup_free char *path = path_of (keyring, name);
    cleanup_bio BIO *bio = read_file (keyring, path, false);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509 (bio, NULL, NULL, NULL) : NULL;

    if (bio != NULL && certificate == NULL) {
        openssl_failed (keyring, path, "holds no certificate");
    }
    return certificate;
}

static bool
make_key (struct keyring *keyring, const char *name)
{
    cleanup_free char *path = path_of (keyring, name);
    cleanup_key EVP_PKEY *key = NULL;
    cleanup_bio BIO *bio = BIO_new (BIO_s_secmem ());
    char *text;
    long length;

    if (keyring_has (path)) {
        return true;
    }
    key = EVP_EC_gen ("P-256");
    if (key == NULL || bio == NULL ||
        PEM_write_bio_PrivateKey (bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        return openssl_failed (keyring, path, "cannot be made");
    }
    length = BIO_get_mem_data (bio, &text);
    if (!keyring_write (keyring, path, SECRET_MODE, text, (size_t) length)) {
        return false;
    }
    keyring_note (keyring, path);
    return true;
}

static bool
write_certificate (struct keyring *keyring, const char *name, X509 *certificate)
{
    cleanup_free char *path = path_of (keyring, name);
    cleanup_bio BIO *bio = BIO_new (BIO_s_mem ());
    char *text;
    long length;

    if (bio == NULL || PEM_write_bio_X509 (bio, certificate) != 1) {
        return openssl_failed (keyring, path, "cannot be made");
    }
    length = BIO_get_mem_data (bio, &text);
    if (!keyring_write (keyring, path, PUBLIC_MODE, text, (size_t) length)) {
        return false;
    }
    keyring_note (keyring, path);
    return true;
}

// ---- certificates

static bool
set_serial (X509 *certificate)
{
    BIGNUM *number = BN_new ();
    bool good = number != NULL &&
                BN_rand (number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_to_ASN1_INTEGER (number, X509_get_serialNumber (certificate)) != NULL;

    BN_free (number);
    return good;
}

static bool
add_extensions (X509 *certificate, X509 *issuer, const struct extension *extensions)
{
    X509V3_CTX context;

    X509V3_set_ctx (&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb (&context);
    for (; extensions->value != NULL; extensions++) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid (NULL, &context, extensions->nid, extensions->value);
        bool good = extension != NULL && X509_add_ext (certificate, extension, -1) == 1;
        X509_EXTENSION_free (extension);
        if (!good) {
            return false;
        }
    }
    return true;
}

// Good from an hour ago on: other machines' clocks are a little behind.
static bool
set_validity (X509 *certificate, long days, const X509 *issuer)
{
    const ASN1_TIME *end = X509_get0_notAfter (issuer);
    bool good = X509_gmtime_adj (X509_getm_notBefore (certificate), -3600) != NULL &&
                X509_gmtime_adj (X509_getm_notAfter (certificate), days * 86400) != NULL;

    if (good && issuer != certificate &&
        ASN1_TIME_compare (X509_get0_notAfter (certificate), end) > 0) {
        good = X509_set1_notAfter (certificate, end) == 1;
    }
    return good;
}

// `issuer` NULL: by itself. NULL: refused by OpenSSL.
static X509 *
certify (const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, long days,
         const struct extension *extensions)
{
    X509 *certificate = X509_new ();
    X509_NAME *subject = certificate != NULL ? X509_get_subject_name (certificate) : NULL;

    issuer = issuer != NULL ? issuer : certificate;
    if (certificate != NULL && X509_set_version (certificate, X509_VERSION_3) == 1 &&
        set_serial (certificate) && X509_set_pubkey (certificate, key) == 1 &&
        X509_NAME_add_entry_by_txt (subject, "CN", MBSTRING_UTF8, (const unsigned char *) name, -1,
                                    -1, 0) == 1 &&
        X509_set_issuer_name (certificate, X509_get_subject_name (issuer)) == 1 &&
        set_validity (certificate, days, issuer) &&
        add_extensions (certificate, issuer, extensions) &&
        X509_sign (certificate, issuer_key, EVP_sha256 ()) > 0) {
        return certificate;
    }
    X509_free (certificate);
    return NULL;
}

static bool
ends_soon (const X509 *certificate)
{
    int days = 0, seconds = 0;

    return ASN1_TIME_diff (&days, &seconds, NULL, X509_get0_notAfter (certificate)) != 1 ||
           days < DAYS_LEFT_MIN;
}

static bool
is_by (X509 *certificate, const X509 *issuer)
{
    bool good = X509_verify (certificate, X509_get0_pubkey (issuer)) == 1;

    ERR_clear_error ();
    return good;
}

// ---- what is missing

// What is by a CA stays good when that is certified anew, for the same key.
static bool
make_ca (struct keyring *keyring)
{
    cleanup_free char *path = path_of (keyring, "tls-ca.pem");
    cleanup_certificate X509 *there = NULL, *made = NULL;
    cleanup_key EVP_PKEY *key = NULL;

    if (keyring_has (path)) {
        there = read_certificate (keyring, "tls-ca.pem");
        if (there == NULL || !ends_soon (there)) {
            return there != NULL;
        }
    }
    if (!make_key (keyring, "tls-ca.key")) {
        return false;
    }
    key = read_key (keyring, "tls-ca.key");
    if (key == NULL) {
        return false;
    }
    made = certify ("Jeton local CA", key, NULL, key, CA_DAYS, ca_extensions);
    return made != NULL ? write_certificate (keyring, "tls-ca.pem", made)
                        : openssl_failed (keyring, path, "cannot be made");
}

static bool
make_certificate (struct keyring *keyring)
{
    cleanup_certificate X509 *ca = NULL, *made = NULL;
    cleanup_key EVP_PKEY *ca_key = NULL, *key = NULL;

    if (!make_ca (keyring) || !make_key (keyring, "tls.key")) {
        return false;
    }
    ca = read_certificate (keyring, "tls-ca.pem");
    ca_key = ca != NULL ? read_key (keyring, "tls-ca.key") : NULL;
    key = ca_key != NULL ? read_key (keyring, "tls.key") : NULL;
    if (key == NULL) {
        return false;
    }
    made = certify ("jeton.localhost", key, ca, ca_key, DAYS, server_extensions);
    return made != NULL ? write_certificate (keyring, "tls.pem", made)
                        : openssl_failed (keyring, keyring->directory, "tls.pem cannot be made");
}

bool
tls_fill (struct keyring *keyring)
{
    cleanup_free char *path = path_of (keyring, "tls.pem");
    cleanup_free char *key_path = path_of (keyring, "tls.key");
    cleanup_free char *ca_path = path_of (keyring, "tls-ca.pem");
    cleanup_certificate X509 *there = NULL, *ca = NULL;

    if (!keyring_has (path)) {
        return make_certificate (keyring);
    }
    if (!keyring_has (key_path)) {
        error_set (&keyring->error,
                   "%s has no tls.key beside it: put its private key there, or remove it to have "
                   "both made",
                   path);
        return false;
    }
    there = read_certificate (keyring, "tls.pem");
    if (there == NULL || !keyring_has (ca_path)) {
        return there != NULL;
    }
    ca = read_certificate (keyring, "tls-ca.pem");
    if (ca == NULL || !is_by (there, ca)) {
        return ca != NULL;
    }
    return ends_soon (there) || ends_soon (ca) ? make_certificate (keyring) : true;
}
