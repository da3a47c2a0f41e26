import "./style.css";
import { book, listProperties, liveCommit, takenNights } from "./api";
import { anonKey, environment, supabaseUrl } from "./config";
import { card, choice, find, sentence, stay } from "./view";

async function showProperties(): Promise<void> {
  const list = find("#properties");
  try {
    const properties = await listProperties();
    list.replaceChildren(...properties.map(card));
    find("#booking select").replaceChildren(...properties.map(choice));
  } catch (fault) {
    const problem = find("#properties-error");
    problem.textContent = message(fault);
    problem.hidden = false;
  } finally {
    list.setAttribute("aria-busy", "false");
  }
}

async function showStays(): Promise<void> {
  // Without them the page is of use all the same.
  const stays = await takenNights().catch(() => []);
  find("#stays").replaceChildren(...stays.map(stay));
}

async function submit(event: SubmitEvent): Promise<void> {
  event.preventDefault();
  const form = event.currentTarget as HTMLFormElement;
  const button = find<HTMLButtonElement>("#booking button");
  button.disabled = true;
  try {
    const booking = await book(Object.fromEntries(new FormData(form)));
    say(sentence(booking), "done");
    form.reset();
    await showStays();
  } catch (fault) {
    say(message(fault), "problem");
  } finally {
    button.disabled = false;
  }
}

async function showFooter(): Promise<void> {
  // Tells a reader, or a check, which project this page was built for.
  const page = document.documentElement.dataset;
  page.environment = environment;
  page.supabaseUrl = supabaseUrl;
  page.supabaseAnonKey = anonKey;

  find("#environment").textContent = environment;
  const commit = await liveCommit().catch(() => "");
  find("#commit").textContent = commit.slice(0, 7) || "not stamped";
}

function say(text: string, kind: "done" | "problem"): void {
  const outcome = find("#outcome");
  outcome.textContent = text;
  outcome.className = kind;
}

function message(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}

find<HTMLFormElement>("#booking").addEventListener("submit", submit);
void showProperties();
void showStays();
void showFooter();
