-- Full identifiers live here and nowhere else, encrypted outside the database (AES-256-GCM).
create table vault.identifier (
    token text primary key,
    identifier_type text not null,
    ciphertext bytea not null,
    key_id text not null,
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table vault.identifier is '证件号码密文 | encrypted identifiers by token';
revoke all on schema vault from public;

-- HMAC-SHA256 with the pads of this session (RFC 2104). Without the key the settings are missing and the call
-- fails: a token is never computed with an empty key.
create function vault.token(value text) returns text
language sql stable strict parallel safe
as $$
    select left(encode(sha256(
        decode(current_setting('credit_warehouse.token_opad'), 'hex')
        || sha256(decode(current_setting('credit_warehouse.token_ipad'), 'hex') || convert_to(value, 'UTF8'))
    ), 'hex'), 32)
$$;
comment on function vault.token is '带密钥散列（HMAC-SHA256，取前 128 位） | keyed hash, first 128 bits';
