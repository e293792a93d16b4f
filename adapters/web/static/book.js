// The visitor's conversations, as this browser knows them: each is a session and its token.
//
// A record is {key, token, name, title, last, known, seen, ended}: the name somebody gave it, its
// first words, when something was last said (ms), the newest message's number and the newest read.
// Of somebody signed in (`account`) the server knows them, each by its `session`.

import { Account, MOST } from "./user.js";
import { Memory, newId, request } from "./wire.js";

const OTHERS = 12; // of the conversations not in sight, so many are asked for news
const EVERY = 60_000;
const TITLE = 60;

export const titleOf = (record) => record?.name || record?.title || "New conversation";
export const unread = (record) => (record?.known ?? 0) > (record?.seen ?? 0);

const titled = (text) => {
  const title = text.replace(/\s+/g, " ").trim();
  return title.length > TITLE ? `${title.slice(0, TITLE)}…` : title;
};

export class Book {
  constructor(agent, changed, token = "") {
    this.agent = agent;
    this.account = token ? new Account(token) : null;
    this.prefix = this.account ? `user/${newId()}/` : `chat/${agent}/`;
    this.memory = this.room("");
    this.changed = changed;
  }

  // What is kept of one conversation, or of all.
  room(name) {
    return new Memory(this.prefix + name, !this.account);
  }

  // What the server knows of the user's conversations, on whatever device they were.
  async fill() {
    if (!this.account) return;
    const found = await this.account.sessions(this.agent);
    const there = new Set(found.map((one) => one.session_id));
    for (const one of found) this.fillIn(one);
    for (const { key, session, token } of found.length < MOST ? this.all() : []) {
      if (session && !token && !there.has(session)) this.remove(key);
    }
  }

  // Whoever is signed in had all of it erased.
  empty() {
    if (!this.account) return;
    for (const { key } of this.all()) this.amend(key, { name: "", title: "" });
    this.fill().catch(() => {}); // Away: the next round asks again.
  }

  fillIn({ session_id: session, name, title, last_activity: active }) {
    const record = this.all().find((one) => one.session === session);
    if (record?.token) return this.put(record.key, { name });
    const last = Date.parse(active);
    const known = (record?.seen ?? 0) + (record && last > record.last ? 1 : 0);
    this.put(record?.key ?? session, { session, name, title: titled(title), last, known });
  }

  // Opens the conversation of a record for this page: its session and a token.
  async enter(record) {
    const ticket = await this.account.open(record.session);
    this.amend(record.key, { token: ticket.token });
    return ticket;
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
    if (this.account) return keys[0] ?? newId();
    return [sessionKept(this.prefix), this.memory.get("current")].find((key) => keys.includes(key))
      ?? keys[0] ?? newId();
  }

  show(key) {
    this.memory.set("current", key);
    if (!this.account) sessionKeep(this.prefix, key);
  }

  entitle(key, text) {
    const record = this.get(key);
    const title = titled(text);
    if (record && !record.title && title) this.put(key, { title });
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
      await this.book.fill();
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
