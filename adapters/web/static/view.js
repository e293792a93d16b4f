// What the page shows. Everything people or agents wrote becomes text nodes, never markup.

const LINK = /https?:\/\/[^\s<>"'`]+/g;
const NEAR = 64; // pixels from the bottom that still count as being there

export const $ = (id) => document.getElementById(id);

// Ready to write, except where that would push a keyboard onto the screen.
export function ready() {
  if (matchMedia("(hover: hover)").matches) $("text").focus();
}

export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// The text, with its web addresses as links.
function linked(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(/[.,;:!?)\]}'"]+$/, "");
    const link = make("a", "", address);
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    nodes.push(text.slice(from, match.index), link);
    from = match.index + address.length;
  }
  nodes.push(text.slice(from));
  return nodes;
}

function stamped(time, when) {
  const date = new Date(when);
  const today = date.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit" };
  time.dateTime = when;
  time.title = date.toLocaleString();
  time.textContent = today
    ? date.toLocaleTimeString([], clock)
    : date.toLocaleString([], { day: "numeric", month: "short", ...clock });
}

// One message's element. `fill` may be called again, when a draft becomes the message.
export function messageElement(message) {
  const item = make("li", "new");
  item.append(make("div", "said"));
  fill(item, message);
  return item;
}

export function fill(item, message) {
  const said = item.querySelector(".said");
  const bubble = make("div", "bubble", ...linked(message.text));
  const time = make("time");
  if (message.created_at) stamped(time, message.created_at);
  said.replaceChildren(bubble, time);
  item.querySelector(".step")?.remove();
  item.querySelector(".sender")?.remove();
  if (message.sender) item.prepend(make("span", "sender", message.sender));
  item.classList.remove("draft");
  item.classList.add(message.role === "user" ? "user" : message.role === "system" ? "system" : "assistant");
  item.classList.toggle("notice", Boolean(message.notice));
  if (message.id) item.dataset.number = message.id;
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

// Dots, then an answer as it is written.
export function draftElement() {
  const dots = make("span", "dots", make("i"), make("i"), make("i"));
  dots.setAttribute("role", "img");
  dots.setAttribute("aria-label", "An answer is being written");
  return make("li", "assistant draft new", make("div", "said", make("div", "bubble", dots)));
}

export function write(draft, text) {
  const bubble = draft.querySelector(".bubble");
  if (!bubble.classList.contains("writing")) {
    bubble.classList.add("writing");
    bubble.replaceChildren(document.createTextNode(""));
  }
  bubble.firstChild.appendData(text);
}

export const written = (draft) => draft.querySelector(".writing")?.firstChild.data ?? "";

export function step(draft, title) {
  const line = draft.querySelector(".step") ?? draft.appendChild(make("span", "step"));
  line.textContent = `${title}…`;
}

export function failed(item, words, retry) {
  item.querySelector(".failure")?.remove();
  if (!words) return;
  const line = make("div", "failure", words);
  if (retry) {
    const button = make("button", "", "Try again");
    button.type = "button";
    button.addEventListener("click", retry);
    line.append(button);
  }
  item.append(line);
}

// Keeps the newest message in sight, but only for somebody who is looking at it.
export class Scroller {
  constructor(element, content, latest) {
    this.element = element;
    this.latest = latest;
    this.stuck = true;
    this.gliding = false;
    this.before = 0;
    element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    element.addEventListener("scrollend", () => {
      this.gliding = false;
      this.scrolled();
    });
    latest.addEventListener("click", () => this.toEnd(true));
    new ResizeObserver(() => this.changed()).observe(content);
    new ResizeObserver(() => this.changed()).observe(element);
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const near = this.gliding || scrollHeight - scrollTop - clientHeight < NEAR;
    // What grew below is no reason to let go; only somebody who scrolls up is.
    if (near || scrollTop < this.before) this.stuck = near;
    this.before = scrollTop;
    document.body.classList.toggle("scrolled", scrollTop > 4);
    this.latest.hidden = this.stuck;
  }

  changed() {
    if (this.stuck) this.toEnd(false);
    else this.scrolled();
  }

  toEnd(smooth) {
    this.stuck = true;
    this.gliding = smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element.scrollTo({
      top: this.element.scrollHeight,
      behavior: this.gliding ? "smooth" : "instant",
    });
  }

  // Put something above what is being read without moving it.
  above(change) {
    const fromEnd = this.element.scrollHeight - this.element.scrollTop;
    change();
    this.element.scrollTop = this.element.scrollHeight - fromEnd;
  }
}
