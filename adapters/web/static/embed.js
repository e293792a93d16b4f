// The page within another site's page. widget.js is the other side of this.

export const embedded = parent !== window;

// What is told holds nothing that another site could not see: that there is a chat.
export function tell(what) {
  if (embedded) parent.postMessage({ chatgateway: what }, "*");
}

// `to` is told what the site around says: identify(token), and shown() when it shows the page.
export function listen(to) {
  if (!embedded) return;
  const origins = (document.body.dataset.origins ?? "").split(" ");
  addEventListener("message", ({ source, origin, data }) => {
    if (source !== parent || !origins.includes(origin)) return;
    if (data?.chatgateway === "identify" && typeof data.token === "string") to.identify(data.token);
    else if (data?.chatgateway === "shown") to.shown();
  });
  tell("ready");
}
