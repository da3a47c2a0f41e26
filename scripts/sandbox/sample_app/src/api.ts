import { anonKey, supabaseUrl } from "./config";

export interface Property {
  id: string;
  name: string;
  city: string;
  price_cents: number;
  currency: string;
}

export interface Stay {
  id: string;
  property_id: string;
  check_in: string;
  check_out: string;
  status: "pending" | "confirmed" | "cancelled";
}

export interface Booking extends Stay {
  guest_name: string;
}

// Straight from Supabase: row level security decides what a visitor may read.
export async function listProperties(): Promise<Property[]> {
  const query = "select=id,name,city,price_cents,currency&published=is.true&order=city,name";
  return call<Property[]>(`${supabaseUrl}/rest/v1/properties?${query}`, { headers: { apikey: anonKey } });
}

export async function takenNights(): Promise<Stay[]> {
  return (await call<{ bookings: Stay[] }>("/api/bookings")).bookings;
}

export async function book(fields: Record<string, FormDataEntryValue>): Promise<Booking> {
  const request = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(fields),
  };
  return (await call<{ booking: Booking }>("/api/bookings", request)).booking;
}

export async function liveCommit(): Promise<string> {
  return (await call<{ commit?: string }>("/version.json")).commit ?? "";
}

async function call<Answer>(path: string, request?: RequestInit): Promise<Answer> {
  const response = await fetch(path, request);
  // A proxy in between may answer an error with a page instead of JSON.
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? answer.message ?? `the server answered ${response.status}`);
  return answer;
}
