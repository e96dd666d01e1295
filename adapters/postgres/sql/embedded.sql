-- Close the databases that initdb made to everyone but the superuser; idempotent. For the embedded server only:
-- elsewhere they may serve others. Otherwise any role could fill the disk with temporary tables there.
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
