// Each variable is read by its own name. Handing `import.meta.env` around as a whole would put every VITE_
// variable of the build into the page, the secret ones too.
export const environment = import.meta.env.VITE_ENVIRONMENT ?? "local";
export const supabaseUrl = import.meta.env.VITE_SUPABASE_URL ?? "";

// Public by design: row level security guards the data, not this key.
export const anonKey = import.meta.env.VITE_SUPABASE_ANON_KEY ?? "";
