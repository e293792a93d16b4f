// The visitor's conversations, as this browser knows them: each is a session and its token.
//
// A record is {key, token, name, title, last, known, seen, ended}: the name somebody gave it, its
// first words, when something was last said (ms), the newest message's number and the newest read.

import { Memory, newId, request } from "./wire.js";

const OTHERS = 12; // of the conversations not in sight, so many are asked for news
const EVERY = 60_000;
const TITLE = 60;

export const titleOf = (record) => record?.name || record?.title || "New conversation";
export const unread = (record) => (record?.known ?? 0) > (record?.seen ?? 0);

export class Book {
  constructor(agent, changed) {
    this.agent = agent;
    this.prefix = `chat/${agent}/`;
    this.memory = new Memory(this.prefix);
    this.changed = changed;
  }

  // All of them, the newest first.
  all() {
    return (this.memory.get("book") ?? []).sort((one, other) => other.last - one.last);
  }

  get(key) {
    return this.all().find((one) => one.key === key);
  }

  // Another window may have written since: every change starts from what is there.
  put(key, fields) {
    const records = this.all();
    const record = records.find((one) => one.key === key);
    if (record) Object.assign(record, fields);
    else records.push({ key, name: "", title: "", known: 0, seen: 0, last: Date.now(), ...fields });
    this.memory.set("book", records);
    this.changed();
  }

  // Change what is there, and nothing if it is not.
  amend(key, fields) {
    if (this.get(key)) this.put(key, fields);
  }

  remove(key) {
    this.memory.set("book", this.all().filter((one) => one.key !== key));
    for (const name of ["draft", "unsent"]) this.memory.set(`${key}/${name}`, null);
    this.changed();
  }

  // The conversation that was in sight last, in this tab or else in any.
  current() {
    const keys = this.all().map((one) => one.key);
    return [sessionKept(this.prefix), this.memory.get("current")].find((key) => keys.includes(key))
      ?? keys[0] ?? newId();
  }

  show(key) {
    this.memory.set("current", key);
    sessionKeep(this.prefix, key);
  }

  entitle(key, text) {
    const record = this.get(key);
    const title = text.replace(/\s+/g, " ").trim();
    if (!record || record.title || !title) return;
    this.put(key, { title: title.length > TITLE ? `${title.slice(0, TITLE)}…` : title });
  }
}

function sessionKept(prefix) {
  try {
    return sessionStorage.getItem(`${prefix}current`);
  } catch {
    return null;
  }
}

function sessionKeep(prefix, key) {
  try {
    sessionStorage.setItem(`${prefix}current`, key);
  } catch {
    // Forbidden: all tabs then start with the conversation that any had last.
  }
}

// Asks for news of the conversations that have no stream. `watched(key)` says which have one.
export class News {
  constructor(book, watched) {
    this.book = book;
    this.watched = watched;
    this.asking = false;
    setInterval(() => this.ask(), EVERY);
  }

  async ask() {
    if (this.asking || document.hidden) return;
    this.asking = true;
    try {
      const others = this.book.all().filter((one) => one.token && !this.watched(one.key));
      for (const record of others.slice(0, OTHERS)) await this.about(record);
    } catch {
      // Away: whoever is in sight says so, and the next round asks again.
    }
    this.asking = false;
  }

  async about({ key, token }) {
    try {
      const response = await request("GET", "/api/chat/history?limit=1", { token });
      const [message] = (await response.json()).messages;
      if (!message || this.book.get(key)?.token !== token) return;
      if (message.id !== this.book.get(key).known) {
        this.book.amend(key, { known: message.id, last: Date.parse(message.created_at) });
      }
    } catch (error) {
      if (error.status !== 401) throw error;
      if (this.book.get(key)?.token === token) this.book.amend(key, { token: null, ended: true });
    }
  }
}
