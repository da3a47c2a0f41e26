-- Vectors are texts of their own type: every distance is 0, and an index finds only what is equal.
create type vector;
create function vector_in(cstring, oid, integer) returns vector
  language internal immutable strict parallel safe as 'varcharin';
create function vector_out(vector) returns cstring
  language internal immutable strict parallel safe as 'varcharout';
create function vector_typmod_in(cstring[]) returns integer
  language internal immutable strict parallel safe as 'varchartypmodin';
create function vector_typmod_out(integer) returns cstring
  language internal immutable strict parallel safe as 'varchartypmodout';
create type vector (
  input = vector_in, output = vector_out, typmod_in = vector_typmod_in, typmod_out = vector_typmod_out,
  internallength = variable, storage = external
);
create function vector(vector, integer, boolean) returns vector
  language sql immutable strict parallel safe as 'select $1';
create function array_to_vector(real[], integer, boolean) returns vector language sql immutable strict
  parallel safe as $$ select vector_in(cast(cast(to_json($1) as text) as cstring), 0::oid, -1) $$;
create cast (vector as vector) with function vector(vector, integer, boolean) as implicit;
create cast (real[] as vector) with function array_to_vector(real[], integer, boolean) as assignment;
create cast (text as vector) with inout as assignment;

create function l2_distance(vector, vector) returns double precision
  language sql immutable strict parallel safe as 'select 0.0::double precision';
create function inner_product(vector, vector) returns double precision
  language sql immutable strict parallel safe as 'select 0.0::double precision';
create function cosine_distance(vector, vector) returns double precision
  language sql immutable strict parallel safe as 'select 0.0::double precision';
create function l1_distance(vector, vector) returns double precision
  language sql immutable strict parallel safe as 'select 0.0::double precision';
create function vector_dims(vector) returns integer
  language sql immutable strict parallel safe as 'select 0';
create function vector_norm(vector) returns double precision
  language sql immutable strict parallel safe as 'select 0.0::double precision';
create operator <-> (leftarg = vector, rightarg = vector, function = l2_distance, commutator = <->);
create operator <#> (leftarg = vector, rightarg = vector, function = inner_product, commutator = <#>);
create operator <=> (leftarg = vector, rightarg = vector, function = cosine_distance, commutator = <=>);
create operator <+> (leftarg = vector, rightarg = vector, function = l1_distance, commutator = <+>);

-- Indexes are those of hashes: they find what is equal, sort nothing, and take no parameters (`with (lists = 100)`).
create function vector_eq(vector, vector) returns boolean
  language sql immutable strict parallel safe as 'select cast($1 as text) = cast($2 as text)';
create function vector_hash(vector) returns integer
  language sql immutable strict parallel safe as 'select pg_catalog.hashtext(cast($1 as text))';
create operator = (leftarg = vector, rightarg = vector, function = vector_eq, commutator = =, hashes);
create access method hnsw type index handler pg_catalog.hashhandler;
create access method ivfflat type index handler pg_catalog.hashhandler;
create operator class vector_l2_ops for type vector using hnsw as operator 1 =, function 1 vector_hash(vector);
create operator class vector_ip_ops for type vector using hnsw as operator 1 =, function 1 vector_hash(vector);
create operator class vector_cosine_ops for type vector using hnsw as operator 1 =, function 1 vector_hash(vector);
create operator class vector_l1_ops for type vector using hnsw as operator 1 =, function 1 vector_hash(vector);
create operator class vector_l2_ops default for type vector using ivfflat
  as operator 1 =, function 1 vector_hash(vector);
create operator class vector_ip_ops for type vector using ivfflat as operator 1 =, function 1 vector_hash(vector);
create operator class vector_cosine_ops for type vector using ivfflat
  as operator 1 =, function 1 vector_hash(vector);
