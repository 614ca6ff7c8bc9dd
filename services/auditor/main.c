#include "common/log/log.h"
#include "services/auditor/auditor.h"
#include <sysexits.h>

int
main (int argc, char **argv)
{
    struct auditor auditor = {0};
    struct error error;
    const struct config_row *const tables[] = {process_settings_table, auditor_settings_table,
                                               NULL};
    int status = process_start (&auditor.process, "auditor", "tcp://127.0.0.1:7104", tables,
                                store_statements, "keeps the audit trail", &auditor.settings,
                                sizeof auditor.settings, argc, argv);
    if (status < 0 && !auditor_start (&auditor, &error)) {
        log_error ("cannot start", "reason", error.text, NULL);
        status = EX_CONFIG;
    }
    if (status < 0) {
        status = process_run (&auditor.process);
        if (status == 0)
            auditor_finish (&auditor);
        writer_destroy (&auditor.writer);
    }
    process_end (&auditor.process);
    auditor_stop (&auditor);
    return status;
}
