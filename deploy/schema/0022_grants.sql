-- The log of use has grants too: that a token was asked for, and given or refused (R39).

ALTER TABLE use_log
    ADD client      integer NOT NULL DEFAULT 0,   -- numbers; 0: none
    ADD customer    integer NOT NULL DEFAULT 0,
    ADD grant_type  smallint NOT NULL DEFAULT 0;  -- 0: a validation; otherwise reason is the number of a GrantReason
