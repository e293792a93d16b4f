// What a message looks like. Agents' words are Markdown; everybody else's are just words.

import { download, fileElement } from "./files.js";
import { linked, make, moment } from "./dom.js";
import { Writer } from "./markdown.js";

const PER_FRAME = 1500; // characters written at once, so that a flood does not hold a frame up

const roleOf = ({ role }) => (["user", "system"].includes(role) ? role : "assistant");

function stamped(when) {
  const time = make("time", "", moment(when));
  time.dateTime = when;
  time.title = new Date(when).toLocaleString();
  return time;
}

function words(message) {
  const bubble = make("div", "bubble");
  if (roleOf(message) === "assistant" && !message.notice) {
    bubble.classList.add("prose");
    const writer = new Writer(bubble);
    writer.write(message.text);
    writer.end();
  } else {
    bubble.dir = "auto";
    bubble.append(...linked(message.text));
  }
  return bubble;
}

// One message's element. `fill` may be called again, when a draft becomes the message; `renew`
// finds the message anew, when the address of a file in it has expired.
export function messageElement(message, renew) {
  const item = make("li", "new");
  item.append(make("div", "said"));
  fill(item, message, renew);
  return item;
}

export function fill(item, message, renew) {
  const said = item.querySelector(".said");
  const kept = said.querySelector(".bubble.whole");
  const parts = message.text ? [kept ?? words(message)] : [];
  if (message.attachments?.length) parts.unshift(filesOf(message, renew));
  if (message.created_at) parts.push(stamped(message.created_at));
  kept?.classList.remove("whole");
  said.replaceChildren(...parts);
  item.querySelector(".step")?.remove();
  item.querySelector(".sender")?.remove();
  if (message.sender) item.prepend(make("bdi", "sender", message.sender));
  item.classList.remove("draft");
  item.classList.add(roleOf(message));
  item.classList.toggle("notice", Boolean(message.notice));
  if (message.id) item.dataset.number = message.id;
  if (message.task_id) item.dataset.task = message.task_id;
}

function filesOf(message, renew) {
  const again = async (id) => {
    const fresh = renew && (await renew(message.id));
    return fresh?.attachments?.find((one) => one.id === id)?.url ?? "";
  };
  const items = message.attachments.map((file) => make("li", "", fileElement(file, again, download)));
  const list = make("ul", "files", ...items);
  list.setAttribute("aria-label", "Files");
  return list;
}

export const divider = (text) => make("li", "divider new", text);

// Buttons below a message; `choose` gets the option's place and its label.
export function offer(item, question, choose) {
  const group = make("div", "options");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Your answer");
  group.append(...question.options.map((label, place) => {
    const button = make("button", question.kind === "approval" && !place ? "primary" : "", label);
    button.type = "button";
    button.dir = "auto";
    button.addEventListener("click", () => {
      close(item, label);
      choose(place, label);
    });
    return button;
  }));
  item.append(group);
}

// An answered question cannot be answered again.
export function close(item, chosen) {
  for (const button of item.querySelectorAll(".options button")) {
    button.disabled = true;
    button.classList.remove("primary");
    button.classList.toggle("chosen", button.textContent === chosen);
  }
}

export function reopen(item) {
  for (const button of item.querySelectorAll(".options button")) {
    button.disabled = false;
    button.classList.remove("chosen");
  }
}

export function failed(item, reason, retry) {
  item.querySelector(".failure")?.remove();
  if (!reason) return;
  const line = make("div", "failure", reason);
  if (retry) {
    const button = make("button", "", "Try again");
    button.type = "button";
    button.addEventListener("click", retry);
    line.append(button);
  }
  item.append(line);
}

// Dots, then an answer as it is written: what comes between two frames is shown with the next.
export class Draft {
  constructor() {
    const dots = make("span", "dots", make("i"), make("i"), make("i"));
    dots.setAttribute("role", "img");
    dots.setAttribute("aria-label", "An answer is being written");
    this.bubble = make("div", "bubble", dots);
    this.element = make("li", "assistant draft new", make("div", "said", this.bubble));
    this.written = "";
    this.shown = 0;
    this.writer = null;
    this.frame = 0;
  }

  write(text) {
    this.written += text;
    this.frame ||= requestAnimationFrame(() => this.show(PER_FRAME));
  }

  show(most) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.writer) {
      this.bubble.className = "bubble prose writing";
      this.bubble.replaceChildren();
      this.writer = new Writer(this.bubble);
    }
    this.writer.write(this.written.slice(this.shown, this.shown + most));
    this.shown = Math.min(this.written.length, this.shown + most);
    if (this.shown < this.written.length) this.write("");
    else if (this.whole) this.end();
  }

  end() {
    this.writer.end();
    this.bubble.classList.remove("writing");
    this.before?.replaceWith(this.bubble);
  }

  step(title) {
    const line = this.element.querySelector(".step") ?? make("span", "step");
    line.textContent = `${title}…`;
    line.dir = "auto";
    this.element.append(line);
  }

  // Nothing more comes. What is not shown yet goes on being so, frame by frame.
  finish(text) {
    if (text.trim() !== this.written.trim()) {
      if (!text.startsWith(this.written)) this.anew();
      this.written = text;
    }
    this.whole = true;
    this.bubble.classList.add("whole");
    this.show(document.hidden ? Infinity : PER_FRAME);
    return this.element;
  }

  // Pieces were missed: it is written again behind what is shown, and takes its place in the end.
  anew() {
    this.before = this.bubble;
    this.before.classList.add("whole");
    this.bubble = make("div", "bubble prose");
    this.writer = new Writer(this.bubble);
    this.shown = 0;
  }

  // What was written until somebody stopped it.
  leave() {
    this.finish(this.written);
    this.element.querySelector(".step")?.remove();
    this.element.classList.replace("draft", "stopped");
    return this.element;
  }
}
