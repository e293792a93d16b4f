// The chat page: one session, everything in it shown from one stream of events.
//
// What the user sends is posted with an id of its own and kept in the browser until it comes back
// as a numbered message: posting it again, after a lost connection or a reload, is harmless.

import { Feed } from "./feed.js";
import { $, divider, failed, fill, messageElement, ready, Scroller } from "./view.js";
import { Drafts, Questions } from "./waiting.js";
import { Memory, newId, Patience, pause, Problem, request } from "./wire.js";

const PAGE = 50; // messages of history at once
const REST = 60_000; // a hidden, idle page gives its connection back after this
const COURTESY = 2_000; // how long a first message waits for the stream that will show its answer
const LEAVE = 1_500; // a task that is over may still have messages on their way for this long
const LOST = "Connection lost, trying again…";
const FRESH = "Fresh start: I have forgotten our conversation.";

const over = (state) => !["submitted", "working"].includes(state);

export class Chat {
  // `giveBack` takes texts that could not be sent.
  constructor(agent, giveBack) {
    this.agent = agent;
    this.giveBack = giveBack;
    this.memory = new Memory(`chat/${agent}/`);
    this.token = this.memory.get("token");
    this.entries = []; // what was sent and is not in the log yet
    this.drafts = new Drafts((taskId, element) => this.below(taskId, element));
    this.questions = new Questions((question, option, label) => {
      this.send(label, { question, option });
      ready();
    });
    this.last = 0;
    this.first = 0;
    this.posting = false;
    this.feed = null;
    this.patience = new Patience(500, 15_000);
    this.listening = Promise.resolve(); // until the stream of a new session is there
    this.scroller = new Scroller($("scroller"), $("scroller").firstElementChild, $("latest"));
  }

  start() {
    for (const entry of this.memory.get("unsent") ?? []) this.keep({ ...entry, confirmed: false });
    this.changed();
    if (this.token) this.follow();
    else this.flush();
  }

  // Sending

  send(text, press = {}) {
    this.say("");
    this.scroller.stuck = true;
    this.keep({ id: newId(), text, ...press });
    this.flush();
  }

  keep(entry) {
    entry.element = messageElement({ role: "user", text: entry.text, notice: entry.text.startsWith("/") });
    entry.element.classList.add("waiting");
    this.entries.push(entry);
    $("pending").append(entry.element);
    if (entry.failure) failed(entry.element, entry.failure, () => this.again(entry));
    this.changed();
  }

  // Post what is not confirmed, in order, one at a time; ends when all is, or the service is away.
  async flush() {
    if (this.posting) return;
    this.posting = true;
    const pace = this.patience.pace();
    try {
      for (let entry; (entry = this.entries.find((one) => !one.confirmed && !one.failure)); ) {
        try {
          await this.open();
          await this.post(entry);
          if (this.feed?.connected) this.status("");
          pace.reset();
        } catch (error) {
          if (this.refused(entry, error)) continue;
          this.status(LOST, true);
          await pace.next((error.retryAfter ?? 0) * 1000);
        }
      }
    } finally {
      this.posting = false;
    }
  }

  async open() {
    if (this.token) return;
    const response = await request("POST", "/api/session", { body: { agent: this.agent } });
    this.adopt(await response.json());
    await Promise.race([this.listening, pause(COURTESY)]);
  }

  async post(entry) {
    const { id, text, question, option } = entry;
    const body = { message_id: id, text, wait: 0, question, option };
    entry.posted = true;
    const response = await request("POST", "/api/chat", { token: this.token, body });
    const answer = await response.json();
    if (answer.session) this.begin(answer.session, answer.messages.filter((one) => !one.id));
    entry.confirmed = true;
    entry.task = answer.task.id;
    entry.element.classList.remove("waiting");
    if (answer.session) this.continued(entry, answer);
    else if (over(answer.task.state)) this.settle(answer.task.id);
    this.changed();
  }

  // After /reset nothing is left of the message; after /new its text is the session's first one.
  continued(entry, answer) {
    const rest = entry.text.replace(/^\S+\s*/, "");
    if (!rest) return;
    if (answer.task.state === "rejected") return this.giveBack([rest]);
    entry.text = rest;
    this.keep(entry);
    if (over(answer.task.state)) this.settle(answer.task.id);
  }

  // Whether the error is an answer; anything else is worth another try.
  refused(entry, error) {
    if (!(error instanceof Problem)) return false;
    if (error.status === 401 && this.token) {
      this.lost();
      return true;
    }
    if (error.status >= 500) return false;
    if (entry.task) {
      // It was taken before, and is only asked about.
      entry.confirmed = true;
      return true;
    }
    entry.failure = error.message;
    if (entry.question) this.questions.reopen(entry.question);
    failed(entry.element, error.message, error.status === 409 ? null : () => this.again(entry));
    this.changed();
    return true;
  }

  again(entry) {
    // A refused id stays refused.
    Object.assign(entry, { id: newId(), failure: "" });
    failed(entry.element, "");
    this.changed();
    this.flush();
  }

  async stop() {
    if (!this.token) return;
    $("stop").disabled = true;
    const body = { text: "/stop", message_id: newId(), wait: 0 };
    try {
      await request("POST", "/api/chat", { token: this.token, body });
    } catch (error) {
      this.say(error instanceof Problem ? error.message : "The server cannot be reached right now.");
    }
    $("stop").disabled = false;
  }

  // Sessions

  adopt(session) {
    this.token = session.token;
    this.memory.set("token", session.token);
    this.last = 0;
    this.first = 0;
    this.listening = new Promise((heard) => (this.heard = heard));
    this.follow();
  }

  // A fresh session by the user's own wish: an empty page, and what there is to say about it.
  begin(session, notices) {
    this.clear();
    this.adopt(session);
    for (const notice of notices) this.note(notice.text);
  }

  clear() {
    $("log").replaceChildren();
    $("earlier").hidden = true;
    this.forget();
  }

  forget() {
    $("pending").replaceChildren();
    this.entries = [];
    this.drafts.clear();
    this.questions.clear();
  }

  async reset() {
    if (!this.token) return;
    try {
      const response = await request("POST", "/api/session/reset", { token: this.token });
      this.begin(await response.json(), [{ text: FRESH }]);
    } catch (error) {
      if (error.status === 401) this.lost();
      else this.say("That did not work: the server cannot be reached right now.");
    }
    this.changed();
    ready();
  }

  // The token died. What was not sent goes back to be sent again. Another window may have started
  // anew: then this one goes along; else what was said stays in sight until it is left.
  lost() {
    const unsent = this.entries.filter((entry) => !entry.task && !entry.question);
    const next = this.memory.get("token");
    this.feed?.stop();
    this.feed = null;
    if (next && next !== this.token) {
      this.clear();
      this.adopt({ token: next });
    } else {
      this.memory.set("token", null);
      this.token = null;
      this.forget();
      this.note("That conversation has ended. Your next message starts a new one.");
    }
    if (unsent.length) {
      this.giveBack(unsent.map((entry) => entry.text));
      this.say("Your message was not sent: it is in the box below.");
    }
    this.changed();
  }

  note(words) {
    if ($("log").lastElementChild?.textContent !== words) $("log").append(divider(words));
  }

  // Receiving

  follow() {
    this.feed?.stop();
    this.feed = new Feed(this.token, this.patience, this);
    this.feed.run();
  }

  async load(token) {
    const response = await request("GET", `/api/chat/history?limit=${PAGE}`, { token });
    const { messages } = await response.json();
    if (this.token !== token) return;
    $("earlier").hidden = messages.length < PAGE;
    for (const message of messages) this.arrived(message);
    this.first = messages[0]?.id ?? 0;
    for (const item of $("log").children) item.classList.remove("new");
    this.scroller.toEnd(false);
    this.changed();
  }

  async earlier() {
    const path = `/api/chat/history?limit=${PAGE}&before=${this.first}`;
    $("earlier").disabled = true;
    try {
      const { messages } = await (await request("GET", path, { token: this.token })).json();
      this.first = messages[0]?.id ?? this.first;
      $("earlier").hidden = messages.length < PAGE;
      this.scroller.above(() => $("log").prepend(...messages.map(messageElement)));
    } catch (error) {
      this.say("The earlier messages cannot be fetched right now.");
    }
    $("earlier").disabled = false;
  }

  // What ended before is learnt by posting it again.
  caughtUp() {
    this.status("");
    this.heard?.();
    this.patience.end();
    for (const taskId of this.drafts.tasks()) this.verify(taskId);
    this.recheck();
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

  recheck() {
    for (const entry of this.entries) entry.confirmed = false;
    this.flush();
  }

  // The pieces that were missed are lost; the whole answer comes with its message.
  interrupted() {
    this.drafts.clear();
    this.status(LOST, true);
    this.changed();
  }

  // Another window that started anew is about to say so.
  async over(feed) {
    await pause(500);
    if (this.feed === feed) this.lost();
  }

  tokenChanged() {
    const token = this.memory.get("token");
    if (token && token !== this.token) this.lost();
  }

  happened({ kind, data }) {
    if (kind === "message") this.arrived(data);
    else if (kind === "delta" && data.text) this.drafts.write(data.task_id, data.text);
    else if (kind === "step") this.drafts.step(data.task_id, data.title);
    else if (kind === "task" && over(data.state)) this.settle(data.id, data.state);
    else if (kind === "task" && data.state === "working") this.drafts.again(data.id);
    else if (kind === "ended") throw new Problem(401, "The session has ended.");
    this.changed();
  }

  arrived(message) {
    if (message.id <= this.last) return;
    this.last = message.id;
    const element = this.place(message);
    $("log").append(element);
    if (message.question) this.questions.ask(element, message);
  }

  // The element that shows the message: what stood for it until now, or a new one.
  place(message) {
    if (message.role === "user") {
      const entry =
        this.entries.find((one) => one.task && one.task === message.task_id) ??
        this.entries.find((one) => one.text.trim() === message.text.trim()) ??
        // An option may have been chosen by its number, and is shown by its name.
        (this.questions.has(message.task_id) && this.entries.find((one) => one.posted));
      this.questions.close(message.task_id, message.text);
      if (!entry) {
        this.recheck();
        return messageElement(message);
      }
      this.done(entry, message.task_id);
      fill(entry.element, message);
      return entry.element;
    }
    return this.drafts.become(message) ?? messageElement(message);
  }

  done(entry, taskId) {
    this.entries = this.entries.filter((one) => one !== entry);
    entry.element.classList.remove("waiting", "new");
    failed(entry.element, "");
    if (entry.task !== taskId) this.drafts.drop(entry.task);
  }

  // A draft stands below what it answers.
  below(taskId, element) {
    const entry = this.entries.find((one) => one.task === taskId);
    if (entry) entry.element.after(element);
    else $("pending").append(element);
  }

  // The task is over; its messages are here or on their way.
  settle(taskId, state) {
    this.drafts.drop(taskId);
    if (state !== "input-required") this.questions.close(taskId);
    for (const entry of this.entries.filter((one) => one.task === taskId)) {
      entry.settled = true;
      // Some leave no message behind, /stop for one.
      setTimeout(() => this.leave(entry), LEAVE);
    }
  }

  leave(entry) {
    if (!this.entries.includes(entry)) return;
    this.done(entry, entry.task);
    $("log").append(entry.element);
    this.changed();
  }

  rest() {
    clearTimeout(this.resting);
    if (!document.hidden) {
      if (this.token && !this.feed) this.follow();
      return;
    }
    this.resting = setTimeout(() => {
      if (this.entries.length || this.drafts.size) return this.rest();
      this.feed?.stop();
      this.feed = null;
    }, REST);
  }

  // Looks

  changed() {
    const unsent = this.entries.map(({ element, ...entry }) => entry);
    this.memory.set("unsent", unsent.length ? unsent : null);
    const next = this.entries.find((one) => !one.settled && !one.failure);
    if (next?.task && !this.drafts.size) this.drafts.of(next.task);
    $("welcome").hidden = Boolean(document.querySelector(".messages > li:not(.divider)"));
    $("stop").hidden = !next?.task && !this.drafts.size;
    $("reset").hidden = !this.token || !$("welcome").hidden;
  }

  say(words) {
    $("alert").textContent = words;
    $("alert").hidden = !words;
  }

  // A hiccup is not worth a word: bad news waits a second.
  status(words, away = false) {
    clearTimeout(this.telling);
    const tell = () => {
      $("status").textContent = words;
      $("status").classList.toggle("away", away);
    };
    if (away) this.telling = setTimeout(tell, 1000);
    else tell();
  }
}
