// POST /api/token: a user's name and password for a login token of 60 minutes (R23).
#include "common/token/issuer_home.h"
#include "envelope.pb-c.h"
#include "services/gateway/oauth.h"

#include <stdio.h>
#include <time.h>

static const struct oauth_parameter parameters[] = {
    {"Username", offsetof (Jeton__V1__LoginRequest, username), false},
    {"Password", offsetof (Jeton__V1__LoginRequest, password), false},
    {"environment", offsetof (Jeton__V1__LoginRequest, environment), true},
    {NULL, 0, false},
};

static void oauth_login_done (void *context, const struct rpc_result *result);

void
oauth_login (struct exchange *exchange)
{
    Jeton__V1__LoginRequest message = JETON__V1__LOGIN_REQUEST__INIT;
    char home[ISSUER_HOME_SIZE];
    if (!oauth_read (exchange, parameters, &message))
        return;
    issuer_home_user (message.username, home);
    oauth_ask (exchange, "Login", &message.base, home, true, oauth_login_done);
}

// As HTTP writes times (RFC 9110 section 5.6.7), in whatever locale.
static json_t *
time_text (int64_t seconds)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t when = (time_t) seconds;
    struct tm tm;
    if (!gmtime_r (&when, &tm))
        return json_null ();
    return json_sprintf ("%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                         months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

// No such user, wrong password, disabled user: 400 invalid_grant, as of the password grant. Too many tries: 429.
static void
login_refuse (struct exchange *exchange, const struct rpc_result *result)
{
    if (result->code == JETON__V1__CODE__CODE_UNAUTHENTICATED)
        oauth_refuse (exchange,
                      &(struct oauth_refusal){400, "invalid_grant", result->message, "", 0});
    else if (result->code == JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED)
        oauth_refuse (exchange, &(struct oauth_refusal){429, "temporarily_unavailable",
                                                        result->message, "", result->retry_after});
    else
        oauth_fail (exchange, result);
}

static void
oauth_login_done (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const Jeton__V1__LoginReply *reply = result->reply;
    if (!reply) {
        login_refuse (exchange, result);
        return;
    }
    oauth_answer (exchange, 200,
                  json_pack ("{s:s, s:s, s:s, s:I, s:o, s:o}", "access_token", reply->access_token,
                             "token_type", reply->token_type, "username", reply->username,
                             "expires_in", (json_int_t) reply->expires_in, ".issued",
                             time_text (reply->issued_at), ".expires",
                             time_text (reply->expires_at)));
}
