// What was said before: the history, read in pages from its end.

import { make } from "./dom.js";
import { messageElement } from "./message.js";
import { request } from "./wire.js";

const PAGE = 50; // messages at once

export class Past {
  constructor(chat) {
    this.chat = chat;
    this.first = 0;
    this.more = make("button", "quiet earlier", "Show earlier messages");
    this.more.type = "button";
    this.more.addEventListener("click", () => this.earlier());
    this.clear();
  }

  clear() {
    this.more.hidden = true;
    this.first = 0;
    this.loaded = new Promise((done) => (this.done = done));
  }

  async read(token, query) {
    const response = await request("GET", `/api/chat/history?${query}`, { token });
    return (await response.json()).messages;
  }

  // The newest page; rejects when it cannot be had.
  async load(token) {
    const { chat } = this;
    const messages = await this.read(token, `limit=${PAGE}`);
    if (chat.token !== token) return;
    chat.named(token);
    this.more.hidden = messages.length < PAGE;
    this.first = messages[0]?.id ?? 0;
    chat.loading = true;
    for (const message of messages) chat.arrived(message);
    chat.loading = false;
    for (const item of chat.log.children) item.classList.remove("new");
    chat.shell.stick(chat);
    chat.changed();
    this.done();
  }

  // Whether there was anything earlier.
  async earlier() {
    const { chat } = this;
    this.more.disabled = true;
    try {
      const messages = await this.read(chat.token, `limit=${PAGE}&before=${this.first}`);
      this.first = messages[0]?.id ?? this.first;
      this.more.hidden = messages.length < PAGE;
      const items = messages.map((message) => messageElement(message, chat.renew));
      for (const item of items) item.classList.remove("new");
      chat.shell.above(() => chat.log.prepend(...items));
      return messages.length > 0;
    } catch {
      chat.say("The earlier messages cannot be fetched right now.");
      return false;
    } finally {
      this.more.disabled = false;
    }
  }

  // The element of the message with this number, with as much history as it takes.
  async find(number) {
    await this.loaded;
    while (this.first > number && (await this.earlier()));
    return this.chat.log.querySelector(`[data-number="${number}"]`);
  }

  // One message as it stands now, if it can be had: its files then have fresh addresses.
  async one(number) {
    const query = `limit=1&before=${number + 1}`;
    return (await this.read(this.chat.token, query).catch(() => []))[0];
  }
}
