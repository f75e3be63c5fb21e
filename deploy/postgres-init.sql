-- Dagster keeps its runs and events in a database of its own: the warehouse (POSTGRES_DB) can be backed up and restored alone.
CREATE DATABASE dagster ENCODING 'UTF8' TEMPLATE template0;
-- Dagster stores times without a zone and takes them for UTC: on a server of another zone runs would "take longer than 180 seconds to start"
ALTER DATABASE dagster SET timezone TO 'UTC';
