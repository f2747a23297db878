-- Schemas of the warehouse; who may read what is in docs/data-dictionary.md.
create schema raw;
create schema staging;
create schema core;
create schema vault;
create schema marts;
create schema exports;
create schema audit;
revoke all on schema public from public;
