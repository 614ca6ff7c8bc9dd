#include "services/cli/show.h"
#include "services/cli/print.h"

int
show_object (struct cli *cli, const struct call *call, const char *member,
             const struct column *columns)
{
    json_t *reply;
    int status = connect_call (cli, call, &reply);

    if (status == EX_OK) {
        table_object (cli, columns, json_object_get (reply, member));
    }
    json_decref (reply);
    return status;
}

int
show_list (struct cli *cli, const struct call *call, Jeton__V1__PageRequest *page,
           const char *member, const struct column *columns)
{
    json_t *rows;
    int status = connect_pages (cli, call, page, member, &rows);

    if (status == EX_OK) {
        table_list (cli, columns, rows);
    }
    json_decref (rows);
    return status;
}

int
show_revision (struct cli *cli, const struct call *get, const char *member, int64_t *revision_r)
{
    json_t *reply;
    int status;

    *revision_r = 0;
    if (!option_number (cli, "revision", 1, INT64_MAX, revision_r)) {
        return EX_USAGE;
    }
    if (*revision_r != 0) {
        return EX_OK;
    }
    status = connect_call (cli, get, &reply);
    if (status == EX_OK) {
        *revision_r =
            json_integer_value (json_object_get (json_object_get (reply, member), "revision"));
    }
    json_decref (reply);
    return status;
}
