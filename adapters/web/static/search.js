// Looks for words in everything that was said in the visitor's conversations.

import { titleOf } from "./book.js";
import { $, make, moment, roam } from "./dom.js";
import { request } from "./wire.js";

const PATIENCE = 200; // ms without a key before the question is asked
const MOST = 60; // results shown
const DEEP = 12; // conversations that are opened for it
const BEFORE = 40; // characters of a result before the words

export class Search {
  // `open(key, number)` goes to what was chosen.
  constructor(book, open) {
    Object.assign(this, { book, open });
    this.dialog = $("search");
    this.field = $("query");
    this.results = $("results");
    this.asked = new AbortController();
    this.field.addEventListener("input", () => this.typed());
    this.dialog.addEventListener("keydown", (event) => this.moved(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("close", () => this.asked.abort());
    $("search-close").addEventListener("click", () => this.dialog.close());
  }

  // Nothing stays of what was looked for and found.
  clear() {
    this.dialog.close();
    clearTimeout(this.waiting);
    this.asked.abort();
    this.field.value = "";
    this.answer([], "");
  }

  show() {
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.field.select();
    this.typed();
  }

  moved(event) {
    const entries = () => [this.field, ...this.results.querySelectorAll("button")];
    if (event.key === "Escape") {
      // A search field would only be emptied by it.
      event.preventDefault();
      this.dialog.close();
    } else if (event.key === "Enter" && event.target === this.field) {
      event.preventDefault();
      this.results.querySelector("button")?.click();
    } else if (event.target !== this.field || event.key === "ArrowDown") {
      roam(event, entries);
    }
  }

  typed() {
    clearTimeout(this.waiting);
    this.asked.abort();
    const words = this.field.value.trim();
    if (words) this.waiting = setTimeout(() => this.ask(words), PATIENCE);
    else this.answer([], "");
  }

  async ask(words) {
    const { signal } = (this.asked = new AbortController());
    const all = this.book.all();
    const unopened = all.filter((one) => !one.token && one.session && !one.ended).slice(0, DEEP);
    const records = [...all.filter((one) => one.token), ...unopened];
    const found = [];
    let failures = 0;
    await Promise.all(records.map(async (record) => {
      try {
        found.push(...(await this.within(record, words, signal)));
      } catch (error) {
        // One that has ended has nothing to find any more.
        if (error.status !== 401) failures += 1;
      }
    }));
    if (signal.aborted) return;
    found.sort((one, other) => other.message.created_at.localeCompare(one.message.created_at));
    this.answer(found.slice(0, MOST), words, failures);
  }

  async within(record, words, signal) {
    const path = `/api/chat/search?q=${encodeURIComponent(words)}`;
    const token = record.token ?? (await this.book.enter(record)).token;
    const response = await request("GET", path, { token, signal });
    return (await response.json()).messages.map((message) => ({ record, message }));
  }

  answer(found, words, failures = 0) {
    const items = found.map(({ record, message }) => {
      const button = make("button", "", ...this.line(record, message, words));
      button.type = "button";
      button.addEventListener("click", () => {
        this.dialog.close();
        this.open(record.key, message.id);
      });
      return make("li", "", button);
    });
    this.results.replaceChildren(...items);
    $("found").textContent = summary(found.length, words, failures);
  }

  line(record, message, words) {
    const head = make("span", "where", make("bdi", "", titleOf(record)), moment(message.created_at));
    const said = make("span", "what", ...marked(message.text, words));
    said.dir = "auto";
    return [head, said];
  }
}

function summary(count, words, failures) {
  if (!words) return "";
  const gaps = failures ? " Some conversations could not be searched right now." : "";
  if (!count) return `Nothing found.${gaps}`;
  const much = count === 1 ? "One message found." : `${count} messages found.`;
  return `${count >= MOST ? `The newest ${MOST} messages found.` : much}${gaps}`;
}

// The words with a little around them.
function marked(text, words) {
  const flat = text.replace(/\s+/g, " ");
  const at = flat.toLowerCase().indexOf(words.toLowerCase());
  if (at < 0) return [flat.slice(0, 200)];
  const from = Math.max(0, at - BEFORE);
  const end = at + words.length;
  const mark = make("mark", "", flat.slice(at, end));
  return [(from ? "…" : "") + flat.slice(from, at), mark, flat.slice(end, end + 160)];
}
