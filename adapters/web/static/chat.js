// One conversation: its session, and everything in it, shown from one stream of events.

import { make } from "./dom.js";
import { Feed } from "./feed.js";
import { Tray } from "./files.js";
import { divider, messageElement } from "./message.js";
import { Outgoing, over } from "./outgoing.js";
import { Past } from "./past.js";
import { Drafts, Questions } from "./waiting.js";
import { newId, Patience, pause, Problem, request } from "./wire.js";

const REST = 60_000; // what nobody sees and nothing happens in gives its connection back after this
const COURTESY = 2_000; // how long a first message waits for the stream that will show its answer
const LOST = "Connection lost, trying again…";
const ENDED = "That conversation has ended. Your next message starts a new one.";

export class Chat {
  // `shell` is the page around: agent, limit, changed(chat), shown(chat), stick(), ready(),
  // above(change), giveBack(chat, texts), announce(words).
  constructor(key, book, shell) {
    Object.assign(this, { key, book, shell });
    this.memory = book.room(`${key}/`);
    this.token = book.get(key)?.token ?? null;
    this.log = make("ol", "messages log");
    this.log.setAttribute("aria-label", "Said");
    this.pending = make("ol", "messages pending");
    this.pending.setAttribute("aria-label", "Being answered");
    this.past = new Past(this);
    this.element = make("section", "conversation", this.past.more, this.log, this.pending);
    this.element.setAttribute("role", "log");
    this.element.setAttribute("aria-label", "Conversation");
    // What is finished is announced by itself; a log would read every page of history.
    this.element.setAttribute("aria-live", "off");
    this.renew = (number) => this.past.one(number);
    this.drafts = new Drafts((taskId, element) => this.below(taskId, element));
    this.questions = new Questions((question, option, label) => {
      this.send(label, { question, option });
      shell.ready();
    });
    this.outgoing = new Outgoing(this, this.pending);
    const looks = () => shell.changed(this);
    this.tray = new Tray(shell.limit, () => this.open(), looks, (words) => this.say(words));
    this.last = 0;
    this.feed = null;
    this.trouble = "";
    this.alert = "";
    this.patience = new Patience(500, 15_000);
    this.listening = Promise.resolve(); // until the stream of a new session is there
  }

  start() {
    this.outgoing.restore();
    this.changed();
    if (this.token) this.follow();
    else if (this.outgoing.entries.length) this.outgoing.flush();
    else if (this.record?.ended) this.note(ENDED);
    else if (this.record?.session) this.enter();
  }

  // Somebody signed in began it elsewhere: until it is open here, this waits.
  async enter() {
    const pace = this.patience.pace();
    while (!this.token && this.record) {
      try {
        await this.open();
      } catch (error) {
        if (error.status === 404) return this.lost();
        if (error.status === 401) return this.say(error.message);
        this.lostTouch();
        await pace.next((error.retryAfter ?? 0) * 1000);
      }
    }
  }

  get record() {
    return this.book.get(this.key);
  }

  get ended() {
    return !this.token && Boolean(this.record?.ended);
  }

  get empty() {
    return !this.element.querySelector(".messages > li:not(.divider)");
  }

  get answering() {
    return Boolean(this.outgoing.next?.task || this.drafts.size);
  }

  get busy() {
    return this.outgoing.entries.length > 0 || this.drafts.size > 0 || this.tray.busy;
  }

  // Sending

  send(text, more = {}) {
    this.say("");
    if (!text.startsWith("/")) this.entitle(text || more.files?.[0]?.name || "");
    this.shell.stick(this);
    this.outgoing.send(text, more);
    this.book.amend(this.key, { last: Date.now() });
  }

  entitle(text) {
    this.title = text;
    this.book.entitle(this.key, text);
  }

  // Resolves to the token of the session, which is opened now if there is none.
  async open() {
    if (this.token) return this.token;
    this.opening ??= this.ticket()
      .then((session) => this.adopt(session))
      .finally(() => (this.opening = null));
    await this.opening;
    await Promise.race([this.listening, pause(COURTESY)]);
    return this.token;
  }

  async ticket() {
    const { account } = this.book;
    if (account && this.record?.session) return this.book.enter(this.record);
    const body = { agent: this.shell.agent, user_token: account?.token };
    return (await request("POST", "/api/session", { body })).json();
  }

  async stop() {
    if (!this.token || this.stopping) return;
    this.stopping = true;
    const body = { text: "/stop", message_id: newId(), wait: 0 };
    try {
      await request("POST", "/api/chat", { token: this.token, body });
    } catch (error) {
      this.say(error instanceof Problem ? error.message : "The server cannot be reached right now.");
    }
    this.stopping = false;
  }

  // Sessions

  adopt(session, fields = {}) {
    this.token = session.token;
    const known = this.book.account && session.session_id ? { session: session.session_id } : {};
    this.book.put(this.key, { token: session.token, ended: false, ...known, ...fields });
    if (this.title) this.book.entitle(this.key, this.title);
    this.last = 0;
    this.listening = new Promise((heard) => (this.heard = heard));
    this.follow();
  }

  // A fresh session by the user's own wish: an empty page, and what there is to say about it.
  begin(session, notices) {
    this.clear();
    this.title = "";
    this.adopt(session, { name: "", title: "", known: 0, seen: 0 });
    for (const notice of notices) this.note(notice.text);
  }

  clear() {
    this.log.replaceChildren();
    this.past.clear();
    this.forget();
  }

  forget() {
    this.drafts.clear();
    this.questions.clear();
    this.outgoing.clear();
  }

  giveBack(texts) {
    this.shell.giveBack(this, texts);
  }

  // The token died. What was not sent goes back to be sent again. Another window may have started
  // anew: then this one goes along; else what was said stays in sight until it is left.
  lost() {
    const texts = this.outgoing.unsent.map((entry) => entry.text);
    const next = this.record?.token;
    this.close();
    if (next && next !== this.token) {
      this.clear();
      this.adopt({ token: next });
    } else {
      this.token = null;
      this.book.amend(this.key, { token: null, ended: true });
      this.forget();
      this.note(ENDED);
    }
    if (texts.length) {
      this.giveBack(texts);
      this.say("Your message was not sent: it is in the box below.");
    }
    this.changed();
  }

  note(words) {
    if (this.log.lastElementChild?.textContent !== words) this.log.append(divider(words));
  }

  async rename(name) {
    const body = { name };
    await request("PATCH", "/api/session", { token: await this.open(), body });
    this.book.amend(this.key, { name });
  }

  // The name may have been given elsewhere. Only looks depend on it: without an answer it stays.
  async named(token) {
    const response = await request("GET", "/api/session", { token }).catch(() => null);
    const name = (await response?.json())?.name;
    if (name !== undefined && this.token === token && name !== this.record?.name) {
      this.book.amend(this.key, { name });
    }
  }

  // Receiving

  follow() {
    this.feed?.stop();
    this.feed = new Feed(this.token, this.patience, this);
    this.feed.run();
  }

  close() {
    this.feed?.stop();
    this.feed = null;
  }

  load(token) {
    return this.past.load(token);
  }

  // What ended before is learnt by posting it again.
  caughtUp() {
    this.status("");
    this.heard?.();
    this.patience.end();
    for (const taskId of this.drafts.tasks()) this.verify(taskId);
    this.outgoing.recheck();
  }

  // Whether the answer is really still being written; its end may have passed unheard.
  async verify(taskId) {
    try {
      const response = await request("GET", `/api/chat/tasks/${taskId}`, { token: this.token });
      const { task } = await response.json();
      if (over(task.state)) this.settle(taskId, task.state);
    } catch (error) {
      if (error.status === 404) this.drafts.drop(taskId);
    }
    this.changed();
  }

  // The pieces that were missed are lost; the whole answer comes with its message.
  interrupted() {
    this.drafts.clear();
    this.lostTouch();
    this.changed();
  }

  // Another window that started anew is about to say so.
  async over(feed) {
    await pause(500);
    if (this.feed === feed && !(await this.again())) this.lost();
  }

  // Only the token died: whoever is signed in has another, and the same conversation.
  async again() {
    if (!this.book.account || !this.record?.session || this.record.token !== this.token) return false;
    try {
      const ticket = await this.book.enter(this.record);
      this.clear();
      this.adopt(ticket);
      return true;
    } catch {
      return false;
    }
  }

  // What was said is erased: show what is left. What is not said yet stays.
  cleared() {
    this.log.replaceChildren();
    this.past.clear();
    this.drafts.clear();
    this.questions.clear();
    this.outgoing.cleared();
    this.title = "";
    this.book.amend(this.key, { name: "", title: "" });
    this.book.empty();
    this.last = 0;
    this.follow();
  }

  tokenChanged() {
    const token = this.record?.token;
    if (token && token !== this.token) this.lost();
  }

  happened({ kind, data }) {
    if (kind === "delta") return data.text && this.drafts.of(data.task_id).write(data.text);
    if (kind === "message") this.arrived(data);
    else if (kind === "step") this.drafts.of(data.task_id).step(data.title);
    else if (kind === "task" && over(data.state)) this.settle(data.id, data.state);
    else if (kind === "task" && data.state === "working") this.drafts.again(data.id);
    else if (kind === "cleared") this.cleared();
    else if (kind === "ended") throw new Problem(401, "The session has ended.");
    this.changed();
  }

  arrived(message) {
    if (message.id <= this.last) return;
    this.last = message.id;
    const element = this.place(message);
    this.log.append(element);
    const stopped = this.pending.querySelector(".stopped");
    if (stopped && message.role === "user") element.after(stopped);
    if (message.question) this.questions.ask(element, message);
    this.heed(message);
  }

  // What the message means beyond itself.
  heed(message) {
    const mine = message.role === "user";
    if (mine && !message.notice) this.book.entitle(this.key, message.text);
    if (mine && /^\/name\b/i.test(message.text)) setTimeout(() => this.named(this.token), 300);
    this.moment = Date.parse(message.created_at);
    if (!mine && !this.loading) this.shell.announce(this, message);
  }

  // The element that shows the message: what stood for it until now, or a new one.
  place(message) {
    if (message.role !== "user") {
      return this.drafts.become(message, this.renew) ?? messageElement(message, this.renew);
    }
    const entry = this.outgoing.match(message);
    this.questions.close(message.task_id, message.text);
    if (entry) return this.outgoing.become(entry, message);
    this.outgoing.recheck();
    return messageElement(message, this.renew);
  }

  // A draft stands below what it answers.
  below(taskId, element) {
    const entry = this.outgoing.of(taskId);
    if (entry) entry.element.after(element);
    else this.pending.append(element);
  }

  // The task is over; its messages are here or on their way.
  settle(taskId, state) {
    if (state === "canceled") this.leave(taskId);
    this.drafts.drop(taskId);
    if (state !== "input-required") this.questions.close(taskId);
    this.outgoing.settle(taskId, (element) => {
      this.log.append(element);
      this.changed();
    });
  }

  // What was written before somebody stopped it stays, below what it answered.
  leave(taskId) {
    const element = this.drafts.leave(taskId);
    if (!element) return;
    const asked = this.log.querySelector(`.user[data-task="${CSS.escape(taskId)}"]`);
    if (asked) asked.after(element);
    else this.below(taskId, element);
  }

  // In sight or not: what nobody sees keeps its stream only while something is under way.
  rest() {
    clearTimeout(this.resting);
    if (this.shell.shown(this)) {
      if (this.token && !this.feed) this.follow();
      return;
    }
    this.resting = setTimeout(() => (this.busy ? this.rest() : this.close()), REST);
  }

  // Looks

  changed() {
    const { next } = this.outgoing;
    if (next?.task && !this.drafts.size) this.drafts.of(next.task);
    this.read();
    this.shell.changed(this);
  }

  // Keep in the book how far things are, and how far they were read.
  read() {
    const record = this.record;
    if (!record || !this.token || !this.last) return;
    const known = Math.max(this.last, record.known);
    const seen = this.shell.shown(this) ? known : record.seen;
    if (known === record.known && seen === record.seen) return;
    const news = known > record.known && this.moment ? { last: this.moment } : {};
    this.book.put(this.key, { known, seen, ...news });
  }

  say(words) {
    this.alert = words;
    this.shell.changed(this);
  }

  reached() {
    if (this.feed?.connected) this.status("");
  }

  lostTouch() {
    this.status(LOST);
  }

  // A hiccup is not worth a word: bad news waits a second.
  status(words) {
    clearTimeout(this.telling);
    const tell = () => {
      this.trouble = words;
      this.shell.changed(this);
    };
    if (words) this.telling = setTimeout(tell, 1000);
    else tell();
  }
}
