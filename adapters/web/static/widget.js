// The chat on another site's page: a button, and a panel with the chat in a frame.
//
//   <script src="//chat.example/widget.js" data-agent="support" defer></script>
//
// ChatGateway.identify(token) says who is signed in there ("": nobody); open() and close() do what
// the button does. data-label, data-side ("left"), data-theme and data-user-token are optional.

(() => {
  const script = document.currentScript;
  if (!script || window.ChatGateway) return;
  const { agent = "", label = "Chat with us", side = "right", theme = "" } = script.dataset;
  const { origin } = new URL(script.src);
  const SVG = "http://www.w3.org/2000/svg";
  let token = script.dataset.userToken ?? "";
  let frame = null;
  let ready = false;

  const styles = `
    :host { all: initial; color-scheme: light dark; }
    :host([data-theme="light"]) { color-scheme: light; }
    :host([data-theme="dark"]) { color-scheme: dark; }
    [hidden] { display: none !important; }
    button {
      position: fixed; ${side === "left" ? "left" : "right"}: 1rem; bottom: 1rem;
      z-index: 2147483000; display: grid; place-items: center; box-sizing: border-box;
      width: 56px; height: 56px; padding: 0; border: 0; border-radius: 50%; cursor: pointer;
      background: light-dark(#0f766e, #35b3a4); color: light-dark(#fff, #06201d);
      box-shadow: 0 4px 18px rgb(0 0 0 / 28%);
    }
    button:focus-visible { outline: 3px solid light-dark(#0f766e, #35b3a4); outline-offset: 3px; }
    svg {
      width: 26px; height: 26px; fill: none; stroke: currentcolor; stroke-width: 1.8;
      stroke-linecap: round; stroke-linejoin: round;
    }
    #panel {
      position: fixed; ${side === "left" ? "left" : "right"}: 1rem; bottom: 84px;
      z-index: 2147483001; box-sizing: border-box; overflow: hidden;
      width: min(400px, calc(100vw - 2rem)); height: min(640px, calc(100vh - 104px));
      border: 1px solid light-dark(#e4e1d9, #2d3237); border-radius: 18px;
      background: light-dark(#f6f5f1, #121416); box-shadow: 0 12px 48px rgb(0 0 0 / 30%);
    }
    iframe { display: block; width: 100%; height: 100%; border: 0; }
    @media (max-width: 480px), (max-height: 420px) {
      #panel { inset: 0; width: 100%; height: 100%; border: 0; border-radius: 0; }
    }
    @media (prefers-reduced-motion: no-preference) {
      #panel { animation: rise 0.18s ease-out; }
      @keyframes rise { from { opacity: 0; transform: translateY(12px); } }
    }
    @media (forced-colors: active) { button { border: 2px solid ButtonText; } }
  `;

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function bubble() {
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", "M4 5h16v11h-9l-5 4v-4H4zM8 9.500h8M8 12.500h5");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.append(path);
    return svg;
  }

  const panel = make("div", { id: "panel", role: "dialog", "aria-label": label, hidden: "" });
  const button = make("button", {
    type: "button", title: label, "aria-label": label, "aria-haspopup": "dialog",
    "aria-expanded": "false", "aria-controls": "panel",
  }, bubble());
  const host = make("div", { "data-theme": theme });
  const root = host.attachShadow({ mode: "open" });
  // Made by script, a sheet needs no style-src of the page around.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
  root.append(button, panel);

  // The chat is fetched when somebody first wants it.
  function load() {
    const path = agent ? `/chat/${encodeURIComponent(agent)}` : "/";
    const query = new URLSearchParams({ embed: "1", theme });
    frame = make("iframe", {
      src: `${origin}${path}?${query}`, title: label, allow: "clipboard-write",
    });
    panel.append(frame);
  }

  const tell = (what, more) => {
    frame.contentWindow.postMessage({ chatgateway: what, ...more }, origin);
  };

  function open() {
    if (!panel.hidden) return;
    panel.hidden = false;
    button.setAttribute("aria-expanded", "true");
    if (!frame) load();
    frame.focus();
    if (ready) tell("shown");
  }

  function close() {
    if (panel.hidden) return;
    const within = root.activeElement !== null;
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (within) button.focus();
  }

  function identify(value) {
    token = String(value ?? "");
    if (ready) tell("identify", { token });
  }

  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== origin) return;
    const what = event.data?.chatgateway;
    if (what === "close") close();
    if (what !== "ready") return;
    ready = true;
    if (token) identify(token);
    if (!panel.hidden) tell("shown");
  });
  button.addEventListener("click", () => (panel.hidden ? open() : close()));
  button.addEventListener("keydown", (event) => event.key === "Escape" && close());
  const show = () => document.body.append(host);
  if (document.body) show();
  else addEventListener("DOMContentLoaded", show);
  const value = Object.freeze({ identify, open, close });
  Object.defineProperty(window, "ChatGateway", { value, enumerable: true });
})();
