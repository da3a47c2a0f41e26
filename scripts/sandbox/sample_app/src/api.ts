export interface Property {
  id: string;
  name: string;
  city: string;
  price_cents: number;
  currency: string;
}

export interface Booking {
  id: string;
  property_id: string;
  guest_name: string;
  check_in: string;
  check_out: string;
  status: "pending" | "confirmed" | "cancelled";
}

export async function listProperties(): Promise<Property[]> {
  return (await call<{ properties: Property[] }>("/api/properties")).properties;
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
  if (!response.ok) throw new Error(answer.error ?? `the server answered ${response.status}`);
  return answer;
}
