// Files: as they are shown in a message, and as they wait to be sent with one.

import { icon, iconButton, make, sized } from "./dom.js";
import { Problem, upload } from "./wire.js";

const SHOWN = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
const MOST = 10; // with one message
const AT_ONCE = 2; // uploads; a browser has few connections, and one of them is the stream

// One file. `again` finds its address anew, "" when it is gone: addresses are signed for a while.
export function fileElement(file, again, open) {
  return SHOWN.includes(file.media_type) && file.url
    ? thumbnail(file, again, open)
    : chip(file, again, open);
}

function thumbnail(file, again, open) {
  const image = make("img");
  image.alt = file.name;
  image.loading = "lazy";
  image.src = file.url;
  const frame = make("a", "thumbnail", image);
  opens(frame, file, again, open);
  const renew = async () => {
    const url = await again(file.id);
    if (!url) return frame.replaceWith(chip(file, again, open));
    image.src = url;
  };
  image.addEventListener("error", () => {
    renew();
    image.addEventListener("error", () => frame.replaceWith(chip(file, again, open)), { once: true });
  }, { once: true });
  return frame;
}

function chip(file, again, open) {
  const name = make("bdi", "name", file.name || "file");
  const about = make("span", "about", name, make("span", "size", sized(file.size)));
  const element = make("a", "file", icon("file"), about, icon("download"));
  opens(element, file, again, open);
  return element;
}

function opens(element, file, again, open) {
  element.href = file.url ?? "";
  element.download = file.name || "file";
  element.title = `Download ${file.name || "file"}`;
  element.addEventListener("click", (event) => {
    event.preventDefault();
    open(element, file, again);
  });
}

const expired = (url) => {
  const until = Number(new URL(url, location.href).searchParams.get("exp"));
  return Boolean(until) && until * 1000 < Date.now() + 5000;
};

// Save the file, through a new address when its own has expired.
export async function download(element, file, again) {
  if (!element.pathname.startsWith("/files/") || expired(element.href)) {
    element.href = (await again(file.id)) || element.href;
  }
  const way = make("a");
  way.href = element.href;
  way.download = element.download;
  way.click();
}

// The files that go with the next message. `open` resolves to a token, `changed` is told, and
// `say` gets what went wrong, or "" when that is over.
export class Tray {
  constructor(limit, open, changed, say) {
    Object.assign(this, { limit, open, changed, say });
    this.items = [];
    this.element = make("ul", "tray");
    this.element.setAttribute("aria-label", "Files to send");
  }

  get busy() {
    return this.items.some((one) => ["waiting", "sending"].includes(one.state));
  }

  get ready() {
    return this.items.filter((one) => one.state === "ready").map((one) => one.file);
  }

  add(files) {
    for (const file of files) this.keep(file);
    this.next();
  }

  keep(content) {
    const item = { content, state: "waiting", part: 0, stop: new AbortController() };
    this.items.push(item);
    item.element = this.element.appendChild(make("li"));
    const many = this.items.length > MOST ? `A message takes at most ${MOST} files.` : "";
    const wrong = many || unfit(content, this.limit);
    if (wrong) this.failed(item, wrong);
    else this.show(item);
  }

  next() {
    const sending = this.items.filter((one) => one.state === "sending").length;
    const waiting = this.items.filter((one) => one.state === "waiting");
    for (const item of waiting.slice(0, Math.max(0, AT_ONCE - sending))) this.send(item);
    this.changed();
  }

  async send(item) {
    item.state = "sending";
    this.show(item);
    const progress = (part) => {
      item.part = part;
      item.element.querySelector("progress")?.setAttribute("value", part);
    };
    try {
      const token = await this.open();
      const { signal } = item.stop;
      item.file = await upload("/api/files", item.content, { token, progress, signal });
      item.state = "ready";
      this.show(item);
    } catch (error) {
      if (!item.stop.signal.aborted) this.failed(item, reason(error), !(error instanceof Problem));
    }
    this.next();
  }

  failed(item, why, again = false) {
    Object.assign(item, { state: "failed", why, again });
    this.show(item);
    this.say(`${item.content.name}: ${why}`);
  }

  remove(item) {
    item.stop.abort();
    this.items = this.items.filter((one) => one !== item);
    item.element.remove();
    this.say("");
    this.next();
  }

  // What is ready goes along with a message.
  take() {
    const files = this.ready;
    this.items = [];
    this.element.replaceChildren();
    return files;
  }

  show(item) {
    const { content, state } = item;
    const about = make("span", "about", make("bdi", "name", content.name));
    about.append(make("span", "size", item.why ?? sized(content.size)));
    const picture = state === "ready" && SHOWN.includes(item.file.media_type) && item.file.url;
    const parts = [picture ? preview(item.file) : icon("file"), about];
    if (state === "failed" && item.again) parts.push(iconButton("again", `Try ${content.name} again`, () => this.retry(item)));
    const words = state === "sending" ? `Cancel ${content.name}` : `Remove ${content.name}`;
    parts.push(iconButton("close", words, () => this.remove(item)));
    if (["waiting", "sending"].includes(state)) about.append(bar(content, item.part));
    item.element.className = state;
    item.element.replaceChildren(...parts);
  }

  retry(item) {
    Object.assign(item, { state: "waiting", why: undefined, part: 0 });
    this.say("");
    this.next();
  }
}

function preview(file) {
  const image = make("img");
  image.alt = "";
  image.src = file.url;
  return image;
}

function bar({ name }, part) {
  const progress = make("progress");
  progress.value = part;
  progress.setAttribute("aria-label", `${name} is being sent`);
  return progress;
}

function unfit(content, limit) {
  if (!content.size) return "It is empty.";
  if (limit && content.size > limit) {
    return `It is too large: ${sized(content.size)}, and at most ${sized(limit)} can be sent.`;
  }
  return "";
}

function reason(error) {
  if (!(error instanceof Problem)) return "The connection was lost.";
  return error.status === 413 ? `It is too large. ${error.message}` : error.message;
}
