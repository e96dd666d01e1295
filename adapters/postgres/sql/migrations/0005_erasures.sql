-- What an event erased is looked up by whoever keeps rows with private values.
create index on provenstore.private_value (erased_by) where erased_by is not null;
